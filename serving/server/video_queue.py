"""The queue of uploaded files: jobs wait, worker threads assess one after the other, results are kept for a while."""

import asyncio
import collections
import contextlib
import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from typing import Protocol

from serving.server.kept_jobs import KeptJobs
from serving.server.refusals import VideoRefusal
from serving.server.server_limits import ServerLimits
from serving.server.upload_places import Place, Places
from serving.server.video_job import CANCELLED, DONE, FAILED, RUNNING, JobState, Stopped, VideoJob, VideoResult

_ABORT_AGAIN = 0.1  # seconds
_FIRST_GUESS = 5.0  # seconds that a job takes, before one was measured

log = logging.getLogger(__name__)


class JobAssessor(Protocol):
    """Assesses the jobs of one worker thread."""

    def assess(self, job: VideoJob) -> VideoResult:
        """Do the work on a job; may raise `VideoRefusal` or `Stopped`."""

    def abort(self) -> None:
        """End the current work soon; called from another thread, perhaps several times."""

    def close(self) -> None:
        """Free what it holds."""


def _ignore(outcome: str, seconds: float) -> None:
    """Report the end of a job to nobody."""


class VideoQueue:
    """Takes jobs, assesses them in worker threads, and keeps their results.

    Args:
        new_assessor: called once in each worker thread.
        limits: of the queue, the time for a job, and the results that are kept.
        job_ended: called with (outcome, seconds of work) as each job ends. The outcome is the job's last state, or
            "error" when the server itself is at fault.
    """

    def __init__(
        self,
        new_assessor: Callable[[], JobAssessor],
        limits: ServerLimits,
        job_ended: Callable[[str, float], None] = _ignore,
    ) -> None:
        self._new_assessor, self._limits, self._job_ended = new_assessor, limits, job_ended
        self._changed = threading.Condition()  # its lock guards all that follows
        self._kept = KeptJobs(limits)
        self._queue: collections.deque[VideoJob] = collections.deque()
        self._running: dict[VideoJob, JobAssessor] = {}
        self._places = Places(limits.min_upload_rate)
        self._usual_seconds = _FIRST_GUESS  # that a job takes; a moving average
        self._closing = False
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start the threads."""
        for number in range(self._limits.workers):
            self._threads.append(threading.Thread(target=self._work, name=f"videos-{number}", daemon=True))
        self._threads.append(threading.Thread(target=self._watch, name="videos-watch", daemon=True))
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Cancel all jobs, and take no more; who waits for one is answered as soon as it notices."""
        with self._changed:
            self._closing = True
            for job in (*self._queue, *self._running):
                self._cancel(job)
            self._changed.notify_all()

    def stop(self, patience: float = 10.0) -> None:
        """Cancel all jobs and end the threads; wait for them at most `patience` seconds."""
        self.close()
        until = time.monotonic() + patience
        for thread in self._threads:
            thread.join(max(until - time.monotonic(), 0))

    # --- for requests -------------------------------------------------------------------------------------------
    @contextlib.contextmanager
    def place(self) -> Iterator[Place]:
        """Hold a place in the queue while an upload is received and comes fast enough; then `submit` uses it.

        Raises:
            VideoRefusal: 429, the queue is full.
        """
        with self._changed:
            if self._places.held() + len(self._queue) >= self._limits.jobs:
                raise self._full()
            place = self._places.enter()
        try:
            yield place
        finally:
            with self._changed:
                self._places.leave(place)

    def submit(self, job: VideoJob) -> None:
        """Put a job into the queue.

        Raises:
            VideoRefusal: 429, the queue has become full while a slow upload was received; 503, the server has begun to
                stop. The upload's file is deleted.
        """
        with self._changed:
            if self._closing:
                job.upload.delete()
                raise VideoRefusal(503, "not_ready", "the server is stopping", retry_after=5)
            if len(self._queue) >= self._limits.jobs:
                job.upload.delete()
                raise self._full()
            self._kept.add(job)
            self._queue.append(job)
            self._changed.notify_all()

    def get(self, job_id: str) -> VideoJob:
        """The job with an id.

        Raises:
            VideoRefusal: 404, there is none, or none any more.
        """
        with self._changed:
            self._kept.drop_surplus(time.monotonic())
            job = self._kept.find(job_id)
        if job is None:
            raise VideoRefusal(404, "unknown_job", "there is no such video here; results are kept for a limited time")
        return job

    def ahead(self, job: VideoJob) -> int:
        """Number of jobs before this one, including those that run; 0 once it runs itself."""
        with self._changed:
            return len(self._running) + self._queue.index(job) if job in self._queue else 0

    def cancel(self, job: VideoJob) -> None:
        """Stop a job; one that is over is forgotten."""
        with self._changed:
            if job.is_over:
                self._kept.remove(job)
            else:
                self._cancel(job)
                self._changed.notify_all()

    async def wait(self, job: VideoJob, seconds: float) -> None:
        """Wait until a job is over or cancelled, at most for some seconds."""
        loop, over = asyncio.get_running_loop(), asyncio.Event()

        def tell() -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: the server has stopped
                loop.call_soon_threadsafe(over.set)

        with self._changed:
            if job.is_over or job.stop == CANCELLED:
                return
            job.when_over.append(tell)
        try:
            async with asyncio.timeout(seconds):
                await over.wait()
        except TimeoutError:
            pass
        finally:
            with self._changed:
                if tell in job.when_over:
                    job.when_over.remove(tell)

    # --- for metrics --------------------------------------------------------------------------------------------
    @property
    def waiting(self) -> int:
        """Number of jobs that wait."""
        return len(self._queue)

    @property
    def running(self) -> int:
        """Number of jobs that run."""
        return len(self._running)

    @property
    def kept(self) -> int:
        """Number of results that are kept."""
        with self._changed:
            return len(self._kept.done())

    @property
    def kept_bytes(self) -> int:
        """Bytes of the results that are kept."""
        with self._changed:
            return sum(job.size for job in self._kept.done())

    # --- with the lock held -------------------------------------------------------------------------------------
    def _full(self) -> VideoRefusal:
        seconds = self._usual_seconds * (len(self._queue) + 1) / self._limits.workers
        message = "too many videos wait already; try again later"
        return VideoRefusal(429, "queue_full", message, retry_after=min(max(seconds, 1), 600))

    def _cancel(self, job: VideoJob) -> None:
        """End a job that waits at once; ask one that runs to stop."""
        if job in self._queue:
            self._queue.remove(job)
            job.upload.delete()
            self._job_ended(CANCELLED, 0.0)
            self._end(job, CANCELLED)
        elif job.stop is None and not job.is_over:
            job.stop = CANCELLED
            self._running[job].abort()
            self._tell(job)  # it may take a while to notice, and nobody need wait for that

    def _end(
        self, job: VideoJob, state: JobState, *, result: VideoResult | None = None, error: VideoRefusal | None = None
    ) -> None:
        if state == DONE:
            job.stage, job.progress = "done", 1.0
        job.result, job.error = result, error
        job.state, job.ended = state, time.monotonic()
        self._kept.drop_surplus(job.ended)
        self._tell(job)
        self._changed.notify_all()

    def _tell(self, job: VideoJob) -> None:
        for tell in job.when_over:
            tell()
        job.when_over.clear()

    # --- worker threads -----------------------------------------------------------------------------------------
    def _work(self) -> None:
        assessor = self._new_assessor()
        while (job := self._next(assessor)) is not None:
            self._run(job, assessor)
        assessor.close()

    def _next(self, assessor: JobAssessor) -> VideoJob | None:
        """Wait for the next job; None when the queue stops."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closing)
            if self._closing:
                return None
            job = self._queue.popleft()
            job.state, job.deadline = RUNNING, time.monotonic() + self._limits.video_timeout
            self._running[job] = assessor
            self._changed.notify_all()
            return job

    def _run(self, job: VideoJob, assessor: JobAssessor) -> None:
        began = time.monotonic()
        result: VideoResult | None = None
        error: VideoRefusal | None = None
        unexpected: Exception | None = None
        try:
            result = assessor.assess(job)
        except VideoRefusal as refusal:
            error = refusal
        except Stopped:
            pass
        except Exception as exception:
            unexpected = exception
        job.upload.delete()
        seconds = time.monotonic() - began
        with self._changed:
            del self._running[job]
            self._usual_seconds = 0.7 * self._usual_seconds + 0.3 * seconds
            state = DONE if result else FAILED
            outcome: str = state
            if result is None and job.stop is not None:  # whatever was raised, stopping the job was the cause
                state = outcome = job.stop
                error = self._too_late() if state == FAILED else None
            elif unexpected is not None:
                outcome, error = "error", _internal_error(job, unexpected)
            self._job_ended(outcome, seconds)
            self._end(job, state, result=result, error=error)

    def _too_late(self) -> VideoRefusal:
        limit = f"the work on it took more than {self._limits.video_timeout:g} s"
        return VideoRefusal(422, "time_limit", f"{limit}; send a shorter or smaller file, or ask for fewer frames")

    # --- the thread that watches --------------------------------------------------------------------------------
    def _watch(self) -> None:
        """Stop jobs that take too long, and forget results that are too old."""
        with self._changed:
            while not (self._closing and not self._running):
                now = time.monotonic()
                for job, assessor in self._running.items():
                    if job.stop is None and job.deadline is not None and now >= job.deadline:
                        job.stop = FAILED
                    if job.stop is not None:
                        assessor.abort()  # again and again: the process that it kills may have started only now
                self._kept.drop_surplus(now)
                self._changed.wait(self._until_next(now))

    def _until_next(self, now: float) -> float | None:
        """Seconds until `_watch` has something to do; None until something changes."""
        if any(job.stop is not None for job in self._running):
            return _ABORT_AGAIN
        times = [job.deadline for job in self._running]
        times.append(self._kept.next_expiry())
        next_time = min((moment for moment in times if moment is not None), default=None)
        return None if next_time is None else max(next_time - now, 0.01)


def _internal_error(job: VideoJob, error: Exception) -> VideoRefusal:
    number = secrets.token_hex(4)
    log.error("%s failed; error %s", job, number, exc_info=error)
    return VideoRefusal(500, "internal", f"the server failed; its log has more under the number {number}")
