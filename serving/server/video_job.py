"""One video on its way from the upload to the verdict."""

import datetime
import secrets
import time

import orjson

QUEUED, RUNNING, DONE, FAILED, CANCELLED = "queued", "running", "done", "failed", "cancelled"
# The stages of a job, and the share of the work at which each begins.
STAGES = {"waiting": 0.0, "finding faces": 0.0, "judging": 0.7, "drawing": 0.85, "done": 1.0}


class Stopped(Exception):
    """The job need not go on: it was cancelled, or its time is over."""


class VideoJob:
    """One upload on its way.

    Args:
        upload: `serving.server.uploads.Upload`.
        wish: what is to be done with it; for the judge.

    Attributes:
        id: unguessable; whoever knows it may read the result.
        state, stage, progress: see `STAGES`; progress never falls.
        created: seconds since 1970.
        error: the `VideoRefusal` that it ended with, or None.
        view: JSON bytes of the verdict with the addresses of its pictures, or None.
        pictures: path below the job's address -> WebP bytes.
        stop: why it shall stop, CANCELLED or FAILED (its time is over), or None.
    """

    def __init__(self, upload, wish=None):
        self.upload, self.wish = upload, wish
        self.id, self.created = secrets.token_urlsafe(16), time.time()
        self.state, self.stage, self.progress = QUEUED, "waiting", 0.0
        self.error, self.view, self.pictures = None, None, {}
        self.stop, self.deadline, self.ended = None, None, None
        self._over = []

    def __repr__(self):
        return f"job {self.id[:6]}"  # the log shall not hold what opens it

    @property
    def address(self):
        """Its path."""
        return f"/v1/videos/{self.id}"

    @property
    def is_over(self):
        """Whether nothing will change any more."""
        return self.state in (DONE, FAILED, CANCELLED)

    @property
    def size(self):
        """Bytes that its result takes."""
        return len(self.view or b"") + sum(map(len, self.pictures.values()))

    def at(self, stage, done=0, total=1):
        """Note how far it is.

        Raises:
            Stopped: it need not go on.
        """
        if self.stop is not None:
            raise Stopped
        begin = STAGES[stage]
        end = min((value for value in STAGES.values() if value > begin), default=1.0)
        self.stage, self.progress = stage, max(self.progress, begin + (end - begin) * min(done / max(total, 1), 1))

    def as_json(self, ahead=0):
        """JSON bytes as clients get it."""
        return orjson.dumps(
            {
                "id": self.id,
                "state": CANCELLED if self.stop == CANCELLED and not self.is_over else self.state,
                "stage": self.stage,
                "progress": round(self.progress, 3),
                "ahead": ahead,
                "file": self.upload.name,
                "created": datetime.datetime.fromtimestamp(self.created, datetime.UTC).isoformat(
                    timespec="milliseconds"
                ),
                "error": self.error and self.error.as_dict(),
                "view": orjson.Fragment(self.view) if self.state == DONE else None,
                "report": f"{self.address}/report.html",
            }
        )
