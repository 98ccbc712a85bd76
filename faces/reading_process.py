"""The process that decodes: `python -m faces.reading_process FD`, started by `reading.FrameReader`.

It reads requests as JSON lines from standard input and answers with JSON lines on standard output; pixels go into the shared
memory FD. Whatever a file does to a decoder, a crash, a hang, or hunger for memory, it does to this process alone.

In:  {"read": path, "kind": kind, "count": frames, "time": seconds, "limits": {...}}     decode a file; `decoder.Limits`
     {"free": half}                                                      that half of the memory may be written again
Out: {"ready": true}                                                     once, at the start
     {"begin": {"wanted": [...], "info": {...}}}                         first of each file that can be opened
     {"grow": bytes}                                                     each half has that size from here on
     {"batch": half, "shape": [n, h, w], "indices": [...], "timestamps": [...]}
     {"end": {"wanted": [...], "damage": text or null, "marks": {...}, "info": {...}}}
     {"failed": [reason, detail]}                                        in place of "end"
"""

import collections
import json
import mmap
import os
import resource
import signal
import sys

import av
import cv2
import numpy as np

from faces.decoder import DecodeError, Limits, open_source

BATCH_PIXELS = 1 << 22  # frames of a batch hold no more, but for a single larger one
MAX_BATCH = 8
MOST_MEMORY = 4 << 30  # bytes that this process may ask for; a frame of `MAX_PIXELS` needs a fraction


class Halves:
    """The shared memory: two halves, one for the batch that is being filled, one for the batch that is being looked at."""

    def __init__(self, descriptor, requests):
        self.descriptor, self.requests = descriptor, requests
        self.memory, self.size, self.free, self.next = None, 0, [True, True], 0

    def take(self, size):
        """Wait for the next half and return its number and memory; both halves grow first if it is too small."""
        if size > self.size:
            self._wait(lambda: all(self.free))
            os.ftruncate(self.descriptor, 2 * size)
            self.memory, self.size = mmap.mmap(self.descriptor, 2 * size), size
            say(grow=size)
        half = self.next
        self._wait(lambda: self.free[half])
        self.free[half], self.next = False, 1 - half
        return half, np.frombuffer(self.memory, np.uint8, size, half * self.size)

    def _wait(self, met):
        """Read what the other side says until `met()`; that time does not count against the file's limit."""
        left = signal.setitimer(signal.ITIMER_REAL, 0)[0]
        while not met():
            self.requests.read_one()
        signal.setitimer(signal.ITIMER_REAL, left)


class Requests:
    """What the other side says, in order; frees act at once, files wait."""

    def __init__(self):
        self.files, self.halves = collections.deque(), None

    def read_one(self):
        """Wait for one line; without the other side this process has no purpose."""
        line = sys.stdin.readline()
        if not line:
            sys.exit(0)
        request = json.loads(line)
        if "free" in request:
            self.halves.free[request["free"]] = True
        else:
            self.files.append(request)

    def next_file(self):
        """Wait for the next file."""
        while not self.files:
            self.read_one()
        return self.files.popleft()


def say(**message):
    """Answer with one line."""
    print(json.dumps(message), flush=True)


def decode(request, halves):
    """Decode one file into batches."""
    source = open_source(request["read"], request["kind"], request["count"], Limits(**request["limits"]))
    wanted = [int(index) for index in source.wanted]
    say(begin={"wanted": wanted, "info": source.info})
    batch = None
    try:
        for index, seconds, image in source.pictures():
            if batch and (batch["images"].shape[1:] != image.shape or len(batch["indices"]) == len(batch["images"])):
                _send(batch)
                batch = None
            if batch is None:
                most = min(MAX_BATCH, len(source.wanted), max(1, BATCH_PIXELS // (image.shape[0] * image.shape[1])))
                half, memory = halves.take(most * image.size)
                batch = {"half": half, "images": memory.reshape(most, *image.shape), "indices": [], "timestamps": []}
            batch["images"][len(batch["indices"])] = image
            batch["indices"].append(index)
            batch["timestamps"].append(seconds)
    finally:  # after an error, too: the frames before it are good, and their half must come back
        if batch:
            _send(batch)
    say(end={"wanted": wanted, "damage": source.damage, "marks": source.marks, "info": source.info})


def _send(batch):
    shape = [len(batch["indices"]), *batch["images"].shape[1:3]]
    say(batch=batch["half"], shape=shape, indices=batch["indices"], timestamps=batch["timestamps"])


def guard():
    """Bound what a hostile file can make this process take, and keep it quiet."""
    cv2.setNumThreads(1)
    av.logging.set_level(av.logging.PANIC)
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main():
    """Serve until standard input ends."""
    guard()
    requests = Requests()
    halves = requests.halves = Halves(int(sys.argv[1]), requests)
    say(ready=True)
    while True:
        request = requests.next_file()
        # The kernel ends this process when the time is over, even in the midst of a decoder that answers nobody.
        signal.setitimer(signal.ITIMER_REAL, request["time"])
        try:
            decode(request, halves)
        except DecodeError as error:
            say(failed=[error.reason, str(error)])
        except MemoryError:
            say(failed=["too_large", "it takes more memory than a video may"])
        signal.setitimer(signal.ITIMER_REAL, 0)


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:  # nobody is there to read this any more
        os._exit(0)
