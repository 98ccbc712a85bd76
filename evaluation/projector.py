"""Embeddings for TensorBoard's projector, with their faces: `tensorboard --logdir <folder>`."""

import math
import os
from collections.abc import Mapping

import numpy as np
from PIL import Image
from tensorboard.plugins import projector

_SPRITE_LIMIT = 8192  # pixels a side; the largest texture that browsers accept


def write_projector(
    folder: str, columns: Mapping[str, np.ndarray], embeddings: np.ndarray, thumbnails: np.ndarray
) -> None:
    """Write embeddings for the projector.

    Args:
        folder: a TensorBoard log directory, created if missing.
        columns: of the n faces: `dataset`, `method`, `label`, `video_id`, `logit`.
        embeddings: float [n, d], n > 0.
        thumbnails: uint8 [n, side, side, 3].

    Raises:
        ValueError: more faces than fit in a sprite.
    """
    os.makedirs(folder, exist_ok=True)
    config = projector.ProjectorConfig()
    entry = config.embeddings.add(
        tensor_name="embedding",
        tensor_path="embeddings.bytes",
        tensor_shape=embeddings.shape,
        metadata_path="metadata.tsv",
    )
    np.ascontiguousarray(embeddings, "<f4").tofile(os.path.join(folder, entry.tensor_path))
    with open(os.path.join(folder, entry.metadata_path), "w") as stream:
        stream.write("data set\tmethod\tlabel\tvideo\tlogit\n")
        names = ("dataset", "method", "label", "video_id", "logit")
        for dataset, method, label, video, logit in zip(*(columns[name] for name in names), strict=True):
            texts = dataset, method, "fake" if label else "real", video, f"{logit:.4f}"
            stream.write("\t".join(" ".join(text.split()) for text in texts) + "\n")
    entry.sprite.image_path = "sprite.png"
    entry.sprite.single_image_dim.extend([thumbnails.shape[2], thumbnails.shape[1]])
    Image.fromarray(sprite(thumbnails)).save(os.path.join(folder, entry.sprite.image_path))
    projector.visualize_embeddings(folder, config)


def sprite(thumbnails: np.ndarray) -> np.ndarray:
    """Lay out pictures in a square, as the projector expects them.

    Args:
        thumbnails: uint8 [n, side, side, 3].

    Returns:
        uint8 [k side, k side, 3], the rest black.

    Raises:
        ValueError: more pictures than fit.
    """
    count, height, width, _ = thumbnails.shape
    across = math.ceil(math.sqrt(count))
    if across * max(height, width) > _SPRITE_LIMIT:
        most = (_SPRITE_LIMIT // max(height, width)) ** 2
        raise ValueError(f"a sprite holds at most {most} pictures of {height}x{width}. Received: {count}")
    padded = np.zeros((across**2, height, width, 3), np.uint8)
    padded[:count] = thumbnails
    return padded.reshape(across, across, height, width, 3).swapaxes(1, 2).reshape(across * height, across * width, 3)
