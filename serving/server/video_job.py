"""One uploaded file on its way from the queue to its verdict."""

import datetime
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import orjson

from serving.server.refusals import VideoRefusal
from serving.server.uploads import Upload
from serving.server.video_options import VideoOptions
from serving.verdict.stages import DRAWING, FINDING, JUDGING

JobState = Literal["queued", "running", "done", "failed", "cancelled"]
QUEUED: JobState = "queued"
RUNNING: JobState = "running"
DONE: JobState = "done"
FAILED: JobState = "failed"
CANCELLED: JobState = "cancelled"
# The stages of a job, and the share of the work that is done when each begins.
STAGES = {"waiting": 0.0, FINDING: 0.0, JUDGING: 0.7, DRAWING: 0.85, "done": 1.0}


class Stopped(Exception):
    """The job was cancelled, or its time is over."""


@dataclass(frozen=True)
class VideoResult:
    """What came of a job.

    Attributes:
        view: the verdict with the addresses of its pictures, JSON.
        pictures: path below the job's address -> WebP bytes.
    """

    view: bytes
    pictures: dict[str, bytes] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes of memory that it takes."""
        return len(self.view) + sum(map(len, self.pictures.values()))


class VideoJob:
    """One uploaded file, and how far the work on it is.

    Args:
        upload: the file.
        options: what the client wants to know about it.

    Attributes:
        id: cannot be guessed; whoever knows it may read the result.
        state: where the job is.
        stage: one of `STAGES`.
        progress: share of the work that is done, 0..1; it never falls.
        created: seconds since 1970.
        deadline: of the work, by `time.monotonic`; None while the job waits.
        ended: when the work ended, by `time.monotonic`, or None.
        stop: the state in which the job is to end early: CANCELLED, or FAILED when its time is over. Otherwise None.
        error: why it failed, or None.
        result: set when it is done.
        when_over: called once each when the job is over, or is cancelled.
    """

    def __init__(self, upload: Upload, options: VideoOptions) -> None:
        self.upload, self.options = upload, options
        self.id, self.created = secrets.token_urlsafe(16), time.time()
        self.state: JobState = QUEUED
        self.stage, self.progress = "waiting", 0.0
        self.deadline: float | None = None
        self.ended: float | None = None
        self.stop: JobState | None = None
        self.error: VideoRefusal | None = None
        self.result: VideoResult | None = None
        self.when_over: list[Callable[[], None]] = []

    def __repr__(self) -> str:
        return f"job {self.id[:6]}"  # the whole id would open the result to everyone who reads the log

    @property
    def address(self) -> str:
        """Its path on the server."""
        return f"/v1/videos/{self.id}"

    @property
    def is_over(self) -> bool:
        """Whether nothing about it will change any more."""
        return self.state in (DONE, FAILED, CANCELLED)

    @property
    def size(self) -> int:
        """Bytes of memory that its result takes."""
        return self.result.size if self.result else 0

    def at(self, stage: str, done: int = 0, total: int = 1) -> None:
        """Note how far the work is; a `StageProgress`.

        Raises:
            Stopped: the job is to end early.
        """
        if self.stop is not None:
            raise Stopped
        begin = STAGES[stage]
        end = min((share for share in STAGES.values() if share > begin), default=1.0)
        share = begin + (end - begin) * min(done / max(total, 1), 1)
        self.stage, self.progress = stage, max(self.progress, share)

    def as_json(self, ahead: int = 0) -> bytes:
        """The job as clients get it.

        Args:
            ahead: number of jobs before it.
        """
        created = datetime.datetime.fromtimestamp(self.created, datetime.UTC)
        state, result = self.state, self.result  # in this order: the worker thread sets the result first
        return orjson.dumps(
            {
                "id": self.id,
                "state": CANCELLED if self.stop == CANCELLED and state == RUNNING else state,
                "stage": self.stage,
                "progress": round(self.progress, 3),
                "ahead": ahead,
                "file": self.upload.name,
                "created": created.isoformat(timespec="milliseconds"),
                "error": self.error and self.error.as_dict(),
                "view": orjson.Fragment(result.view) if result and state == DONE else None,
                "report": f"{self.address}/report.html",
            }
        )
