"""A verdict on one's own clip beside its parts: what `python -m serving.predict` costs beyond decode, detect and forward.

    python -m benchmarks.verdict
    python -m benchmarks.verdict --video FILE          # a real clip instead of a filmed photograph

A clip of 10 s, 1920x1080, 300 frames, H.264; a ResNet-34 with random weights at 256x256. In turns, in one run: the whole as
the command does it with its model loaded, and each part alone: decoding the chosen frames in a process of its own, detecting
faces on frames that are decoded, the forward pass over crops that are cut and batched. The whole may take less than the sum,
since frames are decoded while others are looked at.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time

from benchmarks import common
from benchmarks.extraction import make_clip

PARTS = ("decode", "detect", "forward")
WHOLE, CUT = "verdict", "align and encode"


def main(arguments=None):
    """Command line; returns the exit code."""
    parser = common.parser("verdict", __doc__)
    parser.add_argument("--video", metavar="FILE", help="a clip in place of the one that is made")
    parser.add_argument("--rounds", type=int, default=7, help="how often each is measured (default: %(default)s)")
    options = parser.parse_args(arguments)
    rounds, backbone, clip = (1, "resnet10", (24, 320, 240)) if options.quick else (
        options.rounds, "resnet34", (300, 1920, 1080)
    )  # fmt: skip
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


def export_model(folder, backbone):
    """Write a model with random weights."""
    from commands.quiet import import_tensorflow

    import_tensorflow()
    import keras
    import numpy as np

    from model.detector import DeepfakeDetector
    from model.export import export_saved_model
    from model.recipes import get_recipe

    keras.utils.set_random_seed(0)
    detector = DeepfakeDetector(get_recipe("paper", backbone=backbone))
    detector(np.zeros((1, 256, 256, 3), np.uint8), training=False)
    export_saved_model(detector, os.path.join(folder, "Format-Serving"))


def measure(video, model_dir, rounds):
    """Time the whole and its parts in turns; returns (name -> seconds of each round, figures)."""
    from artifacts.manifest import Video
    from faces.alignment import align, encode
    from faces.detector import MtcnnDetector
    from faces.reading import FrameReader
    from model.served import ServedModel
    from serving.verdict import judging
    from serving.verdict.judge import Judge
    from serving.verdict.parameters import JudgeParameters

    model, detector, parameters = ServedModel(model_dir), MtcnnDetector(), JudgeParameters()
    line = Video(video, video, "", "", 0, kind="video")
    with Judge(model, parameters) as judge, FrameReader(parameters.frames, parameters.decode_time_limit) as reader:

        def read():
            return (batch for _, reading in reader.read([line]) for batch in reading)

        def decode():
            for batch in read():
                batch.images.sum(dtype="uint64")  # touched, every one

        def verdict():
            return list(judge.judge_all([os.path.abspath(video)]))

        batches = [batch.images.copy() for batch in read()]
        faces = [detector.detect(images, parameters.min_face_size) for images in batches]
        seen = [
            (image, face)
            for images, of_batch in zip(batches, faces, strict=True)
            for image, of_image in zip(images, of_batch, strict=True)
            for face in of_image
        ]
        ((found_verdict, found),) = verdict()
        crops = [
            judging.crops_of(found.examples[k : k + judging.BATCH])
            for k in range(0, len(found.examples), judging.BATCH)
        ]
        contenders = {
            WHOLE: verdict,
            "decode": decode,
            "detect": lambda: [detector.detect(images, parameters.min_face_size) for images in batches],
            "forward": lambda: [model.predict(part) for part in crops],
            CUT: lambda: [encode(align(image, face.landmarks), "webp") for image, face in seen],
        }
        times = common.interleaved(contenders, rounds)
    return times, {"frames": found_verdict.wanted, "faces": len(found.examples)}


def start_of_command(folder):
    """Seconds that the command takes for a single crop: nearly all of it is importing libraries and loading the model."""
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
