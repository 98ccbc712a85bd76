"""Grad-CAM panels: a face, and what the model looked at, as small pictures inside the page (the paper's Figure 6)."""

import base64
import io

import matplotlib
import numpy as np
from PIL import Image

SIDE = 192  # pixels of a picture in the page
_QUALITY = 82
_MAP = matplotlib.colormaps["inferno"]


def picture(image):
    """Return an RGB image, uint8 [h, w, 3], as a data URI of a small WebP picture."""
    stream = io.BytesIO()
    small = Image.fromarray(np.ascontiguousarray(image)).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    small.save(stream, "WEBP", quality=_QUALITY, method=6)
    return "data:image/webp;base64," + base64.b64encode(stream.getvalue()).decode("ascii")


def overlay(crop, heat):
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
    return np.round(blended).astype(np.uint8)


def panels(faces):
    """Prepare faces for the page: per data set the hits, then the mistakes, the surest first.

    Args:
        faces: dicts with `crop`, `heat`, `label`, `probability`, `video_id`, `frame_index`, `dataset`, `method`, `kind`.

    Returns:
        {data set: {"hit" | "mistake": [panel]}}; a panel has the texts, `face` and `heat` as data URIs, and whether the heat
        map is `dark`: nothing in the face speaks for the class.
    """
    result = {}
    for face in sorted(faces, key=lambda face: (face["dataset"], -abs(face["probability"] - 0.5), face["video_id"])):
        texts = {key: face[key] for key in ("video_id", "frame_index", "method")}
        texts["truth"] = "fake" if face["label"] else "real"
        texts["dark"] = not np.nan_to_num(face["heat"]).max() > 0
        texts["called"] = "fake" if face["probability"] >= 0.5 else "real"
        pictures = {"face": picture(face["crop"]), "heat": picture(overlay(face["crop"], face["heat"]))}
        of_dataset = result.setdefault(face["dataset"], {"hit": [], "mistake": []})
        of_dataset[face["kind"]].append(texts | pictures | {"probability": float(face["probability"])})
    return result
