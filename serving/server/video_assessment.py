"""Assess one uploaded file after the other: `serving.verdict` does the work, this side refuses files and keeps time."""

import time
from collections.abc import Callable

import orjson

from artifacts.rejects import Reject
from faces.decoder import Limits as FileLimits
from serving.server.batching import Batcher
from serving.server.model_versions import ModelVersion, ModelVersions
from serving.server.refusals import VideoRefusal
from serving.server.server_limits import ServerLimits
from serving.server.video_job import VideoJob, VideoResult
from serving.verdict.assessor import Assessor
from serving.verdict.finding import Found
from serving.verdict.scores import ScoringModel
from serving.verdict.stages import DRAWING, FINDING, JUDGING
from serving.verdict.verdict_json import ModelDescription

# Why a file is refused -> HTTP status; all other reasons are 422.
STATUS = {
    "too_large": 413,
    "too_long": 413,
    "not_a_video": 415,
    "no_video_stream": 415,
    "unknown_codec": 415,
    "not_an_image": 415,
    "heic_picture": 415,
    "empty_file": 400,
    "missing_file": 503,
    "unreadable_file": 500,
}
NO_FACE = "no_face"  # the one reason that is a verdict and no refusal


class VideoAssessor:
    """Assesses jobs. It belongs to one thread, except for `abort`.

    Args:
        models: each job uses the version that is current when its work begins, to the end.
        batcher: scores the faces, in forward passes shared with other requests.
        limits: what a file may hold.
        describe: what verdicts tell about a version.
        stage_done: called with (stage, seconds) after each stage.
    """

    def __init__(
        self,
        models: ModelVersions,
        batcher: Batcher,
        limits: ServerLimits,
        describe: Callable[[ModelVersion], ModelDescription],
        stage_done: Callable[[str, float], None],
    ) -> None:
        self._models, self._batcher, self._describe, self._stage_done = models, batcher, describe, stage_done
        self._assessor = Assessor(limits=FileLimits(limits.max_pixels, limits.max_seconds, limits.max_video_frames))

    def abort(self) -> None:
        """Kill the decoding of the current file, whose job then notices that it is to stop. Any thread may call it."""
        self._assessor.abort()

    def close(self) -> None:
        """End the decoding processes."""
        self._assessor.close()

    def assess(self, job: VideoJob) -> VideoResult:
        """Find and score the faces of a job's file, and draw them.

        Raises:
            VideoRefusal: the file cannot be read, or is beyond a limit.
            Stopped: the job is to end early.
        """
        model = self._scoring_model(self._models.find())
        began = time.monotonic()
        try:
            found = self._find(job, model)
        finally:
            self._assessor.close()  # whatever the file did to a decoding process must not reach the next client's file
        found_at = self._done(FINDING, began)

        job.at(JUDGING)
        assessment = self._assessor.assess(found, model, progress=job.at, deadline=job.deadline)
        scored_at = self._done(JUDGING, found_at)

        pictures: dict[str, bytes] = {}

        def keep(path: str, data: bytes) -> str:
            job.at(DRAWING)  # drawing a crowd takes long: check here whether the job is to stop
            pictures[path] = data
            return f"{job.address}/{path}"

        view = assessment.view(keep if job.options.pictures else None)
        self._done(DRAWING, scored_at)
        job.at(DRAWING, 1)
        return VideoResult(orjson.dumps(view), pictures)

    def _find(self, job: VideoJob, model: ScoringModel) -> Found:
        job.at(FINDING)
        self._assessor.choose(job.options.verdict)
        found = self._assessor.find(
            job.upload.path,
            model,
            kind=job.options.kind,
            name=job.upload.name,
            progress=job.at,
            keep_frames=job.options.pictures,
        )
        job.upload.delete()
        for reject in found.rejects:
            if reject.scope == "video" and reject.reason != NO_FACE:
                raise _refusal(job, reject)
        return found

    def _scoring_model(self, version: ModelVersion) -> ScoringModel:
        model = version.model
        return ScoringModel(
            predict=lambda crops: self._batcher.score(model, crops),
            heat_maps=lambda crops: self._batcher.heat_maps(model, crops),
            calibration=model.calibration,
            preprocessing=model.preprocessing,
            description=self._describe(version),
        )

    def _done(self, stage: str, began: float) -> float:
        """Report how long a stage took; returns its end, by `time.monotonic`."""
        now = time.monotonic()
        self._stage_done(stage, now - began)
        return now


def _refusal(job: VideoJob, reject: Reject) -> VideoRefusal:
    """Why a whole file is refused, in words that tell nothing about the server's disk."""
    status = STATUS.get(reject.reason, 422)
    if status == 500:
        raise RuntimeError(f"{reject.reason}: {reject.detail}")
    if reject.reason == "missing_file":
        message = "the file was removed from the server's folder for uploads before it was read: send it again"
        return VideoRefusal(status, "upload_lost", message, retry_after=1)
    detail = reject.detail.replace(job.upload.path, job.upload.name)
    return VideoRefusal(status, reject.reason, f"the file cannot be assessed: {detail}")
