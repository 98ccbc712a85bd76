"""Copies of the files, with a box and a verdict at each face; a process of its own draws them."""

import contextlib
import json
import os
import secrets
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import TypedDict, cast

from artifacts.errors import InputError
from artifacts.writing import check_writable, make_folder, whole
from commands.output_files import OutputFile, check_outputs
from commands.parser import version
from faces.decoder import NO_LIMITS, Limits
from faces.reading import start_process
from serving.verdict.copy_names import PICTURE_SUFFIXES, VIDEO_SUFFIXES, CopyNames
from serving.verdict.drawing_plan import plan_of
from serving.verdict.own_outputs import MARK, is_copy
from serving.verdict.stages import DRAWING, StageProgress, no_progress
from serving.verdict.verdict_json import Verdict


class _Message(TypedDict, total=False):
    """One line of the process; see `annotate_process`."""

    done: int
    of: int
    drawn: None
    lost: str
    failed: str
    end: None


class Annotator:
    """Draws the verdicts on copies of the files.

    Args:
        target: a file for a single source. A folder for several sources, if such a folder exists, or if the name has no
            suffix.
        sources: paths of the files; none of them is overwritten.
        limits: what a file may hold.
        time_limit: seconds; a file is given up if one further frame of it takes longer.
        overwrite: files that are no drawn copies may be replaced, too; sources never.

    Raises:
        InputError: the target cannot be written, or its name does not tell the format.
    """

    def __init__(
        self,
        target: str,
        sources: Sequence[str],
        limits: Limits = NO_LIMITS,
        time_limit: float = 300.0,
        overwrite: bool = False,
    ) -> None:
        self.target, self.limits, self.time_limit = target, limits, time_limit
        self._sources, self._overwrite = sources, overwrite
        self._names = CopyNames(target, sources)
        if self._names.is_folder:
            if os.path.isfile(target):
                raise InputError(f"--annotate {target}: is a file; for several files give a folder")
            make_folder(target)
            return
        suffixes = VIDEO_SUFFIXES + PICTURE_SUFFIXES
        if not target.lower().endswith(suffixes):
            raise InputError(f"--annotate {target}: give a name that ends in {', '.join(suffixes)}, or a folder")
        check_writable(target)

    def draw(
        self,
        verdict: Verdict,
        source: str,
        progress: StageProgress = no_progress,
        note: Callable[[str], None] = lambda sentence: None,
    ) -> str | None:
        """Draw on a copy of one file; returns the path of the copy, or None if the file could not be opened.

        Args:
            verdict: on the file.
            source: path of the file.
            progress: called with the number of frames that are drawn.
            note: called with a sentence on what of the sound is lost, if anything is.

        Raises:
            InputError: the copy cannot be drawn or written.
        """
        if verdict.kind is None:
            return None
        target = self._names.of(source, verdict.kind == "video")
        check_outputs([OutputFile("--annotate", target, is_copy)], self._sources, self._overwrite)
        with whole(target) as partial:
            request = {
                **plan_of(verdict),
                "source": os.path.abspath(source),
                "target": os.path.abspath(partial),
                "sound": _beside(os.path.abspath(partial)),
                "comment": comment_of(verdict),
                "limits": asdict(self.limits),
                "time": self.time_limit,
            }
            problem = _draw_in_process(
                request, self.time_limit, progress, lambda lost: note(f"{target}: {lost}; the picture is whole")
            )
            if problem:
                raise InputError(f"{target}: could not be drawn from {source} ({problem})")
        return target


def comment_of(verdict: Verdict) -> str:
    """What a copy says of itself in its metadata; by its beginning it is known as a copy."""
    digest = f" with the SHA-256 {verdict.info['sha256']}" if "sha256" in verdict.info else ""
    model = f"{verdict.model['name']} {verdict.model.get('digest', '')}".strip()
    return f"{MARK} ({version()}) from a file{digest}; model {model}; judged at {verdict.judged_at}"


def _beside(path: str) -> str:
    """The path of a file in the same folder, with the same suffix, that nobody else makes."""
    return os.path.join(os.path.dirname(path), f".{secrets.token_hex(8)}.sound{os.path.splitext(path)[1]}")


def _draw_in_process(
    request: Mapping[str, str | object], time_limit: float, progress: StageProgress, note: Callable[[str], None]
) -> str | None:
    """Run `annotate_process` on a request; returns None, or what went wrong. What crashes the sound costs the sound."""
    drawn = False
    process: subprocess.Popen[str] = start_process("serving.verdict.annotate_process", errors="replace")
    assert process.stdin and process.stdout
    try:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
        for line in process.stdout:
            message = _message(line)
            if "done" in message:
                progress(DRAWING, message["done"], message["of"])
            elif "drawn" in message:
                drawn = True
            elif "lost" in message:
                note(message["lost"])
            elif "failed" in message:
                return message["failed"]
            elif "end" in message:
                return None
        code = process.wait()
        if drawn:
            note(f"its sound is left out: the process that added it has ended with code {code}")
            return None
        if code == -signal.SIGALRM:
            return f"no further frame within {time_limit:g} s; --decode_time_limit allows more"
        return f"the process that draws has ended with code {code}"
    finally:
        process.kill()
        process.wait()
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        process.stdout.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(str(request["sound"]))


def _message(line: str) -> _Message:
    """A message of the process; empty if the line was printed by a library in it."""
    try:
        message = json.loads(line)
    except ValueError:
        return {}
    return cast(_Message, message) if isinstance(message, dict) else {}
