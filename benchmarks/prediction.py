"""Writing predictions beside the bare forward pass: how busy the network is kept.

    python -m benchmarks.prediction

A ResNet-34 with random weights as a SavedModel; faces of 256x256 cut from a photograph, lossless WebP in one TFRecord
file. In turns: the forward pass over crops that are already decoded and batched, and what the Evaluator's workers do
with a file: read, decode, forward pass, Parquet. The same in processor time is meaningful even on a busy machine.
"""

import functools
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence

from benchmarks import common


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    parser = common.parser("prediction", __doc__)
    parser.add_argument("--rounds", type=int, default=5, help="passes over the faces of each (default: %(default)s)")
    parser.add_argument("--batch_size", type=int, default=32, help="faces per forward pass (default: %(default)s)")
    options = parser.parse_args(arguments)
    batch, rounds, backbone = (4, 1, "resnet10") if options.quick else (options.batch_size, options.rounds, "resnet34")
    faces = 8 * batch
    work: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="prediction-") as folder:
        contenders = make_contenders(folder, faces, batch, backbone)
        timed = {name: functools.partial(_timed, run, work.setdefault(name, [])) for name, run in contenders.items()}
        times = common.interleaved(timed, rounds)
    work = {name: spent[1:] for name, spent in work.items()}  # without the first round, as in `times`
    figures = {f"faces/s, {name}": faces / statistics.median(seconds) for name, seconds in times.items()}
    figures |= {f"CPU ms/face, {name}": 1000 * statistics.median(spent) / faces for name, spent in work.items()}
    ratios = {
        "predictions_to_forward": common.median_ratio(times, "bare forward pass", "predictions written"),
        "predictions_to_forward_cpu": common.median_ratio(work, "bare forward pass", "predictions written"),
    }
    for name, value in (figures | ratios).items():
        print(f"{name:34} {value:8.3f}")
    common.write_json(options.json, ratios, figures)
    return 0


def _timed(run: Callable[[], None], spent: list[float]) -> None:
    began = time.process_time()
    run()
    spent.append(time.process_time() - began)


def make_contenders(folder: str, faces: int, batch_size: int, backbone: str) -> dict[str, Callable[[], None]]:
    """Make the model and the faces; return name -> function."""
    from commands.quiet import import_tensorflow

    tf = import_tensorflow()
    import keras
    import numpy as np

    from components.evaluator import inference
    from model.detector import DeepfakeDetector
    from model.exporting import export_saved_model
    from model.input_pipeline import evaluation_batches
    from model.recipes import get_recipe
    from model.served import load_model

    keras.utils.set_random_seed(0)
    detector = DeepfakeDetector(get_recipe("paper", backbone=backbone))
    detector(np.zeros((1, 256, 256, 3), np.uint8), training=False)
    export_saved_model(detector, os.path.join(folder, "Format-Serving"))
    path = os.path.join(folder, "faces.tfrecord")
    with tf.io.TFRecordWriter(path) as writer:
        for record in make_faces(faces):
            writer.write(record)
    signature = load_model(folder)
    batches = [batch["crop"] for batch in evaluation_batches([path], batch_size)]

    def forward() -> None:
        for crops in batches:
            signature(crops)["logit"].numpy()

    def write() -> None:
        target = os.path.join(folder, "predictions.parquet")
        inference.predict_file(inference.Job(path, target, {}), folder, batch_size)
        os.remove(target)

    return {"bare forward pass": forward, "predictions written": write}


def make_faces(count: int) -> Iterator[bytes]:
    """Yield serialized face examples: cuts from a photograph, stored as the extraction stores them."""
    import numpy as np
    from skimage import data

    from artifacts.face_examples import FaceExample
    from faces.alignment import encode

    photo, rng = data.astronaut(), np.random.default_rng(0)
    for k in range(count):
        x, y = rng.integers(0, 256, 2)
        image = encode(photo[y : y + 256, x : x + 256], "webp")
        video = f"photo/real/{k // 32}"
        yield FaceExample(image, "webp", 0, "photo", "real", video, k % 32, 0.0, (0, 0, 256, 256)).serialize()


if __name__ == "__main__":
    sys.exit(main())
