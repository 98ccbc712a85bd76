"""Where each face example lies in its TFRecord files, so that batches are drawn at random without a shuffle buffer."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

from artifacts.errors import InputError
from artifacts.face_examples import FRAMING, read_record, read_records
from model.losses import FAKE, REAL


@dataclass(frozen=True)
class RecordIndex:
    """The n face examples of some TFRecord files.

    Attributes:
        files: the paths.
        file: index into `files`, int64 [n].
        offset: first byte of the record's frame in its file, int64 [n].
        length: of the record in bytes, without its frame, int64 [n].
        label: 0 real, 1 fake, int64 [n].
        identity: whose video it is, str [n]; "" where it is unknown.
    """

    files: tuple[str, ...]
    file: np.ndarray
    offset: np.ndarray
    length: np.ndarray
    label: np.ndarray
    identity: np.ndarray

    def digest(self) -> str:
        """Return a hash that tells these examples from others: of their number, lengths, labels and identities."""
        total = hashlib.blake2b(digest_size=16)
        for column in (self.file, self.length, self.label):
            total.update(np.ascontiguousarray(column, np.int64).tobytes())
        total.update("\0".join(self.identity).encode())
        return total.hexdigest()

    def read(self, position: int) -> bytes:
        """Return the serialized example at `position`, 0 to n - 1."""
        return read_record(self.files[self.file[position]], self.offset[position])


def index_records(files: Sequence[str]) -> RecordIndex:
    """Read the files once, checking every checksum, and index their records.

    Args:
        files: TFRecord files of face examples.

    Raises:
        InputError: a file is truncated or damaged, a record is not a face example, or there is none at all.
    """
    file, offset, length, label, identity = [], [], [], [], []
    for number, path in enumerate(files):
        position = 0
        for count, record in enumerate(read_records(path)):
            its_label, its_identity = _label_and_identity(f"{path}: record {count}", record)
            file.append(number)
            offset.append(position)
            length.append(len(record))
            label.append(its_label)
            identity.append(its_identity)
            position += len(record) + FRAMING
    if not file:
        raise InputError(f"{os.path.dirname(files[0]) if files else 'no file'}: there is no face example in it")
    return RecordIndex(
        tuple(files),
        np.array(file, np.int64),
        np.array(offset, np.int64),
        np.array(length, np.int64),
        np.array(label, np.int64),
        np.array(identity),
    )


def _label_and_identity(where: str, record: bytes) -> tuple[int, str]:
    try:
        feature = tf.train.Example.FromString(record).features.feature
        label = feature["label"].int64_list.value[0]
    except (IndexError, DecodeError) as error:
        raise InputError(f"{where}: is not a face example (no readable `label`)") from error
    if label not in (REAL, FAKE):
        raise InputError(f"{where}: label is {label}; 0 is real and 1 is fake")
    try:
        return label, b"".join(feature["identity"].bytes_list.value).decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{where}: its identity is not UTF-8 ({error.reason} at byte {error.start})") from None
