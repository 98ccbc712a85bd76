"""The command that tells whether videos and pictures are fake: `python -m serving.predict`, or `deepfake-predict`.

`predict_options` is its command line, `verdict.verdict_json` the JSON that it writes.
"""

import os
import sys
import traceback
from collections.abc import Sequence
from typing import TYPE_CHECKING

from artifacts.errors import InputError
from commands.signals import StopSignals
from serving.default_model import choose_model
from serving.predict_options import Options, parse_options
from serving.verdict.annotate import Annotator
from serving.verdict.input_files import find_files
from serving.verdict.outcomes import CANNOT_JUDGE, FAKE, UNSURE
from serving.verdict.verdict_json import Verdict

if TYPE_CHECKING:
    from model.served import ServedModel


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code, see `predict_options.EPILOG`."""
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
    """Assess the files of a command line; returns the exit code.

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

    served = _load(options.model, options.outputs.quiet)
    from serving.verdict.assessor import Assessor  # these take seconds to import
    from serving.verdict.outputs import Outputs
    from serving.verdict.scores import ScoringModel

    model = ScoringModel.of_served(served, name_of(served.path))
    verdict = options.verdict.for_model(model.preprocessing)
    with (
        Assessor(verdict, options.limits) as assessor,
        Outputs(options.outputs, files, verdict, stop, annotator) as outputs,
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


def _load(named: str | None, quiet: bool) -> "ServedModel":
    folder, note = choose_model(named)
    if not os.path.isdir(folder):
        raise InputError(f"--model {folder}: no such folder")
    if note and not quiet:
        print(f"note: {note}", file=sys.stderr)
    from commands.quiet import import_tensorflow

    import_tensorflow()
    from model.served import ServedModel

    return ServedModel(folder)


def name_of(path: str) -> str:
    """The name of a SavedModel: that of its folder, or of the folder with the versions."""
    path = os.path.abspath(path)
    name = os.path.basename(path)
    return os.path.basename(os.path.dirname(path)) if name.isdecimal() else name


def exit_code(verdicts: Sequence[Verdict], problems: bool = False, failed: bool = False) -> int:
    """The exit code for some verdicts; see `predict_options.EPILOG`.

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
