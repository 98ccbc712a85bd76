"""Memory and time of the expander in its closed form, beside building every synthetic negative.

    python -m benchmarks.expander

Triplet Loss with the expander's negatives, value and gradient, on one batch of 128-dimensional embeddings. Each
measurement runs in a process of its own; the memory is the growth of its resident size up to the peak.
"""

import os
import statistics
import sys
import time
from collections.abc import Sequence
from typing import NamedTuple

from benchmarks import common

PAGE = os.sysconf("SC_PAGE_SIZE") / 2**20  # MiB; the smallest growth that can be measured


class Measurement(NamedTuple):
    """Growth of the resident memory up to the peak in MiB, seconds, and the loss."""

    mib: float
    seconds: float
    loss: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and return its exit code."""
    parser = common.parser("expander", __doc__)
    parser.add_argument("--batch_size", type=int, default=256, help="global batch (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="processes of each form, in turns (default: %(default)s)")
    options = parser.parse_args(arguments)
    if options.quick:
        options.batch_size, options.rounds = 96, 1
    found: dict[str, list[Measurement]] = {"closed": [], "built": []}
    for _ in range(options.rounds):
        for form, rows in found.items():
            what = f"{form} at batch {options.batch_size}"
            mib, seconds, loss = row = common.in_own_process(measure, form, options.batch_size, what=what)
            rows.append(row)
            print(f"{what:20} {mib:8.0f} MiB more at the peak, {seconds:6.2f} s, loss {loss:.6f}")
    memory = {form: [row.mib for row in rows] for form, rows in found.items()}
    times = {form: [row.seconds for row in rows] for form, rows in found.items()}
    figures = {
        form: {"mib": statistics.median(memory[form]), "seconds": statistics.median(times[form])} for form in found
    }
    ratios = {
        "memory_closed_to_built": common.median_ratio(memory, "closed", "built"),
        "time_closed_to_built": common.median_ratio(times, "closed", "built"),
    }
    for name, ratio in ratios.items():
        print(f"{name:24} {ratio:.4f}")
    common.write_json(options.json, ratios, {"batch": options.batch_size, **figures})
    return 0


def measure(form: str, batch: int) -> Measurement:
    """Measure one form; needs a process of its own."""
    from commands.quiet import import_tensorflow

    import_tensorflow()
    import tensorflow as tf

    from model import expander, losses

    def closed(x: tf.Tensor, labels: tf.Tensor, eta: tf.Tensor) -> tf.Tensor:
        gram = x @ tf.transpose(x)
        negatives = expander.expanded_negative_similarity(gram, eta)
        return losses.triplet_loss(gram, labels, negative_similarity=negatives)[0]

    def built(x: tf.Tensor, labels: tf.Tensor, eta: tf.Tensor) -> tf.Tensor:
        """With every valid triplet's synthetic negative as a vector, [triplets, dimensions]."""
        positive, negative = losses.triplet_masks(labels)
        triplets = tf.where(positive[:, :, None] & negative[:, None, :])
        z, z_p, z_n = (tf.gather(x, triplets[:, k]) for k in range(3))
        d_p, d_n = (tf.norm(other - z, axis=1, keepdims=True) for other in (z_p, z_n))
        t = tf.where(d_n > d_p, (eta * d_n + (1 - eta) * d_p) / d_n, 1.0)
        synthetic = z + t * (z_n - z)
        loss = tf.nn.relu(tf.reduce_sum(z * synthetic, 1) - tf.reduce_sum(z * z_p, 1) + 1.0)
        return tf.reduce_sum(loss) / tf.maximum(tf.math.count_nonzero(loss, dtype=tf.float32), 1)

    def value_and_gradient(x: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = {"closed": closed, "built": built}[form](x, labels, tf.constant(0.236))
        return loss, tape.gradient(loss, x)

    value_and_gradient = tf.function(value_and_gradient)

    def draw(count: int) -> tuple[tf.Tensor, tf.Tensor]:
        x = tf.random.stateless_normal([count, 128], [0, 1])
        return tf.math.l2_normalize(x, axis=1), tf.constant([0, 1] * (count // 2))

    value_and_gradient(*draw(8))  # loads and compiles what is needed once
    x, labels = draw(batch)
    # Reset the peak to what is resident now: loading TensorFlow took more than a small batch does.
    with open("/proc/self/clear_refs", "w") as stream:
        stream.write("5")
    before = common.resident("VmRSS")
    began = time.perf_counter()
    loss = float(value_and_gradient(x, labels)[0])
    seconds = time.perf_counter() - began
    return Measurement(max(common.resident("VmHWM") - before, PAGE), seconds, loss)


if __name__ == "__main__":
    sys.exit(main())
