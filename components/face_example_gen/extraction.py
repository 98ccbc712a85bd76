"""From one video, picture or crop to face examples and rejects."""

from dataclasses import asdict, dataclass

from components.face_example_gen import alignment
from components.face_example_gen.decoder import DecodeError, Frame, VideoFrames, read_image
from components.face_example_gen.tracker import main_face
from components.video_example_gen.manifest import Video
from model.examples import FaceExample

MAX_CANDIDATES = 5  # faces kept per frame for tracking: a crowd costs no more memory than a family


@dataclass(frozen=True)
class Reject:
    """What gave no face, and why.

    Attributes:
        scope: "video": nothing came of it; "frame": this frame gave none; "part": the file is damaged, the readable part
            was used.
        reason: a short key, the same for real and fake.
        detail: a sentence.
        frame: index of the frame for scope "frame", else None.
    """

    video_id: str
    uri: str
    dataset: str
    method: str
    label: int
    split: str
    scope: str
    reason: str
    detail: str
    frame: int | None = None

    as_dict = asdict


def extract(video: Video, count, detector):
    """Extract the main face of evenly spaced frames.

    Args:
        video: a manifest line.
        count: frames per video.
        detector: a function without arguments that returns a `FaceDetector`; not called for crops.

    Returns:
        (list of `FaceExample`, list of `Reject`).
    """
    try:
        if video.kind == "crop":
            image = read_image(video.uri)
            height, width = image.shape[:2]
            crop = alignment.encode_png(alignment.fit_crop(image))
            return [_example(video, Frame(0, 0.0, image), crop, (0, 0, width, height))], []
        frames = _Still(video.uri) if video.kind == "image" else VideoFrames(video.uri, count)
    except DecodeError as error:
        return [], [_reject(video, "video", error.reason, str(error))]
    except OSError as error:
        reason = "missing_file" if isinstance(error, FileNotFoundError) else "unreadable_file"
        return [], [_reject(video, "video", reason, error.strerror or str(error))]
    try:
        examples, rejects = _faces(video, frames, detector())  # an OSError here is the detector's own: let it out
    except DecodeError as error:  # the file changed since it was opened
        return [], [_reject(video, "video", error.reason, str(error))]
    if not examples:
        lost_all = all(reject.reason == "undecodable_frame" for reject in rejects)
        reason = ("undecodable", "no chosen frame decodes") if lost_all else ("no_face", "no face in any chosen frame")
        rejects.append(_reject(video, "video", *reason))
    if frames.damage:
        rejects.append(_reject(video, "part", "damaged_file", frames.damage))
    return examples, rejects


class _Still:
    """A picture as a video of one frame."""

    wanted, damage = (0,), None

    def __init__(self, path):
        self.image = read_image(path)

    def __iter__(self):
        yield Frame(0, 0.0, self.image)


def _faces(video, frames, detector):
    """Detect in every frame, then keep the main face; crops are cut at once, so that no frame stays in memory."""
    seen, candidates, rejects = [], [], []
    for frame in frames:
        faces = detector.detect(frame.image)
        faces = sorted(faces, key=lambda face: -face.score * face.box[2] * face.box[3])[:MAX_CANDIDATES]
        candidates.append([(face, _crop(frame.image, face)) for face in faces])
        seen.append(Frame(frame.index, frame.timestamp, None))
    examples = []
    chosen = main_face([[face for face, _ in of_frame] for of_frame in candidates])
    for frame, of_frame, index in zip(seen, candidates, chosen, strict=True):
        face, crop = of_frame[index] if index is not None else (None, None)
        if crop is not None:
            examples.append(_example(video, frame, crop, face.box, face.landmarks, face.score))
        elif face is not None:
            rejects.append(_reject(video, "frame", "degenerate_landmarks", "its landmarks define no crop", frame.index))
        else:
            detail = "the main face is not in it" if of_frame else "no face found"
            rejects.append(_reject(video, "frame", "no_face", detail, frame.index))
    for index in sorted({int(i) for i in frames.wanted} - {frame.index for frame in seen}):
        rejects.append(_reject(video, "frame", "undecodable_frame", "the frame does not decode", index))
    return examples, rejects


def _crop(image, face):
    try:
        return alignment.encode_png(alignment.align(image, face.landmarks))
    except alignment.AlignmentError:
        return None


def _example(video, frame, crop, box, landmarks=None, score=None):
    return FaceExample(
        image=crop,
        image_format="png",
        label=video.label,
        dataset=video.dataset,
        method=video.method,
        video_id=video.video_id,
        frame_index=frame.index,
        timestamp=frame.timestamp,
        box=tuple(box),
        landmarks=landmarks,
        score=score,
        identity=video.identities[0] if video.identities else "",
    )


def _reject(video, scope, reason, detail, frame=None):
    return Reject(
        video.video_id, video.uri, video.dataset, video.method, video.label, video.split, scope, reason, detail, frame
    )
