"""Search the frames of a video for faces, and cut out a crop of each."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from faces import alignment
from faces.detector import Face, FaceDetector
from faces.reading import Batch
from faces.settings import ExtractionSettings

# Faces kept per frame, the most prominent ones: a crowd needs no more memory than a family.
MAX_FACES = {"main": 5, "all": 32}

Watch = Callable[[Batch, int], None]


def no_watch(batch: Batch, searched: int) -> None:
    """Watch nothing."""


@dataclass(frozen=True)
class SearchedFrame:
    """A frame after the search.

    Attributes:
        index: its number in the video.
        timestamp: seconds after the first frame of the video.
        faces: the most prominent faces, largest first.
        crops: of each face RGB uint8 [size, size, 3], or None if its landmarks define no crop.
    """

    index: int
    timestamp: float
    faces: list[Face]
    crops: list[np.ndarray | None]


def search_frames(
    batches: Iterable[Batch],
    get_detector: Callable[[], FaceDetector],
    settings: ExtractionSettings,
    min_face_size: float,
    watch: Watch = no_watch,
) -> list[SearchedFrame]:
    """Find the faces of every frame. Crops are cut at once, so that no frame stays in memory.

    Args:
        batches: the chosen frames of a video.
        get_detector: returns the detector; called if there is a frame.
        settings: of the extraction; all but their minimum size of a face are used.
        min_face_size: one of `MIN_FACE_SIZES`, pixels.
        watch: called after the search of each batch, with the batch and the number of frames searched so far.
    """
    searched: list[SearchedFrame] = []
    last: list[Face] = []
    for batch in batches:
        found = _detect(batch, len(searched), last, get_detector(), settings.detect_every, min_face_size)
        last = found[-1]
        for index, timestamp, image, faces in zip(batch.indices, batch.timestamps, batch.images, found, strict=True):
            faces = sorted(faces, key=lambda face: -face.score * face.box[2] * face.box[3])[: MAX_FACES[settings.faces]]
            crops = [_crop(image, face, settings) for face in faces]
            searched.append(SearchedFrame(index, timestamp, faces, crops))
        watch(batch, len(searched))
    return searched


def _detect(
    batch: Batch, number: int, last: list[Face], detector: FaceDetector, detect_every: int, min_face_size: float
) -> list[list[Face]]:
    """Find the faces of each frame of a batch.

    Args:
        batch: the frames.
        number: how many frames of the video came before.
        last: the faces of the frame before.
        detector: finds faces.
        detect_every: search the whole of every k-th frame, and of the others only the surroundings of the last faces.
        min_face_size: of a search of a whole frame, pixels.
    """
    if detect_every == 1:
        return detector.detect(batch.images, min_face_size)
    found = []
    for k, image in enumerate(batch.images, start=number):
        nearby = detector.detect_near(image, last) if last and k % detect_every else []
        last = nearby or detector.detect(image[None], min_face_size)[0]
        found.append(last)
    return found


def _crop(image: np.ndarray, face: Face, settings: ExtractionSettings) -> np.ndarray | None:
    try:
        return alignment.align(image, face.landmarks, settings.crop_margin, settings.crop_size, settings.crop_lift)
    except alignment.AlignmentError:
        return None
