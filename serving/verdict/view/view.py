"""What a page shows of a verdict: the verdict itself, and pictures of the frames and faces that it speaks of."""

import io

import cv2
import numpy as np
from PIL import Image

from evaluation.report.panels import overlay
from serving.verdict import pictures


def view(verdict, found, heat, url=None):
    """Put a verdict and its pictures together, as `verdict.js` takes them.

    Args:
        verdict: a `Verdict`.
        found: the `Found` that it was made of, with its frames if they are to be shown.
        heat: (track, frame index) -> heat map of that face, float32 [256, 256], 0..1; a dict, or what has its `get`, which
            is called in rising order.
        url: called with (path, data) of each picture, such as ("frames/12.webp", b"..."), ("faces/0/12.webp", b"...") and
            ("heat/0/12.webp", b"..."), all WebP; returns the address under which the page finds it. None leaves the pictures out.

    Returns:
        What JSON can hold: `Verdict.as_dict()` and `looked_at`, indices of the frames that were looked at, rising, and
        `pictures`: {"frames": {"<index>": address}, "faces": {"<track>": {"<index>": {"face": address, "heat": address or
        None}}}}. A heat picture is the face with the map laid over it.
    """
    indices = {example.frame_index for example in found.examples} | found.frames.keys()
    indices |= {reject.frame for reject in found.rejects if reject.frame is not None}
    shown = {"frames": {}, "faces": {}} if url is None else _pictures(found, heat, url)
    return verdict.as_dict() | {"looked_at": sorted(indices), "pictures": shown}


def _pictures(found, heat, url):
    of_faces = {}
    for example in sorted(found.examples, key=lambda example: (example.track, example.frame_index)):
        index, place = example.frame_index, f"{example.track}/{example.frame_index}.webp"
        crop, map_of_it = _decode(example.image), heat.get((example.track, index))
        of_faces.setdefault(str(example.track), {})[str(index)] = {
            "face": url(f"faces/{place}", pictures.small(crop, pictures.FACE)),
            "heat": None if map_of_it is None else url(f"heat/{place}", _hot(crop, map_of_it)),
        }
    of_frames = {str(index): url(f"frames/{index}.webp", data) for index, data in sorted(found.frames.items())}
    return {"frames": of_frames, "faces": of_faces}


def _decode(image):
    return np.asarray(Image.open(io.BytesIO(image)).convert("RGB"))


def _hot(crop, heat):
    side = (pictures.FACE, pictures.FACE)
    face, heat = cv2.resize(crop, side, interpolation=cv2.INTER_AREA), cv2.resize(np.asarray(heat, np.float32), side)
    return pictures.small(overlay(face, heat), pictures.FACE)
