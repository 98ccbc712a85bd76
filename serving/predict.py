"""Tell whether your own videos and pictures are fake: how likely that is, how sure the model is, and what it looked at.

A PATH may be a video, a picture, a folder (all videos and pictures in it and in the folders below), or a pattern in
quotes. Everyone who is seen is followed through the video and judged alone; a file is fake if one of its faces is.
"""

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from pydantic import Field, PositiveFloat, PositiveInt

from artifacts.errors import InputError
from commands.flags import Flags
from commands.parameters import Parameters
from commands.signals import StopSignals
from faces.decoder import MAX_PIXELS, Limits
from serving.verdict.annotate import Annotator
from serving.verdict.input_files import KINDS, Kind, find_files
from serving.verdict.outcomes import CANNOT_JUDGE, FAKE, UNSURE
from serving.verdict.output_paths import OutputPaths
from serving.verdict.verdict_json import Verdict
from serving.verdict.verdict_options import RENAMED, VerdictOptions

if TYPE_CHECKING:
    from model.served import ServedModel

MODEL = "serving_model"
EPILOG = """\
examples:
  deepfake-predict clip.mp4
  deepfake-predict clips/ "more/**/*.mp4" photo.jpg --json verdicts.json --csv faces.csv
  deepfake-predict clip.mp4 --report clip.html --annotate clip_judged.mp4
  deepfake-predict clip.mp4 --detect_every 8 --frames 64         quicker search, more frames
  deepfake-predict faces/ --kind crop                            pictures that hold nothing but one face
  deepfake-predict inbox/ --quiet || echo "look at it"           in a script
python -m serving.predict is the same command.

the verdict:
  likely fake, likely real: the probability and its whole interval lie on that side of --threshold
  unsure: the threshold lies within the interval
  cannot judge: no face, too small, in too few frames, or a file that cannot be read; the line says which
  The 95 % interval shows how far the probability would move if other frames of the same file had been looked at. It is
  computed from the differences between frames, and allows for neighbouring frames being alike. A single picture has an
  interval only if the model knows how its scores usually vary. The interval does not cover kinds of fakes that the
  model has not seen: what it was trained and tested on stands below the table.

exit codes:
  0    every file was judged, and none is fake
  1    at least one file is fake
  2    a wrong argument, no usable model, an output that cannot be written, no file that can be opened, a bug
  3    none is fake, but at least one file is unsure or could not be judged
  130  stopped by Ctrl-C, 143 by SIGTERM; what was judged before is printed and written
"""


class FileLimits(Parameters):
    """Limits of a file, checked before it is decoded."""

    max_seconds: PositiveFloat | None = Field(None, allow_inf_nan=False, description="Length of a video.")
    max_pixels: PositiveInt = Field(MAX_PIXELS, description="Pixels of a frame or picture.")


@dataclass(frozen=True)
class Options:
    """The command line.

    Attributes:
        paths: files, folders and patterns.
        model: folder of a model, or None for the one that `make run` pushes.
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
    """Define and parse the command line.

    Raises:
        InputError: an option has a wrong value.
    """
    parser = argparse.ArgumentParser(
        prog="deepfake-predict",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "paths", nargs="+", metavar="PATH", help="videos, pictures, folders, or patterns such as '**/*.mp4'"
    )
    parser.add_argument(
        "--model",
        metavar="FOLDER",
        help="a pushed model: the folder with its versions, or one of them "
        f"(default: {MODEL}, where make run puts one)",
    )
    parser.add_argument(
        "--kind",
        choices=KINDS,
        default="auto",
        help="what the files are; crop: a face that is already cut out, which is judged as it is "
        "(default: %(default)s, by their content)",
    )
    output = parser.add_argument_group("outputs, besides the table")
    output.add_argument("--json", metavar="FILE", help="write everything as JSON; - for standard output")
    output.add_argument("--csv", metavar="FILE", help="write one row for each face; - for standard output")
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
        "several files. The sound is left out",
    )
    output.add_argument("--quiet", action="store_true", help="no table, no progress; errors are still printed")
    # A group takes arguments as a parser does.
    limit_group = parser.add_argument_group("limits, checked before a file is decoded")
    verdict_group = parser.add_argument_group("how the files are judged")
    limits = Flags(limit_group, FileLimits)  # type: ignore[arg-type]
    verdict = Flags(verdict_group, VerdictOptions)  # type: ignore[arg-type]
    for old in RENAMED:
        parser.add_argument(f"--{old}", action=_Renamed, help=argparse.SUPPRESS)
    parsed = parser.parse_args(arguments)
    most = limits.read(_only(parsed, FileLimits))
    return Options(
        paths=parsed.paths,
        model=parsed.model,
        kind=parsed.kind,
        outputs=OutputPaths(parsed.json, parsed.csv, parsed.report, parsed.quiet),
        annotate=parsed.annotate,
        limits=Limits(most.max_pixels, most.max_seconds),
        verdict=verdict.read(_only(parsed, VerdictOptions)),
    )


def _only(parsed: argparse.Namespace, model: type[Parameters]) -> argparse.Namespace:
    """The options that are fields of a model; `Flags` would look for JSON in the paths, too."""
    return argparse.Namespace(**{name: value for name, value in vars(parsed).items() if name in model.model_fields})


class _Renamed(argparse.Action):
    """Refuses an option that has another name now."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        parser.error(f"--{self.dest} is now called --{RENAMED[self.dest]}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code, see `EPILOG`."""
    for stream in (sys.stdout, sys.stderr):  # a file may have a name that no encoding can show
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    stop = StopSignals()
    try:
        options = parse_options(arguments)
        with stop:
            return predict(options, stop)
    except InputError as error:
        print("\n".join(f"error: {line}" for line in str(error).splitlines()), file=sys.stderr)
    except KeyboardInterrupt:  # before the first verdict, or a second time
        return stop.acknowledge()
    except Exception:  # a bug; Python's own exit code for it, 1, would say that a fake was found
        traceback.print_exc()
    return 2


def predict(options: Options, stop: StopSignals) -> int:
    """Judge the files of a command line; returns the exit code.

    Args:
        options: the command line.
        stop: the signals that end the command.

    Raises:
        InputError: something that the user can fix.
    """
    files = find_files(options.paths)
    for problem in files.problems:
        print(f"error: {problem}", file=sys.stderr)
    if not files.paths:
        return 2
    options.outputs.check()
    annotator = None
    if options.annotate:
        annotator = Annotator(options.annotate, files.paths, options.limits, options.verdict.decode_time_limit)

    served = _load(options.model)
    from serving.verdict.assessor import Assessor  # these take seconds to import
    from serving.verdict.outputs import Outputs
    from serving.verdict.scores import ScoringModel

    model = ScoringModel.of_served(served, name_of(served.path))
    with (
        Assessor(options.verdict, options.limits) as assessor,
        Outputs(options.outputs, files, options.verdict, stop, annotator) as outputs,
    ):
        assessments = assessor.assess_all(
            files.paths,
            model,
            kind=options.kind,
            progress=outputs.progress,
            keep_frames=options.outputs.report is not None,
        )
        try:
            for path, assessment in zip(files.paths, assessments, strict=True):
                outputs.add(path, assessment)
        except KeyboardInterrupt:
            outputs.on_interrupt()
        finally:
            outputs.finish()
    return outputs.interrupted or exit_code(outputs.verdicts, bool(files.problems), outputs.failed)


def _load(folder: str | None) -> "ServedModel":
    if folder is None and not os.path.isdir(MODEL):
        raise InputError(
            f"there is no {MODEL}/ here. `make run` makes a model of the embedded sample; --model names another"
        )
    if not os.path.isdir(folder or MODEL):
        raise InputError(f"--model {folder}: no such folder")
    from commands.quiet import import_tensorflow

    import_tensorflow()
    from model.served import ServedModel

    return ServedModel(folder or MODEL)


def name_of(path: str) -> str:
    """The name of a SavedModel: that of its folder, or of the folder with the versions."""
    path = os.path.abspath(path)
    name = os.path.basename(path)
    return os.path.basename(os.path.dirname(path)) if name.isdecimal() else name


def exit_code(verdicts: Sequence[Verdict], problems: bool = False, failed: bool = False) -> int:
    """The exit code for some verdicts; see `EPILOG`.

    Args:
        verdicts: on the files.
        problems: some arguments gave no file.
        failed: some output could not be written.
    """
    if failed or all(verdict.kind is None for verdict in verdicts):
        return 2
    outcomes = {verdict.verdict for verdict in verdicts}
    if FAKE in outcomes:
        return 1
    return 3 if problems or outcomes & {UNSURE, CANNOT_JUDGE} else 0


if __name__ == "__main__":
    sys.exit(main())
