"""Table 3 of the paper from an ImageNet start: what each term of the loss adds.

    KERAS_BACKEND=torch python -m benchmarks.gpu_training.ablation --data=PACK --batch=64 --out=ablation64.jsonl

The settings of `benchmarks.gpu_training.settings` are trained seed by seed, those of a seed side by side. They share
their first weights and their batches, so that differences are paired by seed. Every run sees the same number of faces,
at 160 pixels, mirrored or not. One JSON line for each run: its settings, its curve, its figures.
"""

from benchmarks.gpu_training.options import parser


def main() -> None:
    """Run the command."""
    options_parser = parser("Train the settings of the ablation, side by side.")
    options_parser.add_argument("--batch", type=int, choices=(16, 64), required=True)
    options_parser.add_argument("--faces", type=int, default=32_000, help="of each run (default: %(default)s)")
    options_parser.add_argument("--seeds", type=int, default=3)
    options_parser.add_argument("--rate16", type=float, default=0.01, help="learning rate at batch 16")
    options_parser.add_argument("--rate64", type=float, default=0.03, help="learning rate at batch 64")
    options = options_parser.parse_args()
    from benchmarks.gpu_training.ablation_runs import run  # imports torch

    run(options)


if __name__ == "__main__":
    main()
