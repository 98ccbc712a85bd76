"""FaceExampleGen: the spec."""

from components.base import Component, Context
from faces.settings import FaceExampleGenParameters


def execute(context: Context) -> dict | None:
    """Extract the faces of every video; see `components.face_example_gen.executor`."""
    from components.face_example_gen import executor  # imports TensorFlow and Beam

    return executor.execute(context)


COMPONENT = Component(
    name="FaceExampleGen",
    module="components.face_example_gen.component",
    summary="Decode videos, find and follow the main face, align it and write TFRecords of 256x256 crops.",
    inputs={"videos": "Videos"},
    outputs={"examples": "Examples", "rejects": "Rejects"},
    parameters=FaceExampleGenParameters,
    execute=execute,
    libraries=(
        "mtcnn",
        "av",
        "opencv-python-headless",
        "pillow",
        "scikit-image",
        "tensorflow-cpu",
        "tensorflow",
        "numba",
        "numpy",
    ),
    resumable=True,
    uses_beam=True,
)
