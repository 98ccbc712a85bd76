"""Forward passes over the faces of many requests at once.

Requests wait in two lanes, those of clients and those of videos. One thread takes what waits, up to a whole batch: under
load batches fill by themselves. After each pass it gives those who were just answered a moment to come again, a small share
of what the pass took; else the first of them would go alone, and the others after it. Where both lanes wait, each gets half
of a batch. A batch is of one version of the model.
"""

import collections
import concurrent.futures
import contextlib
import itertools
import threading
import time

import numpy as np

GATHER, MOST_GATHER = 0.1, 0.05  # how long to wait for as many faces as the last pass had: share of its time; seconds
CLIENTS, VIDEOS = LANES = ("clients", "videos")


class QueueFull(Exception):
    """Too many faces wait; `seconds` is when there may be room."""

    def __init__(self, seconds):
        super().__init__("too many faces wait")
        self.seconds = seconds


class NotFinite(ArithmeticError):
    """The model answers a face with what is no number."""


class Work:
    """The faces of one request.

    Attributes:
        future: of the answer, a dict of arrays with a row for each face; `TimeoutError` if the deadline came first.
            Cancelling it skips what has not begun.
    """

    def __init__(self, model, method, crops, deadline):
        self.key = (model, method)
        self.crops, self.deadline = crops, deadline
        self.future = concurrent.futures.Future()
        self.taken = 0
        self.parts = []

    def finish(self, part):
        """Take in the answer for the next rows; the last one completes the future."""
        self.parts.append(part)
        if sum(map(len, (next(iter(part.values())) for part in self.parts))) < len(self.crops):
            return
        parts = self.parts
        answer = parts[0] if len(parts) == 1 else {k: np.concatenate([p[k] for p in parts]) for k in parts[0]}
        if all(np.isfinite(values).all() for values in answer.values()):
            self.settle(result=answer)
        else:
            self.settle(error=NotFinite("the model's answer holds what is not a number"))

    def settle(self, result=None, error=None):
        """Complete the future, unless it was cancelled."""
        with contextlib.suppress(concurrent.futures.InvalidStateError):
            if error is not None:
                self.future.set_exception(error)
            else:
                self.future.set_result(result)


class Batcher:
    """The queue, and the thread that empties it.

    Args:
        max_batch: faces in one forward pass.
        max_waiting: faces of clients that may wait.
        observe: called with (faces, seconds) after each forward pass.
    """

    def __init__(self, max_batch, max_waiting, observe=lambda faces, seconds: None):
        self.max_batch, self.max_waiting, self._observe = max_batch, max_waiting, observe
        self._lanes = {lane: collections.deque() for lane in LANES}
        self._waiting = dict.fromkeys(LANES, 0)
        self._changed = threading.Condition()
        self._turns = itertools.cycle(LANES)
        self._seconds_per_face = 0.1  # until it was measured
        self._last, self._gather_until = 0, 0.0  # faces of the last pass; by `time.monotonic`
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="batches", daemon=True)
        self._thread.start()

    @property
    def waiting(self):
        """Faces that wait: lane -> count."""
        return dict(self._waiting)

    @property
    def full(self):
        """Whether clients would be refused."""
        return self._waiting[CLIENTS] >= self.max_waiting

    def submit(self, model, crops, method="predict", deadline=None, lane=CLIENTS):
        """Queue faces.

        Args:
            model: a `model.served.ServedModel`.
            crops: uint8 [n, 256, 256, 3], n > 0.
            method: `predict` or `heat_maps`.
            deadline: by `time.monotonic`; None waits for ever.
            lane: those of `VIDEOS` are never refused: whoever sends them waits for each before the next.

        Returns:
            `Work`.

        Raises:
            QueueFull: too many wait.
        """
        work = Work(model, method, crops, deadline)
        with self._changed:
            if self._closed:
                raise RuntimeError("the server stops")
            if lane == CLIENTS and self._waiting[lane] + len(crops) > self.max_waiting:
                raise QueueFull(self._waiting[lane] * self._seconds_per_face)
            self._lanes[lane].append(work)
            self._waiting[lane] += len(crops)
            self._changed.notify()
        return work

    def score(self, model, crops, method="predict"):
        """Judge the faces of a video and wait for the answer; may be called in any thread but the server's loop.

        Args:
            model: a `ServedModel`; take `ModelVersions.current.model` once for a whole video.
            crops: uint8 [n, 256, 256, 3].

        Returns:
            What the model's `predict`, or `heat_maps`, returns.
        """
        if method == "heat_maps" and method not in model.signatures:
            return None
        parts = [
            self.submit(model, crops[at : at + self.max_batch], method, lane=VIDEOS).future.result()
            for at in range(0, len(crops), self.max_batch)
        ] or [_run(model, method, crops)]
        answer = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        return answer if method == "predict" else answer["heat_map"]

    def close(self):
        """Finish what waits, then end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self):
        while True:
            with self._changed:
                self._gather()
                while not (batch := self._take()):
                    if self._closed:
                        return
                    self._changed.wait()
                    self._gather()
            self._judge(batch)
            del batch  # else the faces, and a version of the model that was replaced, would stay until the next one

    def _gather(self):
        """Wait until as many faces wait as the last pass had, or its moment is over. Called with the lock held."""

        def enough():
            return self._closed or sum(self._waiting.values()) >= self._last

        self._changed.wait_for(enough, max(self._gather_until - time.monotonic(), 0))

    def _take(self):
        """The next batch: [(work, first, last)] of one model and method. Called with the lock held."""
        batch, room, key = [], self.max_batch, None
        first = next(self._turns)
        order = [first, *(lane for lane in LANES if lane != first)]
        for lane in order:
            self._skip(lane)
        shares = self.max_batch // 2 if all(self._lanes.values()) else self.max_batch
        for lane, limit in [(order[0], max(1, shares)), (order[1], self.max_batch), (order[0], self.max_batch)]:
            limit = min(limit, room)
            while limit > 0 and self._skip(lane):
                work = self._lanes[lane][0]
                if key not in (None, work.key):
                    break
                key, rows = work.key, min(limit, len(work.crops) - work.taken)
                batch.append((work, work.taken, work.taken + rows))
                work.taken += rows
                self._waiting[lane] -= rows
                limit, room = limit - rows, room - rows
                if work.taken == len(work.crops):
                    self._lanes[lane].popleft()
        return batch

    def _skip(self, lane):
        """Drop the works at a lane's head that nobody waits for any more; whether one is left."""
        queue = self._lanes[lane]
        while queue:
            work = queue[0]
            late = work.deadline is not None and time.monotonic() > work.deadline
            if late:
                work.settle(error=TimeoutError("its deadline came before its turn"))
            if not work.future.done():
                return True
            queue.popleft()
            self._waiting[lane] -= len(work.crops) - work.taken
        return False

    def _judge(self, batch):
        model, method = batch[0][0].key
        parts = [work.crops[first:last] for work, first, last in batch]
        began = time.monotonic()
        try:
            answer = _run(model, method, parts[0] if len(parts) == 1 else np.concatenate(parts))
        except Exception as error:
            for work, _, _ in batch:
                work.settle(error=error)
            return
        faces, seconds = sum(map(len, parts)), time.monotonic() - began
        self._last, self._gather_until = faces, time.monotonic() + min(GATHER * seconds, MOST_GATHER)
        self._seconds_per_face += 0.1 * (seconds / faces - self._seconds_per_face)
        self._observe(faces, seconds)
        at = 0
        for (work, _, _), part in zip(batch, parts, strict=True):
            work.finish({name: values[at : at + len(part)] for name, values in answer.items()})
            at += len(part)


def _run(model, method, crops):
    if method == "heat_maps":
        return {"heat_map": model.heat_maps(crops)}
    return model.predict(crops)
