"""Read videos in a process of its own: the next one is decoded while this one is looked at, and none can harm the others."""

import collections
import contextlib
import json
import mmap
import os
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass

import numpy as np

from faces.decoder import MAX_PIXELS, NO_LIMITS, DecodeError

AHEAD = 2  # files that the process knows of beyond the one that is looked at
# OpenCV allots the memory of a picture before anybody can ask for its size; and what it tells goes among the answers.
OPENCV = {"OPENCV_IO_MAX_IMAGE_PIXELS": str(MAX_PIXELS), "OPENCV_LOG_LEVEL": "ERROR"}


@dataclass(frozen=True)
class Batch:
    """Consecutive chosen frames of one size.

    Attributes:
        indices: numbers of the frames in the video, from 0.
        timestamps: seconds after the first frame of the video.
        images: RGB uint8 [n, height, width, 3]. Only valid until the next batch is asked for.
    """

    indices: list
    timestamps: list
    images: np.ndarray


def start_process(module, *arguments, **options):
    """Start a module as a process that may die of what it decodes; its pipes carry text.

    Args:
        module: such as "faces.reading_process"; it calls `guard` of that one first.
        options: of `subprocess.Popen`.
    """
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | OPENCV | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        start_new_session=True,  # Ctrl-C is for the process that this one serves
        text=True,
        **options,
    )


class Reading:
    """The chosen frames of one file: iterate once over its `Batch`es.

    Attributes, complete after the iteration; what came before it broke off holds, too:
        wanted: indices of the chosen frames; some may not decode.
        damage: None, or a sentence on what of the file could not be read.
        marks: what else should be known of it, reason -> sentence.
        info: what it is; see `decoder.VideoFrames`. Empty where it cannot be opened.
    """

    def __init__(self, reader, uri):
        self.uri, self.wanted, self.damage, self.marks, self.info = uri, [], None, {}, {}
        self._reader, self._held = reader, None  # the half of the memory whose batch is being looked at

    def __iter__(self):
        """Yield the batches.

        Raises:
            DecodeError: the file gives no frame; where some came before, `damage` says so instead.
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

    def finish(self):
        """Pass over what was not iterated."""
        self._release()
        for message in self._reader.messages(self):
            if "batch" in message:
                self._reader.free(message["batch"])

    def _release(self):
        if self._held is not None:
            self._reader.free(self._held)
            self._held = None


class FrameReader:
    """Reads files one after the other in a process of its own.

    Args:
        count: frames of a video.
        time_limit: seconds that one file may take to decode.
        limits: what a file may hold.

    A context manager; the process starts with the first file and ends with the context.
    """

    def __init__(self, count, time_limit, limits=NO_LIMITS):
        self.count, self.time_limit, self.limits = count, time_limit, limits
        self._process, self._descriptor, self._memory, self._half = None, None, None, 0
        self._asked = collections.deque()  # `Reading`s that the process knows of, in order

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def read(self, videos):
        """Yield (video, `Reading`) for each of the manifest lines, in order. Each must be used before the next."""
        waiting = iter(videos)
        asked = collections.deque()
        try:
            while True:
                while len(asked) <= AHEAD and (video := next(waiting, None)) is not None:
                    asked.append((video, self._ask(video)))
                if not asked:
                    return
                video, reading = asked.popleft()
                yield video, reading
                with contextlib.suppress(DecodeError):  # nobody asked for more of it
                    reading.finish()
        finally:
            if self._asked:  # left early: what the process goes on to say belongs to nobody
                self._asked.clear()
                self.close()

    def _ask(self, video):
        reading = Reading(self, video.uri)
        reading.request = {"read": video.uri, "kind": video.kind, "count": self.count, "time": self.time_limit}
        reading.request["limits"] = asdict(self.limits)
        self._asked.append(reading)
        if self._process is None:
            self._start()
        else:
            self._say(reading.request)
        return reading

    # --- the process ----------------------------------------------------------------------------------------------
    def _start(self):
        """Start the process and tell it of all the files that are asked for and not done."""
        self._descriptor = os.memfd_create("frames")
        self._process = start_process("faces.reading_process", str(self._descriptor), pass_fds=[self._descriptor])
        if not self._process.stdout.readline():  # no file's fault, and no file shall be blamed for it
            raise RuntimeError("the decoding process does not start; what it said stands above")
        for reading in self._asked:
            self._say(reading.request)

    def _say(self, message):
        with contextlib.suppress(BrokenPipeError):  # it has ended: the next message that is waited for will tell
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()

    def messages(self, reading):
        """What the process says of one file: of what is in it, its batches, and its end, which is the last.

        Raises:
            DecodeError: the file cannot be decoded, or has ended the process.
        """
        while self._asked and reading in self._asked:
            line = self._process.stdout.readline()
            if not line.endswith("\n"):
                raise self._lost()
            message = json.loads(line)
            if "grow" in message:
                self._half = message["grow"]
                self._memory = mmap.mmap(self._descriptor, 2 * self._half)
            elif "batch" in message:
                yield message
            elif "begin" in message:
                yield message["begin"]
            else:
                self._asked.popleft()
                if "failed" in message:
                    raise DecodeError(*message["failed"])
                yield message["end"]

    def images(self, message):
        """The pixels of a batch, in the shared memory."""
        shape = (*message["shape"], 3)
        start = message["batch"] * self._half
        return np.frombuffer(self._memory, np.uint8, int(np.prod(shape)), start).reshape(shape)

    def free(self, half):
        """Let the process write that half of the memory again."""
        self._say({"free": half})

    def _lost(self):
        """The process has ended in the midst of the first file that is asked for: drop that file, start anew."""
        self._asked.popleft()
        code = self._process.wait()
        self.close()
        if self._asked:
            self._start()
        if code == -signal.SIGALRM:
            return DecodeError("time_limit", f"took more than {self.time_limit:g} s to decode")
        name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return DecodeError("decoder_crashed", f"the decoder crashed ({name})")

    def kill(self):
        """Kill the process in the midst of its file, which then counts as having crashed it. From any thread."""
        process = self._process
        if process is not None:
            process.kill()

    def close(self):
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            with contextlib.suppress(BrokenPipeError):  # of what it did not read any more
                self._process.stdin.close()
            self._process.stdout.close()
            os.close(self._descriptor)
        self._process = self._memory = None
