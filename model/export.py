"""Write the SavedModel of a trained detector again.

    python -m model.export --model=MODEL --out=FOLDER [--half_precision]

MODEL is the folder that a training wrote, with Format-Keras/. FOLDER becomes a SavedModel with MODEL's calibration and
preprocessing; --half_precision stores its weights in half the bytes.
"""

import argparse
import os
import sys
from collections.abc import Sequence

from artifacts import layout
from artifacts.errors import InputError
from commands.parser import CommandParser
from commands.terminal import guard_terminal


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Define and parse the command line."""
    parser = CommandParser(prog="python -m model.export", description=__doc__)
    parser.add_argument("--model", required=True, metavar="FOLDER", help="that a training wrote")
    parser.add_argument("--out", required=True, metavar="FOLDER", help="of the SavedModel; new or empty")
    parser.add_argument("--half_precision", action="store_true", help="store the weights as float16: half the bytes")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    guard_terminal()
    options = parse_arguments(arguments)
    try:
        _check_folders(options.model, options.out)
        from model.exporting import export_again  # takes seconds to import

        export_again(options.model, options.out, options.half_precision)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{options.out}: written")
    return 0


def _check_folders(model: str, out: str) -> None:
    if not os.path.isfile(layout.keras_model(model)):
        raise InputError(f"--model {model}: holds no {layout.FORMAT_KERAS}/{layout.KERAS_MODEL}; a training writes it")
    if os.path.isfile(out) or (os.path.isdir(out) and os.listdir(out)):
        raise InputError(f"--out {out}: is not empty. Give a new folder")


if __name__ == "__main__":
    sys.exit(main())
