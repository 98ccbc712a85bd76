"""The command that tells whether videos and pictures are fake: `python -m serving.predict`, or `deepfake-predict`.

`predict_options` is its command line, `verdict.verdict_json` the JSON that it writes.
"""

import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from artifacts.errors import InputError
from artifacts.layout import files_below
from artifacts.visible import printable
from commands.output_files import OutputFile, check_outputs
from commands.progress import busy, standard_error
from commands.signals import StopSignals, leave
from commands.signals import exit_code as exit_code_of
from commands.terminal import guard_terminal
from model.saved_model import find_saved_model
from serving.default_model import choose_model
from serving.predict_options import Options, parse_options
from serving.verdict.annotate import Annotator
from serving.verdict.copy_names import CopyNames
from serving.verdict.input_files import find_files
from serving.verdict.outcomes import CANNOT_JUDGE, FAKE, NOT_JUDGED, UNSURE
from serving.verdict.own_outputs import is_copy
from serving.verdict.verdict_json import Verdict

if TYPE_CHECKING:
    from model.served import ServedModel


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code, see `predict_options.EPILOG`."""
    guard_terminal()
    stop = StopSignals()
    try:
        options = parse_options(arguments)
        with stop:
            return predict(options, stop)
    except InputError as error:
        print("\n".join(f"error: {line}" for line in str(error).splitlines()), file=sys.stderr)
    except KeyboardInterrupt:  # before the first verdict, or a second time
        print(f"stopped by {(stop.number or signal.SIGINT).name}", file=sys.stderr)
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
    files = find_files(options.paths, _is_own_copy(options.annotate))
    for problem in files.problems:
        print(f"error: {printable(problem)}", file=sys.stderr)
    if not any(map(os.path.lexists, files.paths)):  # said before seconds go into loading a model
        for path in files.paths:
            print(f"error: {printable(path)}: no such file", file=sys.stderr)
        return 2
    annotator = _check_outputs(options, files.paths)

    folder = _chosen_model(options.model, options.outputs.quiet)
    with _leaving_at_once(stop), busy("loading the model", hidden=options.outputs.quiet):
        served = _load(folder)
        from serving.verdict.assessor import Assessor  # these take seconds to import
        from serving.verdict.outputs import Outputs
        from serving.verdict.scores import ScoringModel

    model = ScoringModel.of_served(served)
    verdict = options.verdict.for_model(model.preprocessing)
    with (
        Assessor(verdict, options.limits) as assessor,
        Outputs(options.outputs, files, stop, annotator) as outputs,
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


@contextlib.contextmanager
def _leaving_at_once(stop: StopSignals) -> Iterator[None]:
    """Let a signal end the process while nothing is begun: libraries that are being loaded swallow exceptions."""
    with standard_error() as stream:

        def end(number: signal.Signals) -> None:
            erase = f"\r{' ' * 40}\r" if stream.isatty() else ""
            print(f"{erase}stopped by {number.name}", file=stream, flush=True)
            leave(exit_code_of(number))

        stop.on_signal = end
        try:
            yield
        finally:
            stop.on_signal = None


def _is_own_copy(annotate: str | None) -> Callable[[str], bool]:
    """Tells drawn copies of an earlier, equal command, which lie where this one draws its own."""
    if annotate is None:
        return lambda path: False
    target = os.path.realpath(annotate)

    def is_own(path: str) -> bool:
        real = os.path.realpath(path)
        return target in (real, os.path.dirname(real)) and is_copy(path)

    return is_own


def _check_outputs(options: Options, sources: list[str]) -> Annotator | None:
    """Make sure that all outputs can be written, and replace nothing; returns what draws the copies."""
    inputs = dict.fromkeys(sources, "an input") | dict.fromkeys(_model_files(options.model), "a file of the model")
    files, copies = options.outputs.files(), options.annotate
    if copies:
        files += [OutputFile("--annotate", path, is_copy) for path in CopyNames(copies, sources).expected()]
    check_outputs(files, inputs, options.outputs.overwrite)
    options.outputs.check()
    if not copies:
        return None
    return Annotator(copies, sources, options.limits, options.verdict.decode_time_limit, options.outputs.overwrite)


def _model_files(named: str | None) -> list[str]:
    """The files of the model that will judge; none if there is no model, which is reported later."""
    try:
        folder = find_saved_model(choose_model(named)[0])
    except InputError:
        return []
    return [os.path.join(folder, name) for name, _ in files_below(folder)]


def _chosen_model(named: str | None, quiet: bool) -> str:
    """The folder of the model that judges; a note on the choice is printed."""
    folder, note = choose_model(named)
    if not os.path.isdir(folder):
        raise InputError(f"--model {folder}: no such folder")
    if note and not quiet:
        print(f"note: {note}", file=sys.stderr)
    return folder


def _load(folder: str) -> "ServedModel":
    from commands.quiet import import_tensorflow

    import_tensorflow()
    from model.served import ServedModel

    return ServedModel(folder)


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
    return 3 if problems or outcomes & {UNSURE, CANNOT_JUDGE, NOT_JUDGED} else 0


if __name__ == "__main__":
    sys.exit(main())
