"""The command line of `python -m serving.predict`."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from pydantic import Field, PositiveFloat, PositiveInt

from commands.flags import Flags
from commands.parameters import Parameters
from commands.parser import CommandParser, called_as
from faces.decoder import MAX_PIXELS, Limits
from serving.default_model import CHOICE
from serving.verdict.input_files import KINDS, Kind
from serving.verdict.output_paths import OutputPaths
from serving.verdict.verdict_options import MODELS_OWN, RENAMED, VerdictOptions

DESCRIPTION = """\
Tell whether your own videos and pictures are fake: how likely that is, how sure the model is, and what it looked at.

A PATH may be a video, a picture, a folder (all videos and pictures in it and in the folders below), or a pattern in
quotes. Everyone who is seen is followed through the video and assessed alone; a file is fake if one of its faces is.
"""
EPILOG = """\
examples:
  deepfake-predict clip.mp4
  deepfake-predict clips/ "more/**/*.mp4" --json verdicts.json --csv faces.csv
  deepfake-predict clip.mp4 --report clip.html --annotate clip_marked.mp4
  deepfake-predict clip.mp4 --detect_every 8  quicker search
  deepfake-predict faces/ --kind crop         pictures of nothing but one face
  deepfake-predict inbox/ --quiet || echo "look at it"
python -m serving.predict is the same command.

the verdict:
  likely fake, likely real  the probability and its whole interval lie on that
                            side of --threshold
  unsure                    the threshold lies within the interval, or closer
                            to the probability than 5 %; or only a face that
                            is seen too briefly looks fake
  cannot judge              no face, too small, in too few frames, or a file
                            that cannot be read; the line says which
  not judged                the model has no card, was tested on nothing or on
                            generated data alone, or is near guessing on its
                            own test set; the line says which. Its scores are
                            printed, and mean little

The 95 % interval shows how far the probability would move if other frames of the same file had been examined. It is
computed from the differences between frames, and allows for neighbouring frames being alike. A single picture has an
interval only if the model knows how its scores usually vary. The interval does not cover kinds of fakes that the
model has not seen: what it was trained and tested on stands below the table.

exit codes:
  0    every file was assessed, and none is fake
  1    at least one file is fake
  2    a wrong argument, no usable model, an output that cannot be written, no file that can be opened, a bug
  3    none is fake, but at least one file is unsure, could not be assessed or was not judged
  130  stopped by Ctrl-C, 143 by SIGTERM; what was assessed before is printed and written
"""


class FileLimits(Parameters):
    """Limits of a file, checked before it is decoded."""

    max_seconds: PositiveFloat | None = Field(
        None, allow_inf_nan=False, description="Longest video, seconds; null allows any."
    )
    max_pixels: PositiveInt = Field(MAX_PIXELS, description="Most pixels of a frame or picture.")


@dataclass(frozen=True)
class Options:
    """The command line.

    Attributes:
        paths: files, folders and patterns.
        model: folder of a model, or None; see `default_model`.
        kind: what the files are.
        outputs: where the outputs go.
        annotate: where the drawn copies go, or None.
        limits: of a file.
        verdict: options of the verdicts.
    """

    paths: list[str]
    model: str | None
    kind: Kind
    outputs: OutputPaths
    annotate: str | None
    limits: Limits
    verdict: VerdictOptions


def parse_options(arguments: Sequence[str] | None = None) -> Options:
    """Parse the command line.

    Raises:
        InputError: an option has a wrong value.
    """
    parser = _parser()
    # A group takes arguments as a parser does.
    limit_group = parser.add_argument_group("limits, checked before a file is decoded")
    verdict_group = parser.add_argument_group("how the files are assessed")
    limit_flags = Flags(limit_group, FileLimits)
    verdict_flags = Flags(verdict_group, VerdictOptions)
    for action in verdict_group._group_actions:  # the default in force is often not that of the field
        action.help = (action.help or "").replace(f"{MODELS_OWN} (default: ", "(default: the model's, else ")
    parsed = parser.parse_args(arguments)
    limits = limit_flags.read(parsed)
    return Options(
        paths=parsed.paths,
        model=parsed.model,
        kind=parsed.kind,
        outputs=OutputPaths(parsed.json, parsed.csv, parsed.report, parsed.quiet, parsed.overwrite),
        annotate=parsed.annotate,
        limits=Limits(limits.max_pixels, limits.max_seconds),
        verdict=verdict_flags.read(parsed),
    )


def _parser() -> argparse.ArgumentParser:
    """The parser of all options but those that are fields of `FileLimits` and `VerdictOptions`."""
    parser = CommandParser(
        prog=called_as("serving.predict", "deepfake-predict"), description=DESCRIPTION, epilog=EPILOG
    )
    parser.add_argument(
        "paths", nargs="+", metavar="PATH", help="videos, pictures, folders, or patterns such as '**/*.mp4'"
    )
    parser.add_argument(
        "--model",
        metavar="FOLDER",
        help=f"a pushed model: the folder with its versions, or one of them (default: {CHOICE})",
    )
    parser.add_argument(
        "--kind",
        choices=KINDS,
        default="auto",
        help="what the files are; crop: a face that is already cut out, which is assessed as it is "
        "(default: %(default)s, by their content)",
    )
    output = parser.add_argument_group("outputs, besides the table")
    output.add_argument("--json", metavar="FILE", help="write everything as JSON; - for standard output")
    output.add_argument(
        "--csv",
        metavar="FILE",
        help="write one row for each face; - for standard output. Text that a spreadsheet would run as a formula (it "
        "begins with =, +, - or @) gets an apostrophe in front; control characters in names are escapes (\\x1b)",
    )
    output.add_argument(
        "--report",
        metavar="FILE",
        help="write an HTML page: timeline, frames, faces with where the model looked. It grows by about 1.3 MB a "
        "video, all of which a browser holds in memory",
    )
    output.add_argument(
        "--annotate",
        metavar="PATH",
        help="draw boxes and verdicts on copies: an .mp4 for a video, a .png or .jpg for a picture, or a folder for "
        "several files, whose copies are called NAME-marked.mp4 there. The sound is kept",
    )
    output.add_argument(
        "--overwrite",
        action="store_true",
        help="let outputs replace files that this command did not make. Without it they replace only empty files and "
        "earlier outputs of the same kind, which are recognised by their content, so that a command may be repeated; "
        "nothing ever replaces an input, a file of the model or another output",
    )
    output.add_argument("--quiet", action="store_true", help="no table, no progress; errors are still printed")
    for old in RENAMED:
        parser.add_argument(f"--{old}", action=_Renamed, help=argparse.SUPPRESS)
    return parser


class _Renamed(argparse.Action):
    """Refuses an option that has another name now."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        parser.error(f"--{self.dest} is now called --{RENAMED[self.dest]}")
