"""Made-up predictions, face examples, and a SavedModel as small as one can be."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import tensorflow as tf

from model.examples import FaceExample


class Tiny(tf.Module):
    """Calls a face fake the brighter it is: logit = (mean pixel - 128) / 10."""

    @tf.function(input_signature=[tf.TensorSpec([None, 256, 256, 3], tf.uint8, name="crops")])
    def crops(self, crops):
        logit = (tf.reduce_mean(tf.cast(crops, tf.float32), axis=[1, 2, 3]) - 128) / 10
        return {
            "fake_probability": tf.sigmoid(logit),
            "logit": logit,
            "center_similarity": tf.tanh(-logit),
            "embedding": tf.stack([logit, -logit], axis=1),
        }


def _save(folder):
    module = Tiny()
    tf.saved_model.save(module, str(folder), signatures={"crops": module.crops})


@pytest.fixture(scope="session")
def model_dir(tmp_path_factory):
    """A `model` artifact with `Tiny`."""
    folder = tmp_path_factory.mktemp("model")
    _save(folder / "Format-Serving")
    return folder


def face(value, video, frame=0, *, dataset="d", method="real"):
    """A face example of one grey."""
    image = cv2.imencode(".png", np.full((256, 256, 3), value, np.uint8))[1].tobytes()
    video_id = f"{dataset}/{method}/{video}"
    return FaceExample(image, "png", int(method != "real"), dataset, method, video_id, frame, 0.0, (0, 0, 1, 1))


def write_examples(folder, faces, split="test"):
    """Write an `examples` artifact of two files."""
    inside = folder / f"Split-{split}"
    inside.mkdir(parents=True)
    for shard in (0, 1):
        with tf.io.TFRecordWriter(str(inside / f"faces-{shard:05d}-of-00002.tfrecord")) as writer:
            for example in faces[shard::2]:
                writer.write(example.serialize())
    return folder


def columns(rows):
    """Predictions from rows (data set, method, video, logit)."""
    dataset, method, video, logit = zip(*rows, strict=True)
    return {
        "video_id": np.array([f"{d}/{m}/{v}" for d, m, v in zip(dataset, method, video, strict=True)], object),
        "dataset": np.array(dataset, object),
        "method": np.array(method, object),
        "label": np.array([int(m != "real") for m in method]),
        "frame/index": np.arange(len(rows)),
        "logit": np.array(logit, np.float32),
        "center_similarity": -np.array(logit, np.float32),
    }


@pytest.fixture(scope="session")
def made():
    """What this file offers to the tests."""
    return SimpleNamespace(face=face, write_examples=write_examples, columns=columns)
