"""Judge your own videos and pictures: how likely a face in them is fake, how sure that is, and what was looked at.

A file may be a video, a picture, a folder (all videos and pictures in it and in the folders below), or a pattern in quotes.
Everyone who is seen is followed through the video and judged alone; a file is fake if one of its faces is.
"""

import argparse
import os
import sys
import traceback

from pydantic import ValidationError

from artifacts.errors import InputError
from artifacts.writing import check_writable
from commands.interruption import Interruption
from faces.decoder import MAX_PIXELS, Limits
from serving.verdict.annotate import Annotating
from serving.verdict.files import find_files
from serving.verdict.parameters import JudgeParameters
from serving.verdict.verdict import CANNOT_JUDGE, FAKE, UNSURE

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
  likely fake, likely real: the probability is on that side of --threshold, and so is its whole interval
  unsure: the threshold lies within the interval
  cannot judge: no face, too small, in too few frames, or a file that cannot be read; the line says which
  The 95 % interval tells how far the probability would move if other frames of the same file had been looked at. It comes
  from how the frames differ, and allows for neighbours being alike. It does not cover kinds of fakes that the model has
  not seen: what it was trained and tested on stands below the table. A single picture has one only where the model
  knows how its scores usually vary.

exit codes:
  0    every file was judged, and none is fake
  1    at least one file is fake
  2    a wrong argument, no usable model, a result that cannot be written, not a single file that can be opened, a fault
  3    none is fake, but something is unsure or could not be judged
  130  interrupted by Ctrl-C, 143 by SIGTERM; what was judged before is printed and written
"""


def parse_arguments(arguments=None):
    """Define and parse the command line."""
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
    parser.add_argument("--model", metavar="FOLDER", help="a pushed model: the folder with its versions, or one of them "
                        f"(default: {MODEL}, where make run puts one)")  # fmt: skip
    parser.add_argument("--kind", choices=("auto", "video", "image", "crop"), default="auto",
                        help="what the files are; crop: a face that is cut out already, which is judged as it is "
                        "(default: %(default)s, by their content)")  # fmt: skip
    output = parser.add_argument_group("what comes of it, besides the table")
    output.add_argument("--json", metavar="FILE", help="write all of it as JSON; - for standard output")
    output.add_argument("--csv", metavar="FILE", help="write one row for each face; - for standard output")
    output.add_argument("--report", metavar="FILE", help="write a page: timeline, frames, faces with where the model looked. "
                        "It grows by about 1.3 MB a video, which a browser holds at once")  # fmt: skip
    output.add_argument("--annotate", metavar="PATH", help="draw boxes and verdicts: an .mp4 for a video, a .png or .jpg for "
                        "a picture, or a folder for several files. The sound is left out")  # fmt: skip
    output.add_argument("--quiet", action="store_true", help="no table, no progress; errors are still said")
    limits = parser.add_argument_group("limits, checked before a file is decoded")
    limits.add_argument("--max_seconds", type=_positive(float), metavar="N", help="of a video (default: any)")
    limits.add_argument("--max_pixels", type=_positive(int), metavar="N", default=MAX_PIXELS,
                        help="of a frame or picture (default: %(default)s)")  # fmt: skip
    choices = parser.add_argument_group("how it is judged")
    for name, info in JudgeParameters.model_fields.items():
        values = getattr(info.annotation, "__args__", None)
        text = f"{info.description} (default: {info.default})".replace("%", "%%")
        choices.add_argument(f"--{name}", metavar="N" if values is None else "{" + ",".join(values) + "}", help=text)
    return parser.parse_args(arguments)


def _positive(kind):
    def parse(text):
        value = kind(text)
        if not 0 < value < float("inf"):
            raise ValueError
        return value

    parse.__name__ = "positive number"
    return parse


def main(arguments=None):
    """Entry point; returns the exit code, see `EPILOG`."""
    options = parse_arguments(arguments)
    for stream in (sys.stdout, sys.stderr):  # a file may have a name that no encoding can show
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    interruption = Interruption()
    try:
        with interruption:
            return predict(options, interruption)
    except ValidationError as error:
        for problem in error.errors():
            print(f"error: --{problem['loc'][0]}: {problem['msg']} (given: {problem['input']!r})", file=sys.stderr)
    except InputError as error:
        print("\n".join(f"error: {line}" for line in str(error).splitlines()), file=sys.stderr)
    except KeyboardInterrupt:  # before there was a first verdict, or a second time
        return interruption.taken()
    except Exception:  # a fault of ours; Python's own exit code for it would say that a fake was found
        traceback.print_exc()
    return 2


def predict(options, interruption):
    """Judge the files of a command line; returns the exit code.

    Raises:
        ValidationError, InputError: what the user can mend.
    """
    chosen = {name: getattr(options, name) for name in JudgeParameters.model_fields}
    parameters = JudgeParameters.model_validate({name: value for name, value in chosen.items() if value is not None})
    files = find_files(options.paths)
    for problem in files.problems:
        print(f"error: {problem}", file=sys.stderr)
    if not files.paths:
        return 2
    _check_outputs(options)
    limits = Limits(options.max_pixels, options.max_seconds)
    annotating = None
    if options.annotate:
        annotating = Annotating(options.annotate, files.paths, limits, parameters.decode_time_limit)
    model = _load(options.model)
    from serving.verdict.judge import Judge  # these take seconds to import
    from serving.verdict.output import Output

    with Judge(model, parameters, limits, name_of(model.path)) as judge:
        output = Output(options, judge, files, interruption, annotating)
        output.run()
    return output.interrupted or exit_code(output.verdicts, bool(files.problems), output.errors)


def _check_outputs(options):
    if options.json == "-" and options.csv == "-":
        raise InputError("--json - and --csv -: only one of them can have standard output")
    for path in (options.json, options.csv, options.report):
        if path and path != "-":
            check_writable(path)


def _load(folder):
    if folder is None and not os.path.isdir(MODEL):
        raise InputError(
            f"there is no {MODEL}/ here. `make run` makes a model of the embedded sample; --model names another"
        )
    if not os.path.isdir(folder or MODEL):
        raise InputError(f"--model {folder}: no such folder")
    from commands.quiet import import_tensorflow

    import_tensorflow()
    from model.served import ServedModel

    try:
        return ServedModel(folder or MODEL)
    except ValueError as error:
        raise InputError(str(error)) from error


def name_of(path):
    """What a SavedModel is called: the folder's name, or that of the folder with its versions."""
    path = os.path.abspath(path)
    name = os.path.basename(path)
    return os.path.basename(os.path.dirname(path)) if name.isdecimal() else name


def exit_code(verdicts, problems=False, errors=False):
    """What a script is told of some verdicts; see `EPILOG`.

    Args:
        problems: some arguments gave no file.
        errors: some result could not be written.
    """
    if errors or all(verdict.kind is None for verdict in verdicts):
        return 2
    said = {verdict.verdict for verdict in verdicts}
    if FAKE in said:
        return 1
    return 3 if problems or said & {UNSURE, CANNOT_JUDGE} else 0


if __name__ == "__main__":
    sys.exit(main())
