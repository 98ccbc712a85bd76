"""Face examples: the one description of the TFRecords that extraction writes and that training and evaluation read."""

import glob
import hashlib
import os
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

SCHEMA = {
    "image/encoded": tf.io.FixedLenFeature([], tf.string),
    "image/format": tf.io.FixedLenFeature([], tf.string),
    "label": tf.io.FixedLenFeature([], tf.int64),
    "dataset": tf.io.FixedLenFeature([], tf.string),
    "method": tf.io.FixedLenFeature([], tf.string),
    "video_id": tf.io.FixedLenFeature([], tf.string),
    # Whose video it is; empty where the data set tells nobody.
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


class ExamplesError(ValueError):
    """A folder or file of face examples cannot be used; the message names it and the cure."""


@dataclass(frozen=True)
class FaceExample:
    """One face in one frame of one video.

    Attributes:
        image: the encoded crop, 256x256 RGB, without loss; `image_format` is "webp" or "png".
        label: 0 real, 1 fake.
        video_id: `<dataset>/<method>/<name>`.
        frame_index: number of the frame in the video, from 0.
        timestamp: presentation time in seconds.
        box: x, y, width, height in source pixels.
        landmarks: five (x, y) in source pixels, or None for a crop that was cut elsewhere.
        score: the detector's confidence, or None likewise.
        identity: whose video it is, the first of the manifest's identities: a fake and the real video that it was made
            of have the same. "" where the data set tells nobody.
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
    box: tuple
    landmarks: np.ndarray | None = None
    score: float | None = None
    identity: str = ""
    track: int = 0

    def serialize(self):
        """Return the bytes of the `tf.train.Example`; the same example always gives the same bytes."""
        feature = {
            "image/encoded": _bytes(self.image),
            "image/format": _bytes(self.image_format),
            "label": _ints(self.label),
            "dataset": _bytes(self.dataset),
            "method": _bytes(self.method),
            "video_id": _bytes(self.video_id),
            "identity": _bytes(self.identity),
            "frame/index": _ints(self.frame_index),
            "frame/timestamp": _floats([self.timestamp]),
            "face/box": _floats(self.box),
            "face/track": _ints(self.track),
        }
        if self.landmarks is not None:
            feature["face/landmarks"] = _floats(np.ravel(self.landmarks))
        if self.score is not None:
            feature["face/score"] = _floats([self.score])
        return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString(deterministic=True)


def _bytes(value):
    value = value.encode() if isinstance(value, str) else value
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))


def _ints(value):
    return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))


def _floats(values):
    return tf.train.Feature(float_list=tf.train.FloatList(value=[float(v) for v in values]))


def parse(serialized):
    """Parse one serialized example into a dict of tensors with `SCHEMA`'s keys and shapes."""
    return tf.io.parse_single_example(serialized, SCHEMA)


def decode_image(encoded):
    """Decode an encoded crop, WebP or what `decode_common` takes, to uint8 [height, width, 3]."""
    is_webp = tf.strings.substr(encoded, 8, 4) == b"WEBP"
    return tf.cond(is_webp, lambda: tf.io.decode_webp(encoded, channels=3)[0], lambda: decode_common(encoded))


def decode_common(encoded):
    """Decode a PNG, JPEG, BMP or GIF to uint8 [height, width, 3], with operations that every TensorFlow has."""
    image = tf.io.decode_image(encoded, channels=3, expand_animations=False)
    image.set_shape([None, None, 3])
    return image


def find_files(folder, split=None):
    """List the TFRecord files of a folder, sorted.

    Args:
        folder: an `examples` artifact or any folder that holds `*.tfrecord` files.
        split: "train", "val" or "test"; looks into `Split-<split>/` where the folder has such.

    Raises:
        ExamplesError: no such folder, or no TFRecord in it.
    """
    if not os.path.isdir(folder):
        raise ExamplesError(f"{folder}: no such folder of face examples")
    inside = os.path.join(folder, f"Split-{split}") if split else folder
    files = sorted(glob.glob(os.path.join(glob.escape(inside), "*.tfrecord")))
    if not files:
        raise ExamplesError(
            f"{inside}: holds no *.tfrecord file. Name the `examples` folder that FaceExampleGen wrote "
            "(it has Split-train/, Split-val/, Split-test/)"
        )
    return files


def read_records(path):
    """Yield the serialized records of one TFRecord file.

    Raises:
        ExamplesError: the file is cut or damaged; says after how many good records.
    """
    count = 0
    try:
        for record in tf.data.TFRecordDataset(path, buffer_size=1 << 20).as_numpy_iterator():
            yield record
            count += 1
    except tf.errors.OpError as error:
        raise ExamplesError(
            f"{path}: damaged or cut after {count} records ({type(error).__name__}). Write it again: delete its folder "
            "and run FaceExampleGen, or copy the file anew"
        ) from error


@dataclass(frozen=True)
class RecordIndex:
    """Where each record of some TFRecord files lies, so that a batch can be drawn at random without a shuffle buffer.

    Attributes:
        files: the paths.
        file: index into `files`, int32 [n].
        offset, length: of the record's bytes, int64 [n].
        label: int64 [n].
        identity: str [n], "" where it is unknown.
    """

    files: tuple
    file: np.ndarray
    offset: np.ndarray
    length: np.ndarray
    label: np.ndarray
    identity: np.ndarray

    def digest(self):
        """Tell these examples from others: a hash of how many and how long they are, and of what they are called."""
        total = hashlib.blake2b(digest_size=16)
        for column in (self.file, self.length, self.label):
            total.update(np.ascontiguousarray(column, np.int64).tobytes())
        total.update("\0".join(self.identity).encode())
        return total.hexdigest()

    def read(self, position):
        """Return the serialized bytes of record `position`."""
        with open(self.files[self.file[position]], "rb") as stream:
            stream.seek(self.offset[position])
            return stream.read(self.length[position])


# A TFRecord frames each record with its length (8 bytes), the length's checksum (4), and the record's checksum (4).
_HEADER, _FOOTER = 12, 4
FRAMING = _HEADER + _FOOTER


def read_record(path, offset):
    """Return the serialized record that begins, with its frame, `offset` bytes into a TFRecord file.

    The checksums are not looked at: this is for places in files that were read through before.
    """
    with open(path, "rb") as stream:
        stream.seek(offset)
        length = int.from_bytes(stream.read(_HEADER)[:8], "little")
        return stream.read(length)


def index_records(files):
    """Read through the files once, checking every checksum, and return their `RecordIndex`.

    Raises:
        ExamplesError: a file is cut or damaged, a record is no face example, or there is none at all.
    """
    rows = []
    for number, path in enumerate(files):
        offset = _HEADER
        for record in read_records(path):
            rows.append((number, offset, len(record), *_label_and_identity(path, record)))
            offset += len(record) + FRAMING
    if not rows:
        raise ExamplesError(f"{os.path.dirname(files[0]) if files else 'no file'}: there is no face example in it")
    *numbers, identity = zip(*rows, strict=True)
    file, offset, length, label = (np.array(column, np.int64) for column in numbers)
    return RecordIndex(tuple(files), file.astype(np.int32), offset, length, label, np.array(identity))


def _label_and_identity(path, record):
    try:
        feature = tf.train.Example.FromString(record).features.feature
        label = feature["label"].int64_list.value[0]
    except (IndexError, DecodeError) as error:
        raise ExamplesError(f"{path}: a record is not a face example (no readable `label`)") from error
    if label not in (0, 1):
        raise ExamplesError(f"{path}: a record has label {label}; 0 is real and 1 is fake")
    return label, b"".join(feature["identity"].bytes_list.value).decode()
