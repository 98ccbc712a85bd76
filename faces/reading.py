"""Read videos in a process of its own: the next is decoded while one is searched, and none can harm the others."""

import collections
import contextlib
import json
import mmap
import os
import signal
import subprocess
import sys
from collections.abc import Generator, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from artifacts.manifest import Video
from faces.decoder import MAX_PIXELS, NO_LIMITS, DecodeError, Limits, SourceInfo

AHEAD = 2  # files that the process is told of beyond the one that is being searched
# OpenCV allocates the memory of a picture before its size can be checked, and its messages would go among the answers.
OPENCV = {"OPENCV_IO_MAX_IMAGE_PIXELS": str(MAX_PIXELS), "OPENCV_LOG_LEVEL": "ERROR"}

Message = dict[str, Any]  # what the two processes say to each other; see `faces.reading_process`


@dataclass(frozen=True)
class Batch:
    """Consecutive chosen frames of one size.

    Attributes:
        indices: numbers of the frames in the video, from 0.
        timestamps: seconds after the first frame of the video.
        images: RGB uint8 [n, height, width, 3]; valid until the next batch is asked for.
    """

    indices: list[int]
    timestamps: list[float]
    images: np.ndarray


def start_process(module: str, *arguments: str, **options: Any) -> subprocess.Popen[str]:
    """Start a module as a process that may die of what it decodes; its pipes carry text.

    Args:
        module: such as "faces.reading_process"; it must first call `guard` of that module.
        arguments: of its command line.
        options: of `subprocess.Popen`.
    """
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | OPENCV | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        start_new_session=True,  # Ctrl-C is meant for the process that it serves
        text=True,
        **options,
    )


class Reading:
    """The chosen frames of one file: iterate once over its `Batch`es.

    Attributes, complete after the iteration; if it breaks off, what came before holds:
        wanted: indices of the chosen frames; some may not decode.
        damage: None, or a sentence on which part of the file could not be read.
        marks: what else should be known about the file, reason -> sentence.
        info: what the file is; empty if it cannot be opened.
    """

    def __init__(self, reader: "FrameReader", request: Message) -> None:
        self.request = request
        self.wanted: list[int] = []
        self.damage: str | None = None
        self.marks: dict[str, str] = {}
        self.info: SourceInfo = {}
        self._reader = reader
        self._held: int | None = None  # the half of the memory whose batch is being searched

    def __iter__(self) -> Iterator[Batch]:
        """Yield the batches.

        Raises:
            DecodeError: the file gives no frame. If it gave some and then failed, `damage` says so instead.
        """
        seen = 0
        try:
            for message in self._reader.messages(self):
                if "batch" in message:
                    seen += len(message["indices"])
                    self._held = message["batch"]
                    yield Batch(message["indices"], message["timestamps"], self._reader.images(message))
                    self._release()
                else:
                    vars(self).update(message)
        except DecodeError as error:
            if not seen:
                raise
            self.damage = f"{error} after {seen} of the chosen frames"

    def finish(self) -> None:
        """Skip what was not iterated."""
        self._release()
        for message in self._reader.messages(self):
            if "batch" in message:
                self._reader.free(message["batch"])

    def _release(self) -> None:
        if self._held is not None:
            self._reader.free(self._held)
            self._held = None


class FrameReader:
    """Reads files one after the other in a process of its own.

    A context manager; the process starts with the first file and ends with the context.

    Args:
        count: frames of a video.
        time_limit: seconds that decoding one file may take.
        limits: what a file may hold.
    """

    def __init__(self, count: int, time_limit: float, limits: Limits = NO_LIMITS) -> None:
        self.count, self.time_limit, self.limits = count, time_limit, limits
        self._process: _DecodingProcess | None = None
        self._asked: collections.deque[Reading] = collections.deque()  # what the process has been told of, in order

    def __enter__(self) -> "FrameReader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, videos: Iterable[Video]) -> Generator[tuple[Video, Reading]]:
        """Yield each line of a manifest with its reading, in order. Each reading must be used before the next."""
        waiting = iter(videos)
        asked: collections.deque[tuple[Video, Reading]] = collections.deque()
        try:
            while True:
                while len(asked) <= AHEAD and (video := next(waiting, None)) is not None:
                    asked.append((video, self._ask(video)))
                if not asked:
                    return
                video, reading = asked.popleft()
                yield video, reading
                with contextlib.suppress(DecodeError):  # of frames that nobody asked for
                    reading.finish()
        finally:
            if self._asked:  # left early: whatever the process still says is of no use
                self._asked.clear()
                self.close()

    @contextlib.contextmanager
    def read_one(self, video: Video) -> Iterator[Reading]:
        """Give the reading of a single line of a manifest, to be used in the body."""
        with contextlib.closing(self.read([video])) as readings:
            yield next(readings)[1]

    def _ask(self, video: Video) -> Reading:
        """Tell the process of a file."""
        request = {"read": video.uri, "kind": video.kind, "count": self.count, "time": self.time_limit}
        reading = Reading(self, request | {"limits": asdict(self.limits)})
        self._asked.append(reading)
        if self._process is None:
            self._start()
        else:
            self._process.say(reading.request)
        return reading

    def _start(self) -> None:
        """Start a process and tell it of all files that were asked for and are not done."""
        self._process = _DecodingProcess()
        self._process.wait_until_ready()
        for reading in self._asked:
            self._process.say(reading.request)

    def messages(self, reading: Reading) -> Iterator[Message]:
        """Yield what the process says about one file: what it is, its batches, and its end.

        Raises:
            DecodeError: the file cannot be decoded, or it ended the process.
        """
        while self._process is not None and reading in self._asked:
            message = self._process.next_message()
            if message is None:
                raise self._lost(self._process)
            if "batch" in message:
                yield message
            elif "begin" in message:
                yield message["begin"]
            else:
                self._asked.popleft()
                if "failed" in message:
                    raise DecodeError(*message["failed"])
                yield message["end"]

    def images(self, message: Message) -> np.ndarray:
        """Return the pixels of a batch, RGB uint8 [n, height, width, 3], in the shared memory."""
        if self._process is None:
            raise RuntimeError("the decoding process has ended")
        return self._process.images(message)

    def free(self, half: int) -> None:
        """Let the process overwrite a half of the shared memory."""
        if self._process is not None:
            self._process.say({"free": half})

    def _lost(self, process: "_DecodingProcess") -> DecodeError:
        """Give up the file during which the process ended, and start a new process for those after it."""
        self._asked.popleft()
        code = process.wait()
        self.close()
        if self._asked:
            self._start()
        if code == -signal.SIGALRM:
            return DecodeError("time_limit", f"took more than {self.time_limit:g} s to decode")
        name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return DecodeError("decoder_crashed", f"the decoder crashed ({name})")

    def kill(self) -> None:
        """Kill the process; the file that is being decoded then counts as crashed. May be called from any thread."""
        process = self._process
        if process is not None:
            process.kill()

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.close()
        self._process = None


class _DecodingProcess:
    """The process that decodes, `faces.reading_process`, and the memory that is shared with it."""

    def __init__(self) -> None:
        self._descriptor = os.memfd_create("frames")
        self._memory: mmap.mmap | bytes = b""  # empty until the first batch
        self._half = 0  # bytes of a half of the memory
        self._process = start_process("faces.reading_process", str(self._descriptor), pass_fds=[self._descriptor])
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the decoding process has no pipes")
        self._requests, self._answers = self._process.stdin, self._process.stdout

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def wait_until_ready(self) -> None:
        """Wait for the process to start.

        Raises:
            RuntimeError: it does not. No file is to blame, so this is not a `DecodeError`.
        """
        if not self._answers.readline():
            raise RuntimeError("the decoding process does not start; what it said stands above")

    def say(self, message: Message) -> None:
        """Send a request."""
        with contextlib.suppress(BrokenPipeError):  # it has ended, as `next_message` will find out
            self._requests.write(json.dumps(message) + "\n")
            self._requests.flush()

    def next_message(self) -> Message | None:
        """Wait for an answer, and return it; None if the process has ended."""
        while True:
            line = self._answers.readline()
            if not line.endswith("\n"):
                return None
            message: Message = json.loads(line)
            if "grow" not in message:
                return message
            self._half = message["grow"]
            self._memory = mmap.mmap(self._descriptor, 2 * self._half)

    def images(self, message: Message) -> np.ndarray:
        """Return the pixels of a batch, RGB uint8 [n, height, width, 3], without copying them."""
        shape = (*message["shape"], 3)
        start = message["batch"] * self._half
        return np.frombuffer(self._memory, np.uint8, int(np.prod(shape)), start).reshape(shape)

    def kill(self) -> None:
        """Kill the process."""
        self._process.kill()

    def wait(self) -> int:
        """Wait for the end of the process, and return its exit code."""
        return self._process.wait()

    def close(self) -> None:
        """Kill the process and release everything that belongs to it."""
        self._process.kill()
        self._process.wait()
        with contextlib.suppress(BrokenPipeError):  # of requests that it did not read any more
            self._requests.close()
        self._answers.close()
        os.close(self._descriptor)
        self._memory = b""
