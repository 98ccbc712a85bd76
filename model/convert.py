"""Make a detector of weights that somebody else trained and published.

    python -m model.convert Meso4_DF.h5 --as meso4 --out DIR

DIR becomes a model like those of a training: predict, the server and the evaluator take it. Faces are cut and scaled as
its authors did, as nearly as the template here allows. Its card says whose it is. Verdicts in words need a test on
data that it was not trained on, of which the published files say nothing; so predict shows its scores alone.

  meso4            MesoNet's Meso4_DF.h5, Meso4_F2F.h5
  mesoinception4   MesoNet's MesoInception_DF.h5, MesoInception_F2F.h5
  capsule_v1       Capsule-Forensics's checkpoints of the first version (*.pt); --vgg names torchvision's VGG19

The layers of Kumar et al. stand above FaceNet, whose weights were published elsewhere and are not read here.
"""

import argparse
import os
import sys
from collections.abc import Sequence

from artifacts.errors import InputError
from commands import progress
from commands.parser import CommandParser
from commands.terminal import guard_terminal

KINDS = ("meso4", "mesoinception4", "capsule_v1")


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Define and parse the command line."""
    parser = CommandParser(prog="python -m model.convert", description=__doc__)
    parser.add_argument("file", metavar="FILE", help="published weights")
    parser.add_argument("--as", required=True, choices=KINDS, dest="kind", help="whose they are")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder of the model; new or empty")
    parser.add_argument("--vgg", metavar="FILE", help="torchvision's VGG19 (*.pth, *.safetensors), for capsule_v1")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code: 0, or 2 with a message."""
    guard_terminal()
    options = parse_arguments(arguments)
    try:
        _check(options)
        with progress.busy("converting"):
            from model.conversion import convert  # takes seconds to import

            convert(options.file, options.kind, options.out, options.vgg)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: {error.filename or options.out}: {error.strerror}", file=sys.stderr)
        return 2
    print(f"{options.out}: written. Try it: python -m serving.predict CLIP --model {options.out}")
    return 0


def _check(options: argparse.Namespace) -> None:
    for flag, path in (("FILE", options.file), ("--vgg", options.vgg)):
        if path is not None and not os.path.isfile(path):
            raise InputError(f"{flag} {path}: no such file")
    if (options.kind == "capsule_v1") != (options.vgg is not None):
        raise InputError(
            "--vgg: capsule_v1 looks at the feature maps of torchvision's VGG19, whose weights are not in FILE: give "
            "--vgg FILE"
            if options.vgg is None
            else f"--vgg: {options.kind} has no VGG19: leave it out"
        )
    if os.path.isfile(options.out) or (os.path.isdir(options.out) and os.listdir(options.out)):
        raise InputError(f"--out {options.out}: is not empty. Give a new folder")


if __name__ == "__main__":
    sys.exit(main())
