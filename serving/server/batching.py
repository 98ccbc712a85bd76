"""Forward passes over the faces of many requests at once.

Requests wait in two lanes, those of clients and those of videos. One thread takes what waits, up to a whole batch, so
that under load batches fill by themselves. After each pass the thread waits a moment, a small share of what the pass
took, for the clients that were just answered to send their next requests: otherwise the first of them would go alone
and the others after it. When both lanes wait, each gets half of a batch. A batch is of one version of the model.
"""

import collections
import concurrent.futures
import contextlib
import itertools
import threading
import time
from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np

from model.served import ServedModel

# How long to wait for as many faces as the last pass had: share of that pass's time, and at most so many seconds.
GATHER, MAX_GATHER = 0.1, 0.05
Lane = Literal["clients", "videos"]
CLIENTS: Lane = "clients"
VIDEOS: Lane = "videos"
LANES = (CLIENTS, VIDEOS)
Method = Literal["predict", "heat_maps"]
# Name of an output -> array with a row for each face; `heat_maps` has one output, `heat_map`.
Outputs = dict[str, np.ndarray]


SHARES = ("fake_probability", "heat_map")  # outputs that lie within [0, 1]


class QueueFull(Exception):
    """Too many faces wait.

    Attributes:
        seconds: after which there may be room.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__("too many faces wait")
        self.seconds = seconds


class NotFinite(ArithmeticError):
    """An output of the model is NaN or infinite, or a share of one that is no share."""


class Work:
    """The faces of one request.

    Args:
        model: scores them.
        method: of the model.
        crops: uint8 [n, 256, 256, 3].
        deadline: by `time.monotonic`, or None.

    Attributes:
        future: of the outputs; `TimeoutError` if the deadline came first. Cancelling it skips what has not begun.
        taken: number of faces that are in a batch.
    """

    def __init__(self, model: ServedModel, method: Method, crops: np.ndarray, deadline: float | None) -> None:
        self.key = (model, method)
        self.crops, self.deadline = crops, deadline
        self.future: concurrent.futures.Future[Outputs] = concurrent.futures.Future()
        self.taken = 0
        self._parts: list[Outputs] = []

    def finish(self, part: Outputs) -> None:
        """Take the outputs of the next faces; the last ones complete the future."""
        self._parts.append(part)
        if sum(map(_rows, self._parts)) < len(self.crops):
            return
        outputs = _joined(self._parts)
        shares = [outputs[name] for name in SHARES if name in outputs]
        if not all(np.isfinite(values).all() for values in outputs.values()):
            self.fail(NotFinite("an output of the model is NaN or infinite"))
        elif not all(((values >= 0) & (values <= 1)).all() for values in shares):
            self.fail(NotFinite("a probability or a heat map of the model leaves [0, 1]"))
        else:
            with contextlib.suppress(concurrent.futures.InvalidStateError):  # it was cancelled
                self.future.set_result(outputs)

    def fail(self, error: Exception) -> None:
        """Complete the future with an error."""
        with contextlib.suppress(concurrent.futures.InvalidStateError):  # it was cancelled
            self.future.set_exception(error)


class _Slice(NamedTuple):
    """Some faces of a work that are in a batch: first <= row < last."""

    work: Work
    first: int
    last: int


def _ignore(faces: int, seconds: float) -> None:
    """Report a forward pass to nobody."""


class Batcher:
    """The queue, and the thread that empties it.

    Args:
        max_batch: faces in one forward pass.
        max_waiting: faces of clients that may wait.
        batch_done: called with (faces, seconds) after each forward pass.
    """

    def __init__(self, max_batch: int, max_waiting: int, batch_done: Callable[[int, float], None] = _ignore) -> None:
        self.max_batch, self.max_waiting, self._batch_done = max_batch, max_waiting, batch_done
        self._lanes: dict[Lane, collections.deque[Work]] = {lane: collections.deque() for lane in LANES}
        self._waiting: dict[Lane, int] = dict.fromkeys(LANES, 0)
        self._changed = threading.Condition()
        self._turns = itertools.cycle(LANES)
        self._seconds_per_face = 0.1  # until it is measured
        self._last_faces, self._gather_until = 0, 0.0  # of the last pass; by `time.monotonic`
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="batches", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> dict[Lane, int]:
        """Number of faces that wait, by lane."""
        return dict(self._waiting)

    @property
    def full(self) -> bool:
        """Whether clients are refused."""
        return self._waiting[CLIENTS] >= self.max_waiting

    def submit(
        self,
        model: ServedModel,
        crops: np.ndarray,
        method: Method = "predict",
        deadline: float | None = None,
        lane: Lane = CLIENTS,
    ) -> Work:
        """Queue faces.

        Args:
            model: scores them.
            crops: uint8 [n, 256, 256, 3], n > 0.
            method: of the model.
            deadline: by `time.monotonic`; None waits for ever.
            lane: `VIDEOS` is never refused, since its threads wait for each answer before they send more.

        Raises:
            QueueFull: too many faces wait.
        """
        work = Work(model, method, crops, deadline)
        with self._changed:
            if self._closed:
                raise RuntimeError("the server is stopping")
            if lane == CLIENTS and self._waiting[lane] + len(crops) > self.max_waiting:
                raise QueueFull(self._waiting[lane] * self._seconds_per_face)
            self._lanes[lane].append(work)
            self._waiting[lane] += len(crops)
            self._changed.notify()
        return work

    def score(self, model: ServedModel, crops: np.ndarray) -> Outputs:
        """Score faces of a video and wait for the outputs; not for the thread of the server's event loop.

        Args:
            model: to be kept for a whole video, whatever versions come meanwhile.
            crops: uint8 [n, 256, 256, 3].

        Returns:
            As `ServedModel.predict`.
        """
        return self._in_batches(model, crops, "predict")

    def heat_maps(self, model: ServedModel, crops: np.ndarray) -> np.ndarray | None:
        """Make heat maps for faces of a video, likewise; returns what `ServedModel.heat_maps` does."""
        if "heat_maps" not in model.signatures:
            return None
        return self._in_batches(model, crops, "heat_maps")["heat_map"]

    def _in_batches(self, model: ServedModel, crops: np.ndarray, method: Method) -> Outputs:
        if not len(crops):
            return _forward(model, method, crops)
        parts = []
        for start in range(0, len(crops), self.max_batch):
            work = self.submit(model, crops[start : start + self.max_batch], method, lane=VIDEOS)
            parts.append(work.future.result())
        return _joined(parts)

    def close(self, patience: float | None = None) -> bool:
        """Finish what waits, then end the thread; returns whether it has ended after `patience` seconds, if given."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(patience)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._gather()
                while not (batch := self._take()):
                    if self._closed:
                        return
                    self._changed.wait()
                    self._gather()
            self._score(batch)
            del batch  # otherwise its faces, and a model that was replaced, would stay in memory until the next one

    def _gather(self) -> None:
        """Wait until as many faces wait as the last pass had, or its moment is over. Called with the lock held."""

        def enough() -> bool:
            return self._closed or sum(self._waiting.values()) >= self._last_faces

        self._changed.wait_for(enough, max(self._gather_until - time.monotonic(), 0))

    def _take(self) -> list[_Slice]:
        """The next batch, of one model and method. Called with the lock held."""
        batch: list[_Slice] = []
        room, key = self.max_batch, None
        first = next(self._turns)
        other = CLIENTS if first == VIDEOS else VIDEOS
        for lane in (first, other):
            self._skip(lane)
        half = self.max_batch // 2 if all(self._lanes.values()) else self.max_batch
        for lane, limit in ((first, max(1, half)), (other, self.max_batch), (first, self.max_batch)):
            limit = min(limit, room)
            while limit > 0 and self._skip(lane):
                work = self._lanes[lane][0]
                if key not in (None, work.key):
                    break
                key, rows = work.key, min(limit, len(work.crops) - work.taken)
                batch.append(_Slice(work, work.taken, work.taken + rows))
                work.taken += rows
                self._waiting[lane] -= rows
                limit, room = limit - rows, room - rows
                if work.taken == len(work.crops):
                    self._lanes[lane].popleft()
        return batch

    def _skip(self, lane: Lane) -> bool:
        """Drop the works at a lane's head for which nobody waits any more; returns whether any work is left."""
        queue = self._lanes[lane]
        while queue:
            work = queue[0]
            if work.deadline is not None and time.monotonic() > work.deadline:
                work.fail(TimeoutError("its deadline came before its turn"))
            if not work.future.done():
                return True
            queue.popleft()
            self._waiting[lane] -= len(work.crops) - work.taken
        return False

    def _score(self, batch: list[_Slice]) -> None:
        model, method = batch[0].work.key
        parts = [work.crops[first:last] for work, first, last in batch]
        began = time.monotonic()
        try:
            outputs = _forward(model, method, parts[0] if len(parts) == 1 else np.concatenate(parts))
            _check_rows(outputs, sum(map(len, parts)))
        except Exception as error:
            for work, _, _ in batch:
                work.fail(error)
            return
        faces, seconds = sum(map(len, parts)), time.monotonic() - began
        self._last_faces, self._gather_until = faces, time.monotonic() + min(GATHER * seconds, MAX_GATHER)
        self._seconds_per_face += 0.1 * (seconds / faces - self._seconds_per_face)
        self._batch_done(faces, seconds)
        start = 0
        for (work, _, _), part in zip(batch, parts, strict=True):
            end = start + len(part)
            work.finish({name: values[start:end] for name, values in outputs.items()})
            start = end


def _forward(model: ServedModel, method: Method, crops: np.ndarray) -> Outputs:
    if method == "predict":
        return model.predict(crops)
    maps = model.heat_maps(crops)
    if maps is None:
        raise ValueError("the model was exported without heat maps")
    return {"heat_map": maps}


def _check_rows(outputs: Outputs, faces: int) -> None:
    """Make sure that each face has its row: with fewer, a request would wait for ever; with more, rows would shift."""
    wrong = {name: values.shape for name, values in outputs.items() if values.shape[:1] != (faces,)}
    if wrong:
        raise ValueError(f"the model answers {faces} faces with outputs of other sizes: {wrong}")


def _rows(outputs: Outputs) -> int:
    return len(next(iter(outputs.values())))


def _joined(parts: list[Outputs]) -> Outputs:
    if len(parts) == 1:
        return parts[0]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
