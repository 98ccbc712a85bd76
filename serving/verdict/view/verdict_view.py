"""What a page shows of a verdict: the verdict itself, and pictures of its frames and faces."""

import io
from collections.abc import Callable
from typing import Protocol

import cv2
import numpy as np
from PIL import Image

from commands.parser import version
from evaluation.report.panels import overlay
from serving.verdict import thumbnails
from serving.verdict.caveats import caveats_of
from serving.verdict.finding import Found
from serving.verdict.own_outputs import PROGRAM
from serving.verdict.verdict_json import Json, Verdict

VerdictView = Json  # the fields of `Verdict`, and some more; see `verdict_view`

# Called with (path, WebP bytes) of each picture; returns the address under which the page finds it.
PictureAddress = Callable[[str, bytes], str]


class _HeatMaps(Protocol):
    """What gives heat maps: a dict, or a `heat_maps.HeatMaps`."""

    def get(self, key: tuple[int, int], /) -> np.ndarray | None:
        """The heat map of (track, frame index), float32 [256, 256] within 0..1, or None."""


def verdict_view(
    verdict: Verdict, found: Found, heat_maps: _HeatMaps, address: PictureAddress | None = None
) -> VerdictView:
    """Put a verdict and its pictures together, as `verdict.js` takes them.

    Args:
        verdict: of the file.
        found: the faces that it was made of, with the frames if they are to be shown.
        heat_maps: asked for each face, with rising keys.
        address: called for each picture, with paths such as "frames/12.webp", "faces/0/12.webp" (track 0, frame 12) and
            "heat/0/12.webp". None leaves the pictures out.

    Returns:
        The fields of `Verdict`, and some more: `made_by` and `version` of this program, `caveats`, the sentences that
        belong to every verdict of the model, `looked_at`, the rising indices of the examined frames, and `pictures`,
        {"frames": {index: address}, "faces": {track: {index: {"face": address, "heat": address or None}}}},
        with the numbers as text. A heat picture is the face with its heat map laid over it.
    """
    indices = {example.frame_index for example in found.examples} | found.frames.keys()
    indices |= {reject.frame for reject in found.rejects if reject.frame is not None}
    pictures = {"frames": {}, "faces": {}} if address is None else _pictures(found, heat_maps, address)
    told = {"made_by": PROGRAM, "version": version(), "caveats": caveats_of(verdict.model)}
    return told | verdict.as_dict() | {"looked_at": sorted(indices), "pictures": pictures}


def _pictures(found: Found, heat_maps: _HeatMaps, address: PictureAddress) -> Json:
    faces: dict[str, Json] = {}
    for example in sorted(found.examples, key=lambda example: (example.track, example.frame_index)):
        track, index = example.track, example.frame_index
        crop = np.asarray(Image.open(io.BytesIO(example.image)).convert("RGB"))
        heat_map = heat_maps.get((track, index))
        face = address(f"faces/{track}/{index}.webp", thumbnails.thumbnail(crop, thumbnails.FACE))
        heat = None if heat_map is None else address(f"heat/{track}/{index}.webp", _heat_picture(crop, heat_map))
        faces.setdefault(str(track), {})[str(index)] = {"face": face, "heat": heat}
    frames = {str(index): address(f"frames/{index}.webp", data) for index, data in sorted(found.frames.items())}
    return {"frames": frames, "faces": faces}


def _heat_picture(crop: np.ndarray, heat_map: np.ndarray) -> bytes:
    """WebP bytes of a crop, RGB uint8 [256, 256, 3], with its heat map, [256, 256] within 0..1."""
    side = (thumbnails.FACE, thumbnails.FACE)
    face = cv2.resize(crop, side, interpolation=cv2.INTER_AREA)
    heat = cv2.resize(np.asarray(heat_map, np.float32), side)
    return thumbnails.thumbnail(overlay(face, heat), thumbnails.FACE)
