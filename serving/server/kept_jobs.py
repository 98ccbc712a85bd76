"""The jobs that clients may ask for: all that wait or run, and the last ones that are over."""

from serving.server.server_limits import ServerLimits
from serving.server.video_job import DONE, VideoJob


class KeptJobs:
    """Jobs by id. Not safe for threads: `VideoQueue` calls it with its lock held.

    Args:
        limits: how many results are kept, for how long, and how much memory they may take.
    """

    def __init__(self, limits: ServerLimits) -> None:
        self._limits = limits
        self._jobs: dict[str, VideoJob] = {}

    def __len__(self) -> int:
        return len(self._jobs)

    def __contains__(self, job: VideoJob) -> bool:
        return job.id in self._jobs

    def add(self, job: VideoJob) -> None:
        """Keep a job."""
        self._jobs[job.id] = job

    def find(self, job_id: str) -> VideoJob | None:
        """The job with an id, or None."""
        return self._jobs.get(job_id)

    def remove(self, job: VideoJob) -> None:
        """Forget a job; it may be forgotten already."""
        self._jobs.pop(job.id, None)

    def done(self) -> list[VideoJob]:
        """The jobs that have a result."""
        return [job for job in list(self._jobs.values()) if job.state == DONE]

    def drop_surplus(self, now: float) -> None:
        """Forget the jobs that are over and beyond the limits, the oldest first.

        Jobs that failed are counted apart, so that they push out no verdict.

        Args:
            now: by `time.monotonic`.
        """
        ended = [(job.ended, job) for job in self._jobs.values() if job.ended is not None]
        newest_first = [job for _, job in sorted(ended, key=lambda pair: pair[0], reverse=True)]
        for has_result in (True, False):
            size = 0
            for place, job in enumerate(job for job in newest_first if (job.state == DONE) == has_result):
                size += job.size
                too_old = now > self._expiry(job)
                too_large = place > 0 and size > self._limits.keep_bytes  # the newest one is kept whatever its size
                if too_old or too_large or place >= self._limits.keep_jobs:
                    self.remove(job)

    def next_expiry(self) -> float | None:
        """When the next job that is over will be too old, by `time.monotonic`; None if no job is over."""
        return min((self._expiry(job) for job in self._jobs.values() if job.is_over), default=None)

    def _expiry(self, job: VideoJob) -> float:
        return (job.ended or 0.0) + self._limits.keep_seconds
