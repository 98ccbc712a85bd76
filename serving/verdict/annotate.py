"""Copies of the files, with a box and a verdict at each face; a process of its own draws them."""

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TypedDict, cast

from artifacts.errors import InputError
from artifacts.writing import check_writable, make_folder, whole
from faces.decoder import NO_LIMITS, Limits
from faces.reading import start_process
from serving.verdict.drawing_plan import plan_of
from serving.verdict.stages import DRAWING, StageProgress, no_progress
from serving.verdict.verdict_json import Verdict

VIDEO_SUFFIXES = (".mp4", ".mov", ".mkv")
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")


class _Message(TypedDict, total=False):
    """One line of the process; see `annotate_process`."""

    done: int
    of: int
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

    Raises:
        InputError: the target cannot be written, or its name does not tell the format.
    """

    def __init__(
        self, target: str, sources: Sequence[str], limits: Limits = NO_LIMITS, time_limit: float = 300.0
    ) -> None:
        self.target, self.limits, self.time_limit = target, limits, time_limit
        self._sources = {os.path.realpath(source) for source in sources}
        self._suffix = os.path.splitext(target)[1].lower()
        self._folder = len(sources) > 1 or os.path.isdir(target) or target.endswith(os.sep) or not self._suffix
        self._names: set[str] = set()
        if self._folder:
            if os.path.isfile(target):
                raise InputError(f"--annotate {target}: is a file; for several files give a folder")
            make_folder(target)
            return
        suffixes = VIDEO_SUFFIXES + PICTURE_SUFFIXES
        if self._suffix not in suffixes:
            raise InputError(f"--annotate {target}: give a name that ends in {', '.join(suffixes)}, or a folder")
        self._check_not_a_source(target)
        check_writable(target)

    def draw(self, verdict: Verdict, source: str, progress: StageProgress = no_progress) -> str | None:
        """Draw on a copy of one file; returns the path of the copy, or None if the file could not be opened.

        Args:
            verdict: on the file.
            source: path of the file.
            progress: called with the number of frames that are drawn.

        Raises:
            InputError: the copy cannot be drawn or written.
        """
        if verdict.kind is None:
            return None
        target = self._target(verdict.kind == "video", source)
        with whole(target) as partial:
            request = {
                **plan_of(verdict),
                "source": os.path.abspath(source),
                "target": os.path.abspath(partial),
                "limits": asdict(self.limits),
                "time": self.time_limit,
            }
            problem = _draw_in_process(request, self.time_limit, progress)
            if problem:
                raise InputError(f"{target}: could not be drawn from {source} ({problem})")
        return target

    def _target(self, is_video: bool, source: str) -> str:
        """Where the copy of a file goes."""
        if self._folder:
            return self._target_in_folder(is_video, source)
        if (self._suffix in VIDEO_SUFFIXES) != is_video:
            kind, suffixes = ("video", VIDEO_SUFFIXES) if is_video else ("picture", PICTURE_SUFFIXES)
            raise InputError(f"--annotate {self.target}: {source} is a {kind}; give a name with {', '.join(suffixes)}")
        return self.target

    def _target_in_folder(self, is_video: bool, source: str) -> str:
        name, suffix = os.path.splitext(os.path.basename(source))
        picture_suffix = ".jpg" if suffix.lower() in (".jpg", ".jpeg") else ".png"
        suffix = ".mp4" if is_video else picture_suffix
        number, unique = 1, name + suffix
        while unique in self._names:  # two folders may hold the same name
            number += 1
            unique = f"{name}-{number}{suffix}"
        self._names.add(unique)
        target = os.path.join(self.target, unique)
        self._check_not_a_source(target)
        return target

    def _check_not_a_source(self, target: str) -> None:
        if os.path.realpath(target) in self._sources:
            raise InputError(f"--annotate {self.target}: {target} would overwrite itself. Give another place")


def _draw_in_process(request: Mapping[str, object], time_limit: float, progress: StageProgress) -> str | None:
    """Run `annotate_process` on a request; returns None, or what went wrong."""
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
            elif "failed" in message:
                return message["failed"]
            elif "end" in message:
                return None
        code = process.wait()
        if code == -signal.SIGALRM:
            return f"no further frame within {time_limit:g} s; --decode_time_limit allows more"
        return f"the process that draws has ended with code {code}"
    finally:
        process.kill()
        process.wait()
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        process.stdout.close()


def _message(line: str) -> _Message:
    """A message of the process; empty if the line was printed by a library in it."""
    try:
        message = json.loads(line)
    except ValueError:
        return {}
    return cast(_Message, message) if isinstance(message, dict) else {}
