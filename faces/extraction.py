"""From videos, pictures and crops to face examples and rejects."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from artifacts.face_examples import FaceExample
from artifacts.manifest import Video
from artifacts.rejects import Reject, Scope
from faces import alignment
from faces.decoder import NO_LIMITS, DecodeError, Limits, SourceInfo
from faces.detector import MIN_FACE_SIZES, FaceDetector, MtcnnDetector
from faces.frame_search import SearchedFrame, Watch, no_watch, search_frames
from faces.reading import FrameReader, Reading
from faces.settings import ExtractionSettings
from faces.tracker import link


@dataclass(frozen=True)
class Extraction:
    """What was extracted from one video.

    Attributes:
        examples: the faces, frame by frame.
        rejects: what gave no face, and why.
        wanted: indices of the frames that were to be searched.
        info: what the file is; empty if it cannot be opened.
    """

    examples: list[FaceExample]
    rejects: list[Reject]
    wanted: list[int]
    info: SourceInfo


class FaceExtractor:
    """Extracts the faces of one video after the other; a process of its own decodes the next video meanwhile.

    A context manager: at its end the decoding processes end; the next video starts new ones. Use it from one thread,
    except for `abort`.

    Args:
        settings: of the extraction.
        limits: what a file may hold.
        make_detector: builds the detector. It is called once, when the first frame needs it; crops never do.
    """

    def __init__(
        self,
        settings: ExtractionSettings,
        limits: Limits = NO_LIMITS,
        make_detector: Callable[[], FaceDetector] = MtcnnDetector,
    ) -> None:
        self._settings, self._make_detector = settings, make_detector
        self._detector: FaceDetector | None = None
        self._reader = FrameReader(settings.frames, settings.decode_time_limit, limits)
        # For the rare second look at a video, while the first reader's process has begun with the next video.
        self._second_reader = FrameReader(settings.frames, settings.decode_time_limit, limits)

    def __enter__(self) -> "FaceExtractor":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the decoding processes."""
        self._reader.close()
        self._second_reader.close()

    def choose(self, settings: ExtractionSettings) -> None:
        """Use other settings for the videos to come."""
        self._settings = settings
        for reader in (self._reader, self._second_reader):
            reader.count, reader.time_limit = settings.frames, settings.decode_time_limit

    def abort(self) -> None:
        """Kill the decoding of the video that is being read, which then counts as crashed.

        May be called from any thread. The call may come too late for that video; call `close` before the next one, or
        that one may be killed instead.
        """
        self._reader.kill()
        self._second_reader.kill()

    def extract_all(self, videos: Iterable[Video], watch: Watch = no_watch) -> Iterator[Extraction]:
        """Yield what each video gives, in order.

        Args:
            videos: lines of a manifest.
            watch: called after each batch of frames was searched, with the batch, whose images are valid during the
                call only, and the number of frames searched so far, which a second look counts anew. It may raise to
                give up.
        """
        for video, reading in self._reader.read(videos):
            yield self._extract(video, reading, watch)

    def _extract(self, video: Video, reading: Reading, watch: Watch) -> Extraction:
        size, smallest, looked_again = self._settings.min_face_size, MIN_FACE_SIZES[0], False
        try:
            if video.kind == "crop":
                examples = self._take_crops(video, reading, watch)
                return Extraction(examples, _notes(video, reading), reading.wanted, reading.info)
            frames = search_frames(reading, self._get_detector, self._settings, size, watch)
            if frames and size > smallest and not any(frame.faces for frame in frames):
                looked_again = True
                with self._second_reader.read_one(video) as reading:
                    frames = search_frames(reading, self._get_detector, self._settings, smallest, watch)
        except DecodeError as error:
            return Extraction([], [_reject(video, "video", error.reason, str(error))], reading.wanted, reading.info)
        examples, rejects = self._choose_faces(video, frames)
        rejects += _rejects_of_file(video, reading, frames, bool(examples))
        if looked_again:
            detail = f"no face of {size:g} pixels or more: searched again from {smallest:g} pixels up"
            rejects.append(_reject(video, "note", "smaller_faces", detail))
        rejects += _notes(video, reading)
        return Extraction(examples, rejects, reading.wanted, reading.info)

    def _get_detector(self) -> FaceDetector:
        if self._detector is None:
            self._detector = self._make_detector()
        return self._detector

    def _take_crops(self, video: Video, reading: Reading, watch: Watch) -> list[FaceExample]:
        """Take pictures that are face crops already."""
        examples = []
        for batch in reading:
            (image,) = batch.images
            height, width = image.shape[:2]
            crop = alignment.fit_crop(image, self._settings.crop_size)
            examples.append(self._example(video, crop, video.frame, 0.0, box=(0, 0, width, height)))
            watch(batch, len(examples))
        return examples

    def _choose_faces(self, video: Video, frames: list[SearchedFrame]) -> tuple[list[FaceExample], list[Reject]]:
        """Take the main person's face of each frame, or everyone's; a frame that gives none is a reject."""
        examples: list[FaceExample] = []
        rejects: list[Reject] = []
        for frame, tracks in zip(frames, link([frame.faces for frame in frames]), strict=True):
            people = sorted(zip(tracks, frame.faces, frame.crops, strict=True), key=lambda person: person[0])
            if self._settings.faces == "main":
                people = [person for person in people if person[0] == 0]
            found = [
                self._example(
                    video, crop, frame.index, frame.timestamp, tuple(face.box), face.landmarks, face.score, track
                )
                for track, face, crop in people
                if crop is not None
            ]
            examples += found
            if not found:
                if people:
                    reason, detail = "degenerate_landmarks", "its landmarks define no crop"
                else:
                    reason, detail = "no_face", "the main face is not in it" if frame.faces else "no face found"
                rejects.append(_reject(video, "frame", reason, detail, frame.index))
        return examples, rejects

    def _example(
        self,
        video: Video,
        crop: np.ndarray,
        frame_index: int,
        timestamp: float,
        box: tuple[float, float, float, float],
        landmarks: np.ndarray | None = None,
        score: float | None = None,
        track: int = 0,
    ) -> FaceExample:
        return FaceExample(
            image=alignment.encode(crop, self._settings.image_format),
            image_format=self._settings.image_format,
            label=video.label,
            dataset=video.dataset,
            method=video.method,
            video_id=video.shown_as,
            frame_index=frame_index,
            timestamp=timestamp,
            box=box,
            landmarks=landmarks,
            score=score,
            identity=video.identities[0] if video.identities else "",
            track=track,
        )


def _rejects_of_file(video: Video, reading: Reading, frames: list[SearchedFrame], has_faces: bool) -> list[Reject]:
    """List what the file lacks: chosen frames that do not decode, any face at all, its damaged part."""
    undecodable = sorted(set(reading.wanted) - {frame.index for frame in frames})
    rejects = [_reject(video, "frame", "undecodable_frame", "the frame does not decode", k) for k in undecodable]
    if not frames:
        rejects.append(_reject(video, "video", "undecodable", "no chosen frame decodes"))
    elif not has_faces:
        rejects.append(_reject(video, "video", "no_face", "no face in any chosen frame"))
    if reading.damage:
        rejects.append(_reject(video, "part", "damaged_file", reading.damage))
    return rejects


def _notes(video: Video, reading: Reading) -> list[Reject]:
    """List what else should be known about the file."""
    return [_reject(video, "note", reason, detail) for reason, detail in reading.marks.items()]


def _reject(video: Video, scope: Scope, reason: str, detail: str, frame: int | None = None) -> Reject:
    return Reject(
        video.video_id, video.uri, video.dataset, video.method, video.label, video.split, scope, reason, detail, frame
    )
