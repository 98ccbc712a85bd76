"""Copies of the files that were judged, with a box and a verdict at each face."""

import contextlib
import json
import os
import signal
from dataclasses import asdict

from artifacts.errors import InputError
from artifacts.writing import check_writable, make_folder, whole
from faces.decoder import NO_LIMITS
from faces.reading import start_process
from serving.verdict.statement import WORDS, from_to, percent, why_not
from serving.verdict.verdict import CANNOT_JUDGE, FAKE, UNSURE

FILMS, STILLS = (".mp4", ".mov", ".mkv"), (".png", ".jpg", ".jpeg", ".webp")


class Annotating:
    """Draws on copies of files.

    Args:
        target: a file for one source; a folder for several, or where it is one or is called like one.
        sources: paths of the files; none is written over.
        limits: what a file may hold.
        time_limit: seconds after which a file is given up when no further frame of it is done.

    Raises:
        InputError: the target cannot be written, or is called in a way that tells no format.
    """

    def __init__(self, target, sources, limits=NO_LIMITS, time_limit=300.0):
        self.target, self.limits, self.time_limit = target, limits, time_limit
        self._originals = {os.path.realpath(source) for source in sources}
        suffix = os.path.splitext(target)[1].lower()
        self._folder = len(sources) > 1 or os.path.isdir(target) or target.endswith(os.sep) or not suffix
        self._names = set()
        if self._folder:
            if os.path.isfile(target):
                raise InputError(f"--annotate {target}: is a file; for several files give a folder")
            make_folder(target)
            return
        if suffix not in FILMS + STILLS:
            raise InputError(f"--annotate {target}: give a name that ends in {', '.join(FILMS + STILLS)}, or a folder")
        self._check_original(target)
        check_writable(target)

    def draw(self, verdict, source, watch=lambda *_: None):
        """Draw on a copy of one file; returns its path, or None for a file that could not be opened.

        Args:
            verdict: a `Verdict`.
            source: path of the file.
            watch: called with ("drawing", frames done, of how many).

        Raises:
            InputError: names what could not be written, or drawn on.
        """
        if verdict.kind is None:
            return None
        target = self._target(verdict, source)
        request = plan_of(verdict) | {"source": os.path.abspath(source), "limits": asdict(self.limits)}
        with whole(target) as beside:
            failed = _in_a_process(request | {"target": os.path.abspath(beside), "time": self.time_limit}, watch)
            if failed:
                raise InputError(f"{target}: could not be drawn from {source} ({failed})")
        return target

    def _target(self, verdict, source):
        film = verdict.kind == "video"
        if not self._folder:
            suffix = os.path.splitext(self.target)[1].lower()
            if (suffix in FILMS) != film:
                kind, right = ("video", FILMS) if film else ("picture", STILLS)
                raise InputError(f"--annotate {self.target}: {source} is a {kind}; give a name with {', '.join(right)}")
            return self.target
        name, suffix = os.path.splitext(os.path.basename(source))
        suffix = ".mp4" if film else ".jpg" if suffix.lower() in (".jpg", ".jpeg") else ".png"
        number, unique = 1, name + suffix
        while unique in self._names:  # the same name in two folders
            number += 1
            unique = f"{name}-{number}{suffix}"
        self._names.add(unique)
        target = os.path.join(self.target, unique)
        self._check_original(target)
        return target

    def _check_original(self, target):
        if os.path.realpath(target) in self._originals:
            raise InputError(f"--annotate {self.target}: {target} would be written over itself. Give another place")


def plan_of(verdict):
    """What is to be drawn on a file, as `filming` takes it."""
    several = len(verdict.faces) > 1
    tracks = [
        {
            "verdict": face.verdict,
            "label": (f"face {face.track + 1}: " if several else "") + _words(face),
            "times": [frame.timestamp for frame in face.frames],
            "boxes": [frame.box for frame in face.frames],
        }
        for face in verdict.faces
    ]
    step = verdict.info.get("seconds", 0.0) / max(verdict.wanted, 1)
    return {
        "kind": verdict.kind,
        "verdict": verdict.verdict,
        "step": step,
        "captions": captions_of(verdict),
        "tracks": tracks,
    }


def captions_of(verdict):
    """What stands at the bottom, the longest first."""
    words = WORDS[verdict.verdict].capitalize()
    if verdict.verdict == CANNOT_JUDGE:
        return [f"{words}: {why_not(verdict)}", words]
    face = verdict.decisive
    short = f"{words}: fake {percent(face.fake_probability)}"
    if face.interval is None:
        return [short]
    middle = f"{short} ({from_to(face.interval)})"
    return [f"{middle}, {verdict.judged} of {verdict.wanted} frames judged", middle, short]


def _words(face):
    if face.verdict == CANNOT_JUDGE:
        return str(face.reason).replace("_", " ")
    before = {FAKE: "", UNSURE: "unsure, "}.get(face.verdict, "real, ")
    return f"{before}fake {_short(face.fake_probability)}"


def _short(probability):
    """In whole per cent; never a 0 or 100 that it is not."""
    if probability < 0.01 or probability > 0.99:
        return percent(probability)
    return f"{100 * probability:.0f} %"


def _in_a_process(request, watch):
    """Run `filming`; returns None, or a sentence on what failed."""
    process = start_process("serving.verdict.filming", errors="replace")
    try:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
        for line in process.stdout:
            message = _message(line)
            if "done" in message:
                watch("drawing", message["done"], message["of"])
            elif "failed" in message:
                return message["failed"]
            elif "end" in message:
                return None
        code = process.wait()
        if code == -signal.SIGALRM:
            return f"no further frame within {request['time']:g} s; --decode_time_limit gives it longer"
        return f"the process that draws has ended with code {code}"
    finally:
        process.kill()
        process.wait()
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        process.stdout.close()


def _message(line):
    """What the process says with a line; nothing where a library of its own has printed it."""
    try:
        message = json.loads(line)
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}
