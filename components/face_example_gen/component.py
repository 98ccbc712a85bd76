"""FaceExampleGen: its spec and parameters."""

from pydantic import Field, PositiveInt

from components.base import Component, Context
from faces.settings import ExtractionSettings


class FaceExampleGenParameters(ExtractionSettings):
    """Parameters of FaceExampleGen."""

    shards: PositiveInt = Field(
        16, description="TFRecord files per split, which is also the most workers that can share a split."
    )


def execute(context: Context) -> dict[str, int]:
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
    late_imports=("tensorflow", "apache_beam", "cv2"),
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
