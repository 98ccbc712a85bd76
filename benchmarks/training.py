"""A training step of the whole method, beside cross-entropy alone and beside PyTorch's step of the same network.

    python -m benchmarks.training [--backbone=efficientnetlite0] [--batch=64]
    pip install torch==2.13.0        # CPU; adds the comparison with PyTorch

ResNet-34 at 256x256, or EfficientNet-Lite0 at 224x224, in turns. Then: how many faces per second the input pipeline
delivers by itself, beside how many the step takes.
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence

from benchmarks import common

SIZES = {"resnet34": 256, "efficientnetlite0": 224}  # backbone -> side of its input, pixels


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and return its exit code."""
    parser = common.parser("training", __doc__)
    parser.add_argument("--rounds", type=int, default=7, help="timed steps of each contender (default: %(default)s)")
    parser.add_argument("--backbone", choices=SIZES, default="resnet34", help="network (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=16, help="faces of a step (default: %(default)s)")
    options = parser.parse_args(arguments)
    backbone, size, batch, rounds = options.backbone, SIZES[options.backbone], options.batch, options.rounds
    torch_backbone = backbone
    if options.quick:
        backbone, size, batch, rounds = "resnet10", 64, 8, 1

    contenders = {
        "whole method": keras_step("paper", backbone, size, batch),
        "cross-entropy alone": keras_step("cross_entropy", backbone, size, batch),
    }
    try:
        contenders["PyTorch"] = torch_step(torch_backbone, size, batch)
    except ImportError:
        print("torch is not installed: no comparison with it")
    times = common.interleaved(contenders, rounds)
    for name, seconds in times.items():
        print(f"{name:20} {1000 * statistics.median(seconds):8.0f} ms a step (median of {rounds})")
    ratios = {"method_to_cross_entropy": common.median_ratio(times, "whole method", "cross-entropy alone")}
    if "PyTorch" in times:
        ratios["cross_entropy_to_torch"] = common.median_ratio(times, "cross-entropy alone", "PyTorch")
        ratios["method_to_torch"] = common.median_ratio(times, "whole method", "PyTorch")

    figures = {name: statistics.median(seconds) for name, seconds in times.items()}
    taken = batch / figures["whole method"]
    for preset in ("paper", "forensic"):
        delivered = pipeline_rate(preset, 10 if options.quick else 60)
        figures[f"faces/s delivered, {preset}"] = delivered
        ratios[f"{preset}_input_to_step"] = delivered / taken
        print(f"input pipeline, {preset}: {delivered:.0f} faces/s; the step takes {taken:.1f}")
    for name, ratio in ratios.items():
        print(f"{name:28} {ratio:.3f}")
    common.write_json(options.json, ratios, figures)
    return 0


def keras_step(name: str, backbone: str, size: int, batch: int) -> Callable[[], float]:
    """Return a function that takes one training step of a network by a recipe, with all its terms acting."""
    from commands.quiet import import_tensorflow

    import_tensorflow()
    import tensorflow as tf

    from model.detector import DeepfakeDetector
    from model.optimizer import create_optimizer
    from model.recipes import get_recipe

    all_stages = {"weight_center_start": 0, "expander_start": 0} if name == "paper" else {}
    recipe = get_recipe(name, backbone=backbone, image_size=size, batch_size=batch, **all_stages)
    detector = DeepfakeDetector(recipe)
    detector.compile(optimizer=create_optimizer(recipe), jit_compile=False)
    detector.optimizer.build(detector.trainable_variables)
    step = tf.function(lambda crops, labels: detector.train_step((crops, labels)))
    crops = tf.cast(tf.random.uniform([batch, 256, 256, 3], 0, 256, tf.int32, seed=1), tf.uint8)
    labels = tf.constant([0, 1] * (batch // 2), tf.int64)
    return lambda: float(step(crops, labels)["loss"])


def torch_step(backbone: str, size: int, batch: int) -> Callable[[], float]:
    """Return the same for PyTorch, in its fastest layout: network, normalisation, cross-entropy and optimizer.

    Raises:
        ImportError: PyTorch is not installed.
    """
    import torch
    from torch import nn

    from benchmarks import torch_networks

    torch.set_num_threads(len(os.sched_getaffinity(0)))

    network = torch_networks.create(backbone).to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(network.parameters(), 0.01, momentum=0.9, weight_decay=5e-4)
    crops = torch.randint(0, 256, (batch, 3, size, size), dtype=torch.uint8)
    labels = torch.tensor([0, 1] * (batch // 2))
    mean, deviation = (torch.tensor(v).view(1, 3, 1, 1) for v in ((123.7, 116.3, 103.5), (58.4, 57.1, 57.4)))

    def step() -> float:
        images = ((crops.float() - mean) / deviation).to(memory_format=torch.channels_last)
        loss = nn.functional.cross_entropy(network(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return float(loss.item())

    return step


def pipeline_rate(preset: str, batches: int) -> float:
    """Return the faces per second that the input pipeline alone delivers, from 256x256 PNGs cut from a photograph."""
    import cv2
    import numpy as np
    import tensorflow as tf
    from skimage import data

    from artifacts import face_examples
    from model.input_pipeline import training_batches
    from model.recipes import get_recipe
    from model.record_index import index_records

    photo = cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2BGR)
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "faces.tfrecord")
        with tf.io.TFRecordWriter(path) as writer:
            for k in range(64):
                x, y = rng.integers(0, 200, 2)
                crop = photo[y : y + 256, x : x + 256]
                writer.write(
                    face_examples.FaceExample(
                        cv2.imencode(".png", crop)[1].tobytes(), "png", k % 2, "photo", "real", f"photo/{k}", 0, 0.0,
                        (0, 0, 256, 256), identity=f"photo/{k // 2}",
                    ).serialize()
                )  # fmt: skip
        recipe = get_recipe("paper", augmentation=preset, steps=batches + 5)
        stream = iter(training_batches(index_records([path]), recipe))
        for _ in range(5):
            next(stream)
        began = time.perf_counter()
        count = sum(len(labels) for _, labels in stream)
        return count / (time.perf_counter() - began)


if __name__ == "__main__":
    sys.exit(main())
