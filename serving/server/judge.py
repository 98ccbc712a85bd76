"""One video after the other, from its file to a verdict with pictures."""

import time
from dataclasses import dataclass, field

import orjson

from faces.decoder import Limits as FileLimits
from serving.server.refusals import VideoRefusal
from serving.verdict import judging
from serving.verdict.finding import FaceFinder
from serving.verdict.judge import chosen_for_heat
from serving.verdict.parameters import JudgeParameters
from serving.verdict.view import view

# Why a file is refused -> HTTP's status code; 422 for the others. What is not here, such as a clip without a face, has a verdict.
CODES = {
    "too_large": 413,
    "too_long": 413,
    "not_a_video": 415,
    "no_video_stream": 415,
    "unknown_codec": 415,
    "not_an_image": 415,
    "empty_file": 400,
    "missing_file": 500,
    "unreadable_file": 500,
}
NO_FACE = "no_face"


@dataclass(frozen=True)
class Wish:
    """What a client wants to know of its file.

    Attributes:
        parameters: of the verdict.
        kind: "auto", "video", "image", or "crop" for a face that is already cut out.
        pictures: whether there shall be pictures and heat maps.
    """

    parameters: JudgeParameters = field(default_factory=JudgeParameters)
    kind: str = "auto"
    pictures: bool = True


class Judge:
    """Judges jobs; belongs to one thread, but for `abort`.

    Args:
        models: `serving.server.model_versions.ModelVersions`.
        score: (model, uint8 crops [n, 256, 256, 3], "predict" or "heat_maps") -> what that method of `ServedModel` returns, or
            None where the model is from before it; see `serving.server.batching.Batcher.score`.
        limits: `serving.server.server_limits.ServerLimits`.
        describe: `ModelVersion` -> what verdicts tell of the model; see `serving.verdict.judging.describe`.
        took: called with (stage, seconds) after each.
    """

    def __init__(self, models, score, limits, describe, took=lambda stage, seconds: None):
        self.models, self.score, self.limits, self.describe, self.took = models, score, limits, describe, took
        of_file = FileLimits(limits.max_pixels, limits.max_seconds, limits.max_video_frames)
        self.finder = FaceFinder(limits=of_file)

    def abort(self):
        """End the decoding of what is being judged; it then notices that it is to stop. From any thread."""
        self.finder.abort()

    def close(self):
        """End the decoding processes."""
        self.finder.close()

    def judge(self, job):
        """Fill in a job's view and pictures.

        Raises:
            VideoRefusal: the file cannot be read, or is beyond a limit.
            serving.server.video_job.Stopped: the job need not go on.
        """
        version = self.models.find()  # it is used to the end, whatever is taken up meanwhile
        parameters = job.wish.parameters
        try:
            found = self._timed("finding faces", self._find, job)
        finally:
            self.finder.close()  # what a file did to a decoding process shall not reach the next client's file
        scores = self._timed("judging", self._score, job, found, version)
        verdict = judging.conclude(found, scores, parameters, version.model.calibration, self.describe(version))
        pictures = {}

        def url(path, data):
            job.at("drawing")  # drawing a crowd takes long: it notices here that it is to stop
            pictures[path] = data
            return f"{job.address}/{path}"

        heat = HeatMaps(job, found.examples, lambda crops: self.score(version.model, crops, "heat_maps"))
        shown = self._timed("drawing", view, verdict, found, heat, url if job.wish.pictures else None)
        job.at("drawing", 1)
        job.view, job.pictures = orjson.dumps(shown), pictures

    def _timed(self, stage, act, *arguments):
        begin = time.monotonic()
        result = act(*arguments)
        self.took(stage, time.monotonic() - begin)
        return result

    def _find(self, job):
        job.at("finding faces")
        self.finder.choose(job.wish.parameters)
        found = self.finder.find(
            job.upload.path,
            kind=job.wish.kind,
            name=job.upload.name,
            progress=lambda done, total: job.at("finding faces", done, total),
            keep_frames=job.wish.pictures,
        )
        job.upload.delete()
        for reject in found.rejects:
            if reject.scope == "video" and reject.reason != NO_FACE:
                raise _refusal(job, reject)
        return found

    def _score(self, job, found, version):
        job.at("judging")
        return judging.score(
            lambda crops: self.score(version.model, crops, "predict"),
            found.examples,
            lambda done, total: job.at("judging", done, total),
        )


class HeatMaps:
    """(track, frame index) -> heat map, made a batch at a time when they are asked for, in that order.

    Of many faces some are chosen; and when half of the time is over that the job had left, there are no more.

    Args:
        job: it is told of the progress.
        examples: `FaceExample`s.
        heat_maps: uint8 crops [n, 256, 256, 3] -> float32 [n, 256, 256], or None.
    """

    def __init__(self, job, examples, heat_maps):
        self.job, self.heat_maps = job, heat_maps
        self._waiting = sorted(chosen_for_heat(examples), key=lambda example: (example.track, example.frame_index))
        self._total, self._batch = len(self._waiting), {}
        self._until = (time.monotonic() + job.deadline) / 2

    def get(self, key):
        """The heat map of a face, float32 [256, 256], or None."""
        if key not in self._batch and any((e.track, e.frame_index) == key for e in self._waiting):
            self.job.at("drawing", self._total - len(self._waiting), self._total)
            self._batch = {}
            if time.monotonic() < self._until:
                self._make()
            else:
                self._waiting = []
        return self._batch.get(key)

    def _make(self):
        part, self._waiting = self._waiting[: judging.BATCH], self._waiting[judging.BATCH :]
        maps = self.heat_maps(judging.crops_of(part))
        if maps is None:
            self._waiting = []
            return
        keys = [(example.track, example.frame_index) for example in part]
        self._batch = dict(zip(keys, maps, strict=True))


def _refusal(job, reject):
    """Why a whole file is refused; without anything of the server's insides."""
    code = CODES.get(reject.reason, 422)
    if code == 500:
        raise RuntimeError(f"{reject.reason}: {reject.detail}")
    detail = reject.detail.replace(job.upload.path, job.upload.name)
    return VideoRefusal(code, reject.reason, f"the file cannot be judged: {detail}")
