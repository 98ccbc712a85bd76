"""Grad-CAM panels: a face and what the model looked at, as small pictures inside the page (the paper's Figure 6)."""

import base64
import io
from collections.abc import Sequence
from typing import Literal, TypedDict

import matplotlib
import numpy as np
from PIL import Image

SIDE = 192  # pixels of a picture in the page
_QUALITY = 82
_MAP = matplotlib.colormaps["inferno"]

Kind = Literal["hit", "mistake"]


class ShownFace(TypedDict):
    """A face for the report.

    Attributes:
        crop: uint8 [256, 256, 3].
        heat: what speaks for the class fake, float [256, 256], 0..1.
        label: 0 real, 1 fake.
        probability: of fake.
        kind: whether the model called it correctly.
    """

    crop: np.ndarray
    heat: np.ndarray
    label: int
    probability: float
    video_id: str
    frame_index: int
    dataset: str
    method: str
    kind: Kind


class Panel(TypedDict):
    """A face in the page: its texts, and its two pictures as data URIs.

    Attributes:
        truth, called: "real" or "fake".
        dark: whether the heat map is empty: nothing in the face speaks for a fake.
    """

    video_id: str
    frame_index: int
    method: str
    truth: str
    called: str
    probability: float
    dark: bool
    face: str
    heat: str


def picture(image: np.ndarray) -> str:
    """Return an RGB image, uint8 [h, w, 3], as a data URI of a small WebP picture."""
    stream = io.BytesIO()
    small = Image.fromarray(np.ascontiguousarray(image)).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    small.save(stream, "WEBP", quality=_QUALITY, method=6)
    return "data:image/webp;base64," + base64.b64encode(stream.getvalue()).decode("ascii")


def overlay(crop: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Lay a heat map over a face; the hotter a place, the less of the face shows through.

    Args:
        crop: uint8 [h, w, 3].
        heat: float [h, w], 0..1; NaN counts as 0.

    Returns:
        uint8 [h, w, 3].
    """
    heat = np.clip(np.nan_to_num(heat), 0, 1)[..., None]
    opacity = 0.25 + 0.5 * heat
    blended = (1 - opacity) * crop + opacity * 255 * _MAP(heat[..., 0])[..., :3]
    pixels: np.ndarray = np.round(blended).astype(np.uint8)
    return pixels


def panels(faces: Sequence[ShownFace]) -> dict[str, dict[Kind, list[Panel]]]:
    """Prepare faces for the page: per data set the hits and the mistakes, the most certain first."""
    result: dict[str, dict[Kind, list[Panel]]] = {}
    for face in sorted(faces, key=lambda face: (face["dataset"], -abs(face["probability"] - 0.5), face["video_id"])):
        of_dataset = result.setdefault(face["dataset"], {"hit": [], "mistake": []})
        of_dataset[face["kind"]].append(
            {
                "video_id": face["video_id"],
                "frame_index": face["frame_index"],
                "method": face["method"],
                "truth": "fake" if face["label"] else "real",
                "called": "fake" if face["probability"] >= 0.5 else "real",
                "probability": float(face["probability"]),
                "dark": not np.nan_to_num(face["heat"]).max() > 0,
                "face": picture(face["crop"]),
                "heat": picture(overlay(face["crop"], face["heat"])),
            }
        )
    return result
