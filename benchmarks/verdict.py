"""A verdict on a clip beside its parts: what `python -m serving.predict` adds to decoding, detection and forward pass.

    python -m benchmarks.verdict
    python -m benchmarks.verdict --video FILE          # a real clip instead of a filmed photograph

The clip has 10 s, 1920x1080, 300 frames, H.264; the model is a ResNet-34 with random weights at 256x256. In turns, in
one run, it times the whole, as the command does it once its model is loaded, and each part alone: decoding the chosen
frames in a process of its own, detecting faces in decoded frames, the forward pass over batches of crops. The whole may
take less than the sum of its parts, as frames are decoded while others are searched.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence

from benchmarks import common
from benchmarks.extraction import make_clip
from faces.reading import Batch

PARTS = ("decode", "detect", "forward")
WHOLE, CUT = "verdict", "align and encode"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns the exit code."""
    parser = common.parser("verdict", __doc__)
    parser.add_argument("--video", metavar="FILE", help="a clip in place of the one that is made")
    parser.add_argument("--rounds", type=int, default=7, help="how often each is measured (default: %(default)s)")
    options = parser.parse_args(arguments)
    if options.quick:
        rounds, backbone, clip = 1, "resnet10", (24, 320, 240)
    else:
        rounds, backbone, clip = options.rounds, "resnet34", (300, 1920, 1080)
    with tempfile.TemporaryDirectory(prefix="verdict-") as folder:
        video = options.video or make_clip(os.path.join(folder, "clip.mp4"), 0, *clip)
        export_model(folder, backbone)
        times, figures = measure(video, os.path.join(folder, "Format-Serving"), rounds)
        figures["the command's start"] = start_of_command(folder)
    parts = [sum(seconds) for seconds in zip(*(times[name] for name in PARTS), strict=True)]
    ratios = {"verdict_to_parts": common.median_ratio(times | {"parts": parts}, WHOLE, "parts")}
    figures |= {f"s, {name}": statistics.median(seconds) for name, seconds in (times | {"sum of parts": parts}).items()}
    for name, value in (figures | ratios).items():
        print(f"{name:24} {value:8.3f}")
    common.write_json(options.json, ratios, figures)
    return 0


def export_model(folder: str, backbone: str) -> None:
    """Write a model with random weights into a folder."""
    from commands.quiet import import_tensorflow

    import_tensorflow()
    import keras
    import numpy as np

    from model.detector import DeepfakeDetector
    from model.exporting import export_saved_model
    from model.recipes import get_recipe

    keras.utils.set_random_seed(0)
    detector = DeepfakeDetector(get_recipe("paper", backbone=backbone))
    detector(np.zeros((1, 256, 256, 3), np.uint8), training=False)
    export_saved_model(detector, os.path.join(folder, "Format-Serving"))


def measure(video: str, model_dir: str, rounds: int) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Time the whole and its parts in turns.

    Args:
        video: path of the clip.
        model_dir: a SavedModel.
        rounds: how often each is measured.

    Returns:
        (name -> seconds of each round, further figures by name).
    """
    from artifacts.manifest import Video
    from faces.alignment import align, encode
    from faces.detector import MtcnnDetector
    from faces.reading import FrameReader
    from model.served import ServedModel
    from serving.verdict.assessor import Assessment, Assessor
    from serving.verdict.scores import BATCH, ScoringModel, crops_of
    from serving.verdict.verdict_options import VerdictOptions

    served, detector, options = ServedModel(model_dir), MtcnnDetector(), VerdictOptions()
    model = ScoringModel.of_served(served)
    line = Video(video, video, "", "", 0, kind="video")
    with Assessor(options) as assessor, FrameReader(options.frames, options.decode_time_limit) as reader:

        def read() -> Iterator[Batch]:
            for _, reading in reader.read([line]):
                yield from reading

        def decode() -> None:
            for batch in read():
                batch.images.sum(dtype="uint64")  # touches every pixel

        def assess() -> Assessment:
            return next(assessor.assess_all([os.path.abspath(video)], model))

        batches = [batch.images.copy() for batch in read()]
        faces = [detector.detect(images, options.min_face_size) for images in batches]
        seen = [
            (image, face)
            for images, of_batch in zip(batches, faces, strict=True)
            for image, of_image in zip(images, of_batch, strict=True)
            for face in of_image
        ]
        assessment = assess()
        examples = assessment.found.examples
        crops = [crops_of(examples[k : k + BATCH]) for k in range(0, len(examples), BATCH)]
        contenders: dict[str, Callable[[], object]] = {
            WHOLE: assess,
            "decode": decode,
            "detect": lambda: [detector.detect(images, options.min_face_size) for images in batches],
            "forward": lambda: [served.predict(part) for part in crops],
            CUT: lambda: [encode(align(image, face.landmarks), "webp") for image, face in seen],
        }
        times = common.interleaved(contenders, rounds)
    return times, {"frames": assessment.verdict.wanted, "faces": len(examples)}


def start_of_command(folder: str) -> float:
    """Seconds that the command takes for a single crop, nearly all of them to import libraries and load the model."""
    import cv2
    import numpy as np

    crop = os.path.join(folder, "crop.png")
    cv2.imwrite(crop, np.full((256, 256, 3), 128, np.uint8))
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "serving.predict", crop, "--kind=crop", "--quiet", f"--model={folder}/Format-Serving"],
        check=False,
    )
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
