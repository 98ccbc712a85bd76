"""The process that decodes: `python -m faces.reading_process FD`, started by `reading.FrameReader`.

It reads requests as JSON lines from standard input and answers with JSON lines on standard output; pixels go into the
shared memory FD. A file that makes a decoder crash, hang or take too much memory does so to this process alone.

In:  {"read": path, "kind": kind, "count": frames, "time": seconds, "limits": {...}}     decode a file; `decoder.Limits`
     {"free": half}                                                      that half of the memory may be written again
Out: {"ready": true}                                                     once, at the start
     {"begin": {"wanted": [...], "info": {...}}}                         the first answer for a file that can be opened
     {"grow": bytes}                                                     each half has that size from here on
     {"batch": half, "shape": [n, h, w], "indices": [...], "timestamps": [...]}
     {"end": {"wanted": [...], "damage": text or null, "marks": {...}, "info": {...}}}
     {"failed": [reason, detail]}                                        instead of "end"
"""

import collections
import json
import mmap
import os
import resource
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn

import av
import cv2
import numpy as np

from commands.memory_limits import lower_data_limit
from faces.decoder import DecodeError, Limits
from faces.source import open_source

MAX_BATCH_PIXELS = 1 << 22  # in the frames of a batch; a larger frame is a batch of its own
MAX_BATCH = 8  # frames
MAX_MEMORY = 4 << 30  # bytes that this process may allocate; a frame of `MAX_PIXELS` needs a fraction of it


class Halves:
    """The shared memory: one half for the batch that is being filled, one for the batch that is being searched."""

    def __init__(self, descriptor: int, requests: "Requests") -> None:
        self._descriptor, self._requests = descriptor, requests
        self._memory: mmap.mmap | bytes = b""  # empty until the first batch
        self._size = 0  # bytes of a half
        self._free = [True, True]
        self._next = 0

    def take(self, size: int) -> tuple[int, np.ndarray]:
        """Wait for the next half; if it is too small, both halves grow first.

        Args:
            size: bytes.

        Returns:
            The half's number, and its memory, uint8 [size].
        """
        if size > self._size:
            self._wait(lambda: all(self._free))
            os.ftruncate(self._descriptor, 2 * size)
            self._memory, self._size = mmap.mmap(self._descriptor, 2 * size), size
            say(grow=size)
        half = self._next
        self._wait(lambda: self._free[half])
        self._free[half], self._next = False, 1 - half
        return half, np.frombuffer(self._memory, np.uint8, size, half * self._size)

    def give_back(self, half: int) -> None:
        """Note that a half may be overwritten."""
        self._free[half] = True

    def _wait(self, met: Callable[[], bool]) -> None:
        """Read requests until `met()`; the file's time limit does not run meanwhile."""
        left = signal.setitimer(signal.ITIMER_REAL, 0)[0]
        while not met():
            self._requests.read_one()
        signal.setitimer(signal.ITIMER_REAL, left)


class Requests:
    """The requests, in order: halves are freed at once, files wait for their turn.

    Args:
        descriptor: of the shared memory.
    """

    def __init__(self, descriptor: int) -> None:
        self.halves = Halves(descriptor, self)
        self._files: collections.deque[dict[str, Any]] = collections.deque()

    def read_one(self) -> None:
        """Wait for one request; at the end of standard input the process ends."""
        line = sys.stdin.readline()
        if not line:
            sys.exit(0)
        request = json.loads(line)
        if "free" in request:
            self.halves.give_back(request["free"])
        else:
            self._files.append(request)

    def next_file(self) -> dict[str, Any]:
        """Wait for the next file, and return its request."""
        while not self._files:
            self.read_one()
        return self._files.popleft()


def say(**message: Any) -> None:
    """Answer with one line."""
    print(json.dumps(message), flush=True)


@dataclass
class _Batch:
    """A batch that is being filled.

    Attributes:
        half: of the shared memory.
        images: the memory, uint8 [frames at most, height, width, 3].
        indices: of the frames that are in it.
        timestamps: of the same frames, seconds.
    """

    half: int
    images: np.ndarray
    indices: list[int] = field(default_factory=list)
    timestamps: list[float] = field(default_factory=list)

    def takes(self, image: np.ndarray) -> bool:
        """Tell whether there is room for another frame of this size."""
        return self.images.shape[1:] == image.shape and len(self.indices) < len(self.images)

    def add(self, index: int, seconds: float, image: np.ndarray) -> None:
        """Add a frame."""
        self.images[len(self.indices)] = image
        self.indices.append(index)
        self.timestamps.append(seconds)

    def send(self) -> None:
        """Tell the other side of the batch."""
        shape = [len(self.indices), *self.images.shape[1:3]]
        say(batch=self.half, shape=shape, indices=self.indices, timestamps=self.timestamps)


def decode(request: dict[str, Any], halves: Halves) -> None:
    """Decode one file into batches.

    Raises:
        DecodeError: it cannot be decoded, or no further than it was sent.
    """
    source = open_source(request["read"], request["kind"], request["count"], Limits(**request["limits"]))
    wanted = [int(index) for index in source.wanted]
    say(begin={"wanted": wanted, "info": source.info})
    batch: _Batch | None = None
    try:
        for index, seconds, image in source.pictures():
            if batch and not batch.takes(image):
                batch.send()
                batch = None
            if batch is None:
                count = min(MAX_BATCH, len(wanted), max(1, MAX_BATCH_PIXELS // (image.shape[0] * image.shape[1])))
                half, memory = halves.take(count * image.size)
                batch = _Batch(half, memory.reshape(count, *image.shape))
            batch.add(index, seconds, image)
    finally:  # after an error, too: the frames before it are good, and their half must come back
        if batch:
            batch.send()
    say(end={"wanted": wanted, "damage": source.damage, "marks": source.marks, "info": source.info})


def guard() -> None:
    """Limit the memory that a hostile file can make this process take, and keep its decoders quiet."""
    cv2.setNumThreads(1)
    av.logging.set_level(av.logging.PANIC)
    lower_data_limit(MAX_MEMORY)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def out_of_memory() -> str:
    """Say why a file was given up that takes too much memory."""
    least = resource.getrlimit(resource.RLIMIT_DATA)[0]
    if least < MAX_MEMORY:
        return f"it takes more memory than this process was started with (ulimit -d {least >> 10}): raise that limit"
    return "it takes more memory than a video may"


def main() -> NoReturn:
    """Serve until standard input ends."""
    guard()
    requests = Requests(int(sys.argv[1]))
    say(ready=True)
    while True:
        request = requests.next_file()
        # When the time is over, the kernel ends this process, even if a decoder hangs.
        signal.setitimer(signal.ITIMER_REAL, request["time"])
        try:
            decode(request, requests.halves)
        except DecodeError as error:
            say(failed=[error.reason, str(error)])
        except MemoryError:
            say(failed=["too_large", out_of_memory()])
        signal.setitimer(signal.ITIMER_REAL, 0)


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:  # nobody is there to read this any more
        os._exit(0)
