"""Embeddings for TensorBoard's projector, with their faces: `tensorboard --logdir <folder>`."""

import math
import os

import numpy as np
from PIL import Image
from tensorboard.plugins import projector

_SPRITE_LIMIT = 8192  # pixels a side; what browsers take as a texture


def write_projector(folder, columns, embeddings, thumbnails):
    """Write what the projector shows.

    Args:
        folder: to be made; a TensorBoard log directory.
        columns: of the n faces: `dataset`, `method`, `label`, `video_id`, `logit`.
        embeddings: float [n, d], n > 0.
        thumbnails: uint8 [n, side, side, 3].

    Raises:
        ValueError: more faces than a sprite may hold.
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


def sprite(thumbnails):
    """Lay n pictures in a square of rows, as the projector wants them: uint8 [n, side, side, 3] -> [k side, k side, 3]."""
    count, height, width, _ = thumbnails.shape
    across = math.ceil(math.sqrt(count))
    if across * max(height, width) > _SPRITE_LIMIT:
        raise ValueError(
            f"a sprite of {height}x{width} pictures holds {(_SPRITE_LIMIT // max(height, width)) ** 2}. Received: {count}"
        )
    padded = np.zeros((across**2, height, width, 3), np.uint8)
    padded[:count] = thumbnails
    return padded.reshape(across, across, height, width, 3).swapaxes(1, 2).reshape(across * height, across * width, 3)
