"""Face examples: the TFRecords of aligned face crops that extraction writes and that training and evaluation read.

An `examples` folder holds `Split-{train,val,test}/*.tfrecord`; each record is one `tf.train.Example` with `SCHEMA`'s
keys.
"""

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from artifacts.errors import InputError
from artifacts.layout import RECORDS, split_dir
from artifacts.words import counted

SCHEMA = {
    "image/encoded": tf.io.FixedLenFeature([], tf.string),
    "image/format": tf.io.FixedLenFeature([], tf.string),
    "label": tf.io.FixedLenFeature([], tf.int64),
    "dataset": tf.io.FixedLenFeature([], tf.string),
    "method": tf.io.FixedLenFeature([], tf.string),
    "video_id": tf.io.FixedLenFeature([], tf.string),
    # Whose video it is; empty if the data set does not say.
    "identity": tf.io.FixedLenFeature([], tf.string, default_value=""),
    "frame/index": tf.io.FixedLenFeature([], tf.int64),
    "frame/timestamp": tf.io.FixedLenFeature([], tf.float32),
    "face/box": tf.io.FixedLenFeature([4], tf.float32),
    # Crops that were cut elsewhere have no landmarks and no score.
    "face/landmarks": tf.io.FixedLenFeature([5, 2], tf.float32, default_value=np.full([5, 2], np.nan, np.float32)),
    "face/score": tf.io.FixedLenFeature([], tf.float32, default_value=np.float32(np.nan)),
    # Which person of the video: 0 is the most prominent one.
    "face/track": tf.io.FixedLenFeature([], tf.int64, default_value=0),
}

# A TFRecord frames each record with its length (8 bytes), the length's checksum (4), and the record's checksum (4).
_HEADER, _FOOTER = 12, 4
FRAMING = _HEADER + _FOOTER


@dataclass(frozen=True)
class FaceExample:
    """One face in one frame of one video.

    Attributes:
        image: the encoded crop, 256x256 RGB, lossless.
        image_format: "webp" or "png".
        label: 0 real, 1 fake.
        dataset: the data set's name in the config.
        method: "real", or the manipulation.
        video_id: `<dataset>/<method>/<name>`.
        frame_index: number of the frame in the video, from 0.
        timestamp: presentation time in seconds.
        box: x, y, width, height in pixels of the source frame.
        landmarks: float [5, 2], (x, y) in pixels of the source frame; None for a crop that was cut elsewhere.
        score: the face detector's confidence; None for a crop that was cut elsewhere.
        identity: whose video it is, the first of the manifest's identities: a fake and the real video it was made
            from have the same one. "" if the data set does not say.
        track: which person of the video, by prominence; 0 is the main one.
    """

    image: bytes
    image_format: str
    label: int
    dataset: str
    method: str
    video_id: str
    frame_index: int
    timestamp: float
    box: Sequence[float]
    landmarks: np.ndarray | None = None
    score: float | None = None
    identity: str = ""
    track: int = 0

    def serialize(self) -> bytes:
        """Return the bytes of the `tf.train.Example`; equal examples have equal bytes."""
        feature = {
            "image/encoded": _bytes(self.image),
            "image/format": _bytes(self.image_format.encode()),
            "label": _ints(self.label),
            "dataset": _bytes(self.dataset.encode()),
            "method": _bytes(self.method.encode()),
            "video_id": _bytes(self.video_id.encode()),
            "identity": _bytes(self.identity.encode()),
            "frame/index": _ints(self.frame_index),
            "frame/timestamp": _floats([self.timestamp]),
            "face/box": _floats(self.box),
            "face/track": _ints(self.track),
        }
        if self.landmarks is not None:
            feature["face/landmarks"] = _floats(np.ravel(self.landmarks))
        if self.score is not None:
            feature["face/score"] = _floats([self.score])
        example = tf.train.Example(features=tf.train.Features(feature=feature))
        serialized: bytes = example.SerializeToString(deterministic=True)
        return serialized


def _bytes(value: bytes) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))


def _ints(value: int) -> tf.train.Feature:
    return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))


def _floats(values: Sequence[float] | np.ndarray) -> tf.train.Feature:
    return tf.train.Feature(float_list=tf.train.FloatList(value=[float(v) for v in values]))


# --- reading ----------------------------------------------------------------------------------------------------------
def parse(serialized: tf.Tensor | bytes) -> dict[str, tf.Tensor]:
    """Parse one serialized example into tensors with `SCHEMA`'s keys and shapes."""
    parsed: dict[str, tf.Tensor] = tf.io.parse_single_example(serialized, SCHEMA)
    return parsed


def find_files(folder: str, split: str | None = None) -> list[str]:
    """List the TFRecord files of a folder, sorted.

    Args:
        folder: an `examples` artifact or any folder that holds `*.tfrecord` files.
        split: "train", "val" or "test": list the files in `Split-<split>/`. None: list those in the folder itself.

    Raises:
        InputError: the folder does not exist, or holds no TFRecord.
    """
    if not os.path.isdir(folder):
        raise InputError(f"{folder}: no such folder of face examples")
    inside = split_dir(folder, split) if split else folder
    files = sorted(glob.glob(os.path.join(glob.escape(inside), RECORDS)))
    if not files:
        raise InputError(
            f"{inside}: holds no {RECORDS} file. Name the `examples` folder that FaceExampleGen wrote "
            "(it has Split-train/, Split-val/, Split-test/)"
        )
    return files


def read_records(path: str) -> Iterator[bytes]:
    """Yield the serialized records of one TFRecord file, checking their checksums.

    Raises:
        InputError: the file is truncated or damaged; says after how many good records.
    """
    count = 0
    try:
        for record in tf.data.TFRecordDataset(path, buffer_size=1 << 20).as_numpy_iterator():
            yield record
            count += 1
    except tf.errors.OpError as error:
        raise InputError(
            f"{path}: damaged or cut after {counted(count, 'record')} ({type(error).__name__}). "
            "Write it again: delete its folder and run FaceExampleGen, or copy the file anew"
        ) from error


def read_record(path: str, offset: int) -> bytes:
    """Return the serialized record whose frame begins at byte `offset` of a TFRecord file.

    Checksums are not verified: this is for files that were read in full before.
    """
    with open(path, "rb") as stream:
        stream.seek(offset)
        length = int.from_bytes(stream.read(_HEADER)[:8], "little")
        return stream.read(length)
