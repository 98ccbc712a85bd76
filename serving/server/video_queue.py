"""The videos that wait, are worked on, and were judged: a bounded queue, threads that work, and results that are kept a while."""

import asyncio
import collections
import contextlib
import logging
import secrets
import threading
import time

from serving.server.refusals import VideoRefusal
from serving.server.video_job import CANCELLED, DONE, FAILED, RUNNING, Stopped

_KILL_AGAIN = 0.1  # seconds

log = logging.getLogger(__name__)


class VideoQueue:
    """Takes jobs, works on them in threads, keeps what came of them.

    Args:
        new_judge: called without arguments once in each thread; returns what has `judge(job)`, which fills in the job and
            may raise `VideoRefusal` or `Stopped`, `abort()`, called from another thread while it judges, and `close()`.
        limits: `serving.server.server_limits.ServerLimits`.
        ended: called with (outcome, seconds of work) after each job; outcome is its last state, or "error" for what is
            nobody's but the server's fault.
    """

    def __init__(self, new_judge, limits, ended=lambda outcome, seconds: None):
        self.new_judge, self.limits, self.ended = new_judge, limits, ended
        self._changed = threading.Condition()
        self._jobs = {}  # id -> VideoJob
        self._queue = collections.deque()
        self._running = {}  # VideoJob -> its judge
        self._receiving = 0  # uploads that have a place in the queue
        self._usual, self._closing, self._threads = 5.0, False, []

    def start(self):
        """Start the threads."""
        names = [f"videos-{number}" for number in range(self.limits.workers)]
        self._threads = [threading.Thread(target=self._work, name=name, daemon=True) for name in names]
        self._threads.append(threading.Thread(target=self._watch, name="videos-watch", daemon=True))
        for thread in self._threads:
            thread.start()

    def stop(self, patience=10.0):
        """Give up what is begun, and end the threads; waits for them at most `patience` seconds."""
        with self._changed:
            self._closing = True
            for job in (*self._queue, *self._running):
                self._cancel(job)
            self._changed.notify_all()
        until = time.monotonic() + patience
        for thread in self._threads:
            thread.join(max(until - time.monotonic(), 0))

    # --- the clients' side ----------------------------------------------------------------------------------------
    @contextlib.contextmanager
    def place(self):
        """Hold a place in the queue while the upload comes; within it, `submit` uses it.

        Raises:
            VideoRefusal: 429, the queue is full.
        """
        with self._changed:
            if self._receiving + len(self._queue) >= self.limits.jobs:
                raise self._full()
            self._receiving += 1
        try:
            yield
        finally:
            with self._changed:
                self._receiving -= 1

    def submit(self, job):
        """Put a job into the queue."""
        with self._changed:
            self._jobs[job.id] = job
            self._queue.append(job)
            self._changed.notify_all()

    def get(self, key):
        """The job of an id.

        Raises:
            VideoRefusal: 404.
        """
        with self._changed:
            self._forget_old()
            if key not in self._jobs:
                raise VideoRefusal(
                    404, "unknown_job", "there is no such video here; results are kept for a limited time"
                )
            return self._jobs[key]

    def ahead(self, job):
        """How many jobs will be begun, or are, before this one; 0 once it has begun."""
        with self._changed:
            return len(self._running) + self._queue.index(job) if job in self._queue else 0

    def cancel(self, job):
        """Stop a job; one that is over is forgotten."""
        with self._changed:
            if job.is_over:
                self._jobs.pop(job.id, None)
            else:
                self._cancel(job)
                self._changed.notify_all()

    async def wait(self, job, seconds):
        """Wait until a job is over, or for so many seconds."""
        loop, over = asyncio.get_running_loop(), asyncio.Event()

        def tell():
            with contextlib.suppress(RuntimeError):  # the server has ended
                loop.call_soon_threadsafe(over.set)

        with self._changed:
            if job.is_over:
                return
            job._over.append(tell)
        try:
            async with asyncio.timeout(seconds):
                await over.wait()
        except TimeoutError:
            pass
        finally:
            with self._changed:
                if tell in job._over:
                    job._over.remove(tell)

    @property
    def waiting(self):
        """How many jobs wait."""
        return len(self._queue)

    @property
    def running(self):
        """How many jobs are worked on."""
        return len(self._running)

    @property
    def kept(self):
        """How many results are kept."""
        with self._changed:
            return sum(job.state == DONE for job in self._jobs.values())

    @property
    def kept_bytes(self):
        """Bytes of them."""
        with self._changed:
            return sum(job.size for job in self._jobs.values() if job.is_over)

    # --- the inside; all but `_work`, `_do` and `_watch` with the lock held -------------------------------------------
    def _full(self):
        seconds = self._usual * (len(self._queue) + 1) / self.limits.workers
        return VideoRefusal(
            429, "queue_full", "too many videos wait already; try again later", min(max(seconds, 1), 600)
        )

    def _cancel(self, job):
        """What is queued ends at once, what runs when its thread notices."""
        if job in self._queue:
            self._queue.remove(job)
            job.upload.delete()
            self._end(job, CANCELLED)
            self.ended(CANCELLED, 0.0)
        elif job.stop is None and not job.is_over:
            job.stop = CANCELLED
            self._running[job].abort()

    def _end(self, job, state, error=None):
        job.state, job.error, job.ended = state, error, time.monotonic()
        job.stage = "done" if state == DONE else job.stage
        job.progress = 1.0 if state == DONE else job.progress
        if state != DONE:
            job.view, job.pictures = None, {}
        self._forget_old()
        for tell in job._over:
            tell()
        job._over.clear()
        self._changed.notify_all()

    def _forget_old(self):
        """Drop what is over the limits; failures push out no verdict."""
        over = sorted((job for job in self._jobs.values() if job.is_over), key=lambda job: -job.ended)
        for some in ([job for job in over if job.state == DONE], [job for job in over if job.state != DONE]):
            size = 0
            for number, job in enumerate(some):
                size += job.size
                too_old = time.monotonic() - job.ended > self.limits.keep_seconds
                too_much = number > 0 and size > self.limits.keep_bytes
                if too_old or too_much or number >= self.limits.keep_jobs:
                    del self._jobs[job.id]

    def _next(self, judge):
        """Wait for the next job; None when the threads shall end."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closing)
            if self._closing:
                return None
            job = self._queue.popleft()
            job.state, job.deadline = RUNNING, time.monotonic() + self.limits.video_timeout
            self._running[job] = judge
            self._changed.notify_all()
            return job

    def _work(self):
        """A thread that works."""
        judge = self.new_judge()
        while (job := self._next(judge)) is not None:
            self._do(job, judge)
        judge.close()

    def _do(self, job, judge):
        begin = time.monotonic()
        state, error, outcome = DONE, None, None
        try:
            judge.judge(job)
        except VideoRefusal as refusal:
            state, error = FAILED, refusal
        except Stopped:
            state = FAILED
        except Exception as problem:
            state, outcome, error = FAILED, "error", self._unexpected(job, problem)
        job.upload.delete()
        seconds = time.monotonic() - begin
        with self._changed:
            del self._running[job]
            if job.stop is not None and state != DONE:  # whatever it was told: it died of being stopped
                state, error, outcome = job.stop, None, None
                if state == FAILED:
                    limit = f"the work on it took more than {self.limits.video_timeout:g} s"
                    error = VideoRefusal(
                        422, "time_limit", f"{limit}; send a shorter or smaller one, or ask for fewer frames"
                    )
            self._usual = 0.7 * self._usual + 0.3 * seconds
            self._end(job, state, error)
        self.ended(outcome or state, seconds)

    def _unexpected(self, job, problem):
        if job.stop is not None:  # it died of that, perhaps in the midst of starting a process
            return None
        number = secrets.token_hex(4)
        log.error("%s failed; error %s", job, number, exc_info=problem)
        return VideoRefusal(500, "internal", f"the server failed; its log has more under the number {number}")

    def _watch(self):
        """A thread that stops what takes too long, and drops what is too old."""
        with self._changed:
            while not (self._closing and not self._running):
                now = time.monotonic()
                for job, judge in self._running.items():
                    if job.stop is None and now >= job.deadline:
                        job.stop = FAILED
                    if job.stop is not None:
                        judge.abort()  # until it notices: what it waits for may only have begun now
                self._forget_old()
                self._changed.wait(self._until_next(now))

    def _until_next(self, now):
        """Seconds until `_watch` has something to do; None while nothing will be."""
        if any(job.stop is not None for job in self._running):
            return _KILL_AGAIN
        until = [job.deadline for job in self._running]
        until += [job.ended + self.limits.keep_seconds for job in self._jobs.values() if job.is_over]
        return max(min(until) - now, 0.01) if until else None
