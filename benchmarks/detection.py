"""The face detectors that `benchmarks.extraction` compares: the time each takes, and the faces it finds."""

import statistics
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar
from unittest import mock

import cv2
import numpy as np

from benchmarks import common
from faces import area_pyramid, fast_mtcnn
from faces.decoder import VideoFrames
from faces.detector import MIN_FACE_SIZES, MIN_IMAGE_SIDE, Face, FaceDetector, MtcnnDetector
from faces.frame_search import search_frames
from faces.reading import Batch
from faces.reading_process import MAX_BATCH, MAX_BATCH_PIXELS
from faces.settings import ExtractionSettings
from faces.tracker import overlap

PEER = "mtcnn package"
OURS = ("ours at 20", "ours at 39.8", "ours at 39.8 with regions")
SAME_FACE = 0.5  # intersection over union from which two boxes are one face
FRAMES = 16  # searched in each clip: the first of those that extraction chooses

P = ParamSpec("P")
Result = TypeVar("Result")
Frames = list[list[Face]]  # the faces of each frame


class Stopwatch:
    """A `FaceDetector` that measures the CPU time of another one over all threads, and not that of cutting crops."""

    def __init__(self, detector: FaceDetector) -> None:
        self.detector, self.seconds = detector, 0.0

    def detect(self, images: np.ndarray, min_face_size: float) -> Frames:
        """See `FaceDetector`."""
        return self._timed(self.detector.detect, images, min_face_size)

    def detect_near(self, image: np.ndarray, faces: Sequence[Face]) -> list[Face]:
        """See `FaceDetector`."""
        return self._timed(self.detector.detect_near, image, faces)

    def _timed(self, function: Callable[P, Result], *arguments: P.args, **named: P.kwargs) -> Result:
        began = time.process_time()
        found = function(*arguments, **named)
        self.seconds += time.process_time() - began
        return found


@dataclass
class Contender:
    """A detector, used as in extraction.

    Attributes:
        detector: finds the faces.
        min_face_size: pixels.
        detect_every: search the whole of every k-th frame only.
        create_level: computes the pyramid.
    """

    detector: FaceDetector
    min_face_size: float = 20.0
    detect_every: int = 1
    create_level: Callable[[np.ndarray, float], np.ndarray] = area_pyramid.create_level

    def __call__(self, batches: Sequence[Batch]) -> tuple[float, Frames]:
        """Search frames; return CPU seconds and each frame's faces."""
        watch = Stopwatch(self.detector)
        settings = ExtractionSettings(faces="all", detect_every=self.detect_every)
        with mock.patch.object(fast_mtcnn, "create_level", self.create_level):
            searched = search_frames(batches, lambda: watch, settings, self.min_face_size)
        return watch.seconds, [frame.faces for frame in searched]


class WholeImages(ABC):
    """The part of a `FaceDetector` that a package lacks which searches whole images only."""

    @abstractmethod
    def detect(self, images: np.ndarray, min_face_size: float) -> Frames:
        """See `FaceDetector`."""

    def detect_near(self, image: np.ndarray, faces: Sequence[Face]) -> list[Face]:
        """Search the whole image."""
        return self.detect(image[None], MIN_FACE_SIZES[0])[0]


class ReferenceDetector(WholeImages):
    """The mtcnn package's own detector, which `MtcnnDetector` is compared with. Slow; from 20 pixels up.

    The package does not support another minimum: its pyramid keeps the number of levels that 20 needs, so the smallest
    ones become too small for the network, and it then reports no face at all.
    """

    def __init__(self) -> None:
        from mtcnn import MTCNN

        self._mtcnn = MTCNN()

    def detect(self, images: np.ndarray, min_face_size: float = MIN_FACE_SIZES[0]) -> list[list[Face]]:
        """See `FaceDetector`.

        Raises:
            ValueError: the minimum size is not 20.
        """
        if min_face_size != MIN_FACE_SIZES[0]:
            raise ValueError(f"min_face_size must be {MIN_FACE_SIZES[0]}. Received: min_face_size={min_face_size}")
        if min(images.shape[1:3]) < MIN_IMAGE_SIDE:
            return [[] for _ in images]
        found = (self._mtcnn.detect_faces(image, box_format="xyxy", output_type="numpy") for image in images)
        return [
            [_face(row[1:5], row[5], row[6:].reshape(2, 5).T) for row in np.reshape(rows, (-1, 16))] for rows in found
        ]


class FacenetDetector(WholeImages):
    """facenet-pytorch's MTCNN. Its minimum size of a face is given here, not to `detect`."""

    def __init__(self, min_face_size: float) -> None:
        import torch  # not a dependency
        from facenet_pytorch import MTCNN  # type: ignore[import-not-found]  # not a dependency

        torch.set_num_threads(1)
        self._mtcnn = MTCNN(keep_all=True, min_face_size=min_face_size)

    def detect(self, images: np.ndarray, min_face_size: float) -> Frames:
        """See `FaceDetector`."""
        found = zip(*self._mtcnn.detect(images, landmarks=True), strict=True)
        return [
            [] if boxes is None else [_face(*row) for row in zip(boxes, scores, points, strict=True)]
            for boxes, scores, points in found
        ]


class YunetDetector(WholeImages):
    """OpenCV's YuNet, from a model file."""

    def __init__(self, model: str) -> None:
        self._yunet = cv2.FaceDetectorYN.create(model, "", (320, 320))

    def detect(self, images: np.ndarray, min_face_size: float) -> Frames:
        """See `FaceDetector`."""
        self._yunet.setInputSize((images.shape[2], images.shape[1]))
        found = (self._yunet.detect(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1] for image in images)
        return [
            [_face([*row[:2], *(row[:2] + row[2:4])], row[14], row[4:14].reshape(5, 2)) for row in rows]
            for rows in (np.zeros((0, 15)) if rows is None else rows for rows in found)
        ]


def _face(corners: Sequence[float] | np.ndarray, score: float, points: np.ndarray) -> Face:
    """Make a face of x1, y1, x2, y2, the score, and key points [5, 2]."""
    edges = np.array(corners, np.float32)
    box = np.concatenate([edges[:2], edges[2:] - edges[:2]])
    return Face(box, np.array(points, np.float32), float(score))


def contenders(peers: bool, yunet: str | None) -> dict[str, Contender]:
    """Build the detectors by name, the mtcnn package's first.

    Args:
        peers: compare with other packages, if they are installed.
        yunet: model file of OpenCV's YuNet, or None to leave it out.
    """
    ours, has_numba = MtcnnDetector(), area_pyramid.create_level is area_pyramid.numba_level
    found = {
        PEER: Contender(ReferenceDetector()),
        OURS[0]: Contender(ours),
        OURS[1]: Contender(ours, 39.8),
        OURS[2]: Contender(ours, 39.8, 8),
    }
    if has_numba:
        for name in OURS:
            slow = Contender(ours, found[name].min_face_size, found[name].detect_every, area_pyramid.tensorflow_level)
            found[f"{name}, TensorFlow pyramid"] = slow
    print(f"our pyramid: {'numba' if has_numba else 'TensorFlow'}", flush=True)
    if peers:
        try:
            for size in (20, 40):
                found[f"facenet-pytorch at {size}"] = Contender(FacenetDetector(size), size)
        except ImportError as error:
            print(f"facenet-pytorch is not installed: no comparison with it ({error})")
    if yunet:
        found["YuNet"] = Contender(YunetDetector(yunet))
    return found


def read(path: str, count: int) -> list[Batch]:
    """Read the first `FRAMES` of the `count` frames that extraction chooses of a video, in batches of its size."""
    frames = [frame for frame, _ in zip(VideoFrames(path, count), range(FRAMES), strict=False)]
    height, width = frames[0].image.shape[:2]
    most = min(MAX_BATCH, max(1, MAX_BATCH_PIXELS // (height * width)))
    parts = [frames[k : k + most] for k in range(0, len(frames), most)]
    return [Batch([f.index for f in p], [f.timestamp for f in p], np.stack([f.image for f in p])) for p in parts]


def compare(
    paths: Sequence[str], count: int, rounds: int, peers: bool = True, yunet: str | None = None
) -> tuple[dict[str, float], dict[str, Any]]:
    """Let all detectors search the same frames in turns, clip by clip.

    Args:
        paths: videos.
        count: how many frames extraction chooses of each.
        rounds: how often.
        peers: see `contenders`.
        yunet: see `contenders`.

    Returns:
        Ratios and figures for the JSON file; they are also printed.
    """
    clips = [read(path, count) for path in paths]
    by_name = contenders(peers, yunet)
    for contender in by_name.values():
        for clip in clips:
            contender(clip[:1])  # compiles and prepares what is done once
    sizes = [f"{min(clip[0].images.shape[1:3])}p" for clip in clips]
    order = sorted(set(sizes), key=lambda size: int(size[:-1]))
    times = {size: {name: [0.0] * rounds for name in by_name} for size in [*order, "all"]}
    faces: dict[str, Frames] = {}
    for number in range(rounds):
        faces = {name: [] for name in by_name}
        for size, clip in zip(sizes, clips, strict=True):
            for name, contender in by_name.items():
                seconds, found = contender(clip)
                faces[name] += found
                for of_size in (size, "all"):
                    times[of_size][name][number] += 1000 * seconds
    for of_size, by_size in times.items():
        frames = sum(
            len(b.indices) for s, clip in zip(sizes, clips, strict=True) if of_size in (s, "all") for b in clip
        )
        for name in by_size:
            by_size[name] = [ms / frames for ms in by_size[name]]
    agreements = {n: agreement(faces[n], faces[PEER], by_name[n].min_face_size) for n in by_name if n != PEER}
    return _report(times, agreements)


def _report(
    times: Mapping[str, Mapping[str, list[float]]], faces: Mapping[str, Mapping[str, float]]
) -> tuple[dict[str, float], dict[str, Any]]:
    ratios: dict[str, float] = {}
    figures: dict[str, Any] = {"faces": faces}
    for size, by_name in times.items():
        figures[size] = {name: statistics.median(ms) for name, ms in by_name.items()}
        for name, ms in figures[size].items():
            print(f"detection, {size:5} {name:41} {ms:7.1f} CPU-ms a frame", flush=True)
        suffix = "" if size == "all" else f"_{size}"
        for name in OURS:
            ratios[f"detection_{name.split()[-1]}{suffix}"] = common.median_ratio(by_name, PEER, name)
    for name, found in faces.items():
        print(
            f"faces, {name:41} {found['found']} of {found['expected']}, {found['missed']} missed "
            f"({found['small']} below the minimum size, {found['main']} main faces), {found['extra']} extra; boxes' "
            f"edges differ by {found['edge_median']:.3f} px (median), {found['edge']:.3f} (maximum), key points by "
            f"{found['point']:.3f}",
            flush=True,
        )
    return ratios, figures


def agreement(found: Frames, expected: Frames, min_face_size: float) -> dict[str, float]:
    """Compare the faces of frames with those that were expected.

    Args:
        found: the faces of each frame.
        expected: the faces of each frame.
        min_face_size: of the search that found the faces, pixels.

    Returns:
        Numbers of faces: expected, found, missed, of the missed ones small (below the minimum size) and main (a frame's
        most prominent one), extra. Over the faces that both have, in pixels: edge, the largest distance of a box's
        edge, edge_median, and point, the largest distance of a key point.
    """
    counts = {"expected": sum(map(len, expected)), "found": 0, "missed": 0, "small": 0, "main": 0, "extra": 0}
    edges, points = [0.0], [0.0]
    for these, those in zip(found, expected, strict=True):
        pairs = sorted(((overlap(a.box, b.box), i, k) for i, a in enumerate(these) for k, b in enumerate(those)))
        mine: set[int] = set()
        theirs: set[int] = set()
        for shared, i, k in reversed(pairs):
            if shared >= SAME_FACE and i not in mine and k not in theirs:
                mine.add(i)
                theirs.add(k)
                edges.append(np.abs(_corners(these[i]) - _corners(those[k])).max())
                points.append(np.linalg.norm(these[i].landmarks - those[k].landmarks, axis=1).max())
        missed = [face for k, face in enumerate(those) if k not in theirs]
        counts["found"] += len(mine)
        counts["missed"] += len(missed)
        counts["small"] += sum(bool(max(face.box[2:]) < min_face_size) for face in missed)
        counts["main"] += bool(those) and 0 not in theirs  # extraction sorts them so
        counts["extra"] += len(these) - len(mine)
    edges, points = edges[1:] or edges, points[1:] or points
    return counts | {"edge": float(max(edges)), "edge_median": float(np.median(edges)), "point": float(max(points))}


def _corners(face: Face) -> np.ndarray:
    """Return x1, y1, x2, y2, [4]."""
    return np.concatenate([face.box[:2], face.box[:2] + face.box[2:]])
