"""Train candidates for a detector to ship, for as long as they are given.

    KERAS_BACKEND=torch python -m benchmarks.gpu_training.candidates --data=PACK --out=DETECTORS --seconds=565

Candidates go side by side: the same pictures, other losses. They have strong augmentation, a cosine over the time that
there is, and moving averages of the weights. Written are one JSON line for each assessment of each candidate, and its
averaged weights in half precision by Keras's names.
"""

from benchmarks.gpu_training.options import parser
from benchmarks.gpu_training.settings import CANDIDATES


def main() -> None:
    """Run the command."""
    options_parser = parser("Train candidates for a detector to ship.")
    options_parser.add_argument("--candidates", default=",".join(CANDIDATES), help="default: %(default)s")
    options_parser.add_argument("--seconds", type=float, default=565, help="for everything (default: %(default)s)")
    options_parser.add_argument("--size", type=int, default=224, help="of the network's input (default: %(default)s)")
    options_parser.add_argument("--batch", type=int, default=64)
    options_parser.add_argument("--rate", type=float, default=0.03, help="learning rate (default: %(default)s)")
    options_parser.add_argument("--seed", type=int, default=0)
    options_parser.add_argument(
        "--keep", type=float, default=0.998, help="of the moving averages (default: %(default)s)"
    )
    options_parser.add_argument("--assessments", type=int, default=8)
    options = options_parser.parse_args()
    from benchmarks.gpu_training.candidate_runs import run  # imports torch

    run(options)


if __name__ == "__main__":
    main()
