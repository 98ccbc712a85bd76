"""Memory and time of the expander in its closed form, against making every synthetic negative.

    python -m benchmarks.expander

Triplet Loss with the expander's negatives, value and gradient, on one batch of 128-dimensional embeddings. Each
measurement runs in a process of its own; what counts is by how much its resident memory grows at the peak.
"""

import os
import statistics
import sys
import time

from benchmarks import common

PAGE = os.sysconf("SC_PAGE_SIZE") / 2**20  # MiB; what a measurement cannot tell from nothing


def main(arguments=None):
    """Command line; returns the exit code."""
    parser = common.parser("expander", __doc__)
    parser.add_argument("--batch", type=int, default=256, help="global batch (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="processes of each form, in turns (default: %(default)s)")
    options = parser.parse_args(arguments)
    if options.quick:
        options.batch, options.rounds = 96, 1
    found = {"closed": [], "built": []}
    for _ in range(options.rounds):
        for form, rows in found.items():
            what = f"{form} at batch {options.batch}"
            rows.append(common.in_own_process(_measure, form, options.batch, what=what))
            mib, seconds, loss = rows[-1]
            print(
                f"{form:6}  batch {options.batch}: {mib:8.0f} MiB more at the peak, {seconds:6.2f} s, loss {loss:.6f}"
            )
    figures = {
        form: {"mib": statistics.median(r[0] for r in rows), "seconds": statistics.median(r[1] for r in rows)}
        for form, rows in found.items()
    }
    ratios = {
        "memory_closed_to_built": statistics.median(
            a[0] / b[0] for a, b in zip(found["closed"], found["built"], strict=True)
        ),
        "time_closed_to_built": statistics.median(
            a[1] / b[1] for a, b in zip(found["closed"], found["built"], strict=True)
        ),
    }
    for name, ratio in ratios.items():
        print(f"{name:24} {ratio:.4f}")
    common.write_json(options.json, ratios, {"batch": options.batch, **figures})
    return 0


def _measure(form, batch):
    """(MiB more at the peak, seconds, loss), in a process of its own."""
    from commands.quiet import import_tensorflow

    tf = import_tensorflow()
    from model import expander, losses

    def closed(x, labels, eta):
        gram = x @ tf.transpose(x)
        negatives = expander.expanded_negative_similarity(gram, eta)
        return losses.triplet_loss(gram, labels, negative_similarity=negatives)[0]

    def built(x, labels, eta):
        """Every valid triplet's synthetic negative as a vector, [triplets, dimensions]."""
        positive, negative = losses.triplet_masks(labels)
        triplets = tf.where(positive[:, :, None] & negative[:, None, :])
        z, z_p, z_n = (tf.gather(x, triplets[:, k]) for k in range(3))
        d_p, d_n = (tf.norm(other - z, axis=1, keepdims=True) for other in (z_p, z_n))
        t = tf.where(d_n > d_p, (eta * d_n + (1 - eta) * d_p) / d_n, 1.0)
        synthetic = z + t * (z_n - z)
        loss = tf.nn.relu(tf.reduce_sum(z * synthetic, 1) - tf.reduce_sum(z * z_p, 1) + 1.0)
        return tf.reduce_sum(loss) / tf.maximum(tf.math.count_nonzero(loss, dtype=tf.float32), 1)

    @tf.function
    def value_and_gradient(x, labels):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = {"closed": closed, "built": built}[form](x, labels, tf.constant(0.236))
        return loss, tape.gradient(loss, x)

    def draw(count):
        x = tf.random.stateless_normal([count, 128], [0, 1])
        return tf.math.l2_normalize(x, axis=1), tf.constant([0, 1] * (count // 2))

    value_and_gradient(*draw(8))  # whatever is loaded or compiled once
    x, labels = draw(batch)
    # The peak starts anew from what is resident now: loading TensorFlow took more than a small batch does.
    with open("/proc/self/clear_refs", "w") as stream:
        stream.write("5")
    before = common.resident("VmRSS")
    began = time.perf_counter()
    loss = float(value_and_gradient(x, labels)[0])
    seconds = time.perf_counter() - began
    return max(common.resident("VmHWM") - before, PAGE), seconds, loss


if __name__ == "__main__":
    sys.exit(main())
