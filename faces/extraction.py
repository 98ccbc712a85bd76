"""From one video, picture or crop to face examples and rejects."""

from dataclasses import asdict, dataclass

from artifacts.face_examples import FaceExample
from artifacts.manifest import Video
from faces import alignment
from faces.decoder import DecodeError
from faces.detector import MIN_FACE_SIZES
from faces.tracker import link

# Faces kept per frame, the most prominent ones: a crowd costs no more memory than a family.
MAX_FACES = {"main": 5, "all": 32}


@dataclass(frozen=True)
class Reject:
    """What gave no face, and why.

    Attributes:
        scope: "video": nothing came of it; "frame": this frame gave none; "part": the file is damaged, the readable part
            was used; "note": it was used, and this should be known of it.
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


@dataclass(frozen=True)
class _Seen:
    """A frame that was looked at: its number and time, its faces, and of each the crop, or None."""

    index: int
    timestamp: float
    faces: list
    crops: list


def extract(video: Video, read, detector, parameters):
    """Extract the faces of the chosen frames of a video.

    Args:
        video: a manifest line.
        read: a function without arguments that gives a `reading.Reading` of its file.
        detector: a function without arguments that returns a `FaceDetector`; not called before there is a frame to look
            at, nor for crops.
        parameters: a `FaceExampleGenParameters`.

    Returns:
        (list of `FaceExample`, list of `Reject`).
    """
    reading, notes = read(), {}
    try:
        if video.kind == "crop":
            return [_already_cut(video, batch, parameters) for batch in reading], []
        seen = _look(reading, detector, parameters, parameters.min_face_size)
        if seen and parameters.min_face_size > MIN_FACE_SIZES[0] and not any(frame.faces for frame in seen):
            notes["smaller_faces"] = f"no face from {parameters.min_face_size:g} pixels on: looked again from 20 on"
            reading = read()
            seen = _look(reading, detector, parameters, MIN_FACE_SIZES[0])
    except DecodeError as error:
        return [], [_reject(video, "video", error.reason, str(error))]
    examples, rejects = _choose(video, seen, parameters)
    for index in sorted({int(i) for i in reading.wanted} - {frame.index for frame in seen}):
        rejects.append(_reject(video, "frame", "undecodable_frame", "the frame does not decode", index))
    if not examples:
        lost_all = all(reject.reason == "undecodable_frame" for reject in rejects)
        reason = ("undecodable", "no chosen frame decodes") if lost_all else ("no_face", "no face in any chosen frame")
        rejects.append(_reject(video, "video", *reason))
    if reading.damage:
        rejects.append(_reject(video, "part", "damaged_file", reading.damage))
    rejects += [_reject(video, "note", reason, detail) for reason, detail in (notes | reading.marks).items()]
    return examples, rejects


def _already_cut(video, batch, parameters):
    image = batch.images[0]
    height, width = image.shape[:2]
    crop = alignment.fit_crop(image, parameters.crop_size)
    return _example(video, 0, 0.0, crop, parameters, box=(0, 0, width, height))


def _look(reading, get_detector, parameters, min_face_size):
    """Find the faces of every frame; crops are cut at once, so that no frame stays in memory."""
    seen, last, most = [], [], MAX_FACES[parameters.faces]
    for batch in reading:
        detector = get_detector()
        if parameters.detect_every == 1:
            found = detector.detect(batch.images, min_face_size)
        else:
            found = []
            for number, image in enumerate(batch.images, start=len(seen)):
                last = detector.detect_near(image, last) if last and number % parameters.detect_every else []
                last = last or detector.detect(image[None], min_face_size)[0]
                found.append(last)
        for index, timestamp, image, faces in zip(batch.indices, batch.timestamps, batch.images, found, strict=True):
            faces = sorted(faces, key=lambda face: -face.score * face.box[2] * face.box[3])[:most]
            seen.append(_Seen(index, timestamp, faces, [_crop(image, face, parameters) for face in faces]))
    return seen


def _choose(video, seen, parameters):
    """The main face of each frame, or all: (examples, rejects of frames without)."""
    examples, rejects = [], []
    for frame, tracks in zip(seen, link([frame.faces for frame in seen]), strict=True):
        chosen = [
            (track, face, crop)
            for track, face, crop in sorted(zip(tracks, frame.faces, frame.crops, strict=True), key=lambda row: row[0])
            if track == 0 or parameters.faces == "all"
        ]
        whole = [row for row in chosen if row[2] is not None]
        for track, face, crop in whole:
            examples.append(
                _example(
                    video, frame.index, frame.timestamp, crop, parameters,
                    box=face.box, landmarks=face.landmarks, score=face.score, track=track,
                )
            )  # fmt: skip
        if not whole:
            if chosen:
                reason = ("degenerate_landmarks", "its landmarks define no crop")
            else:
                reason = ("no_face", "the main face is not in it" if frame.faces else "no face found")
            rejects.append(_reject(video, "frame", *reason, frame.index))
    return examples, rejects


def _crop(image, face, parameters):
    try:
        return alignment.align(image, face.landmarks, parameters.crop_margin, parameters.crop_size)
    except alignment.AlignmentError:
        return None


def _example(video, index, timestamp, crop, parameters, **of_face):
    return FaceExample(
        image=alignment.encode(crop, parameters.image_format),
        image_format=parameters.image_format,
        label=video.label,
        dataset=video.dataset,
        method=video.method,
        video_id=video.video_id,
        frame_index=index,
        timestamp=timestamp,
        identity=video.identities[0] if video.identities else "",
        **of_face | {"box": tuple(of_face["box"])},
    )


def _reject(video, scope, reason, detail, frame=None):
    return Reject(
        video.video_id, video.uri, video.dataset, video.method, video.label, video.split, scope, reason, detail, frame
    )
