"""Read tensors from a file in the legacy format of `torch.save` (a `.pth` of torch 1.5 or earlier), without torch.

Such a file is a sequence of pickles, and a pickle can run any code while it is loaded. This reader resolves a name only
if it is in one of the two tables below, `STORAGES` and `CALLABLES`, and refuses the file otherwise.
"""

import io
import math
import os
import pickle
import struct
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from artifacts.errors import InputError

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
PROTOCOL_VERSION = 1001
STORAGES: dict[str, np.dtype[Any]] = {
    "DoubleStorage": np.dtype("<f8"),
    "FloatStorage": np.dtype("<f4"),
    "HalfStorage": np.dtype("<f2"),
    "LongStorage": np.dtype("<i8"),
    "IntStorage": np.dtype("<i4"),
    "ShortStorage": np.dtype("<i2"),
    "CharStorage": np.dtype("i1"),
    "ByteStorage": np.dtype("u1"),
    "BoolStorage": np.dtype("?"),
}


def read_tensors(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Read a dict of tensors, such as a network's `state_dict`.

    Args:
        path: a file that torch before 1.6 wrote, or `torch.save(tensors, path, _use_new_zipfile_serialization=False)`.

    Returns:
        Name -> read-only array with the tensor's shape and type, in the order of the file.

    Raises:
        InputError: the file has another format, is damaged or incomplete, or holds anything but named tensors. The
            message names the file, what is wrong with it, and the cure.
        OSError: the file cannot be read.
    """
    with open(path, "rb") as stream:
        content = stream.read()
    if content.startswith(b"PK\x03\x04"):
        raise InputError(
            f"{path}: a zip archive, the format of torch 1.6 and later. Save the tensors again with "
            "torch.save(tensors, path, _use_new_zipfile_serialization=False)"
        )
    try:
        return _read(content)
    except _RefusedError as error:
        raise InputError(
            f"{path}: {error}. None of its code was run; give a file that holds named tensors only"
        ) from None
    except Exception as error:  # a damaged pickle raises almost any exception
        raise InputError(
            f"{path}: not a whole file of torch's legacy format ({type(error).__name__}: {error}). Download it again"
        ) from None


class _RefusedError(Exception):
    """The file asks for something other than tensors."""


class _Storage:
    """A block of numbers in the file that tensors are views of.

    Args:
        dtype: of the numbers.
        key: the file's name for the storage.
        count: how many numbers it has.
    """

    def __init__(self, dtype: np.dtype[Any], key: str, count: int) -> None:
        self.dtype, self.key, self.count = dtype, key, count


class _Tensor:
    """A tensor whose numbers are not read yet.

    Args:
        storage: where its numbers lie.
        offset: of the first one in the storage, in elements.
        shape: one size per axis.
        strides: one step per axis, in elements.
    """

    def __init__(self, storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> None:
        self.storage, self.offset, self.shape, self.strides = storage, offset, tuple(shape), tuple(strides)

    def read(self, storages: dict[str, np.ndarray]) -> np.ndarray:
        """Return the tensor as a read-only view of its storage, so that no file takes more memory than its size.

        Args:
            storages: key -> all numbers of that storage, [count].

        Raises:
            ValueError: shape, strides and offset do not describe a part of the storage.
        """
        values = storages[self.storage.key]
        numbers = (self.offset, *self.shape, *self.strides)
        if len(self.shape) != len(self.strides) or any(type(n) is not int or n < 0 for n in numbers):
            raise ValueError("a tensor's shape is damaged")
        count = math.prod(self.shape)
        last = self.offset + sum((size - 1) * stride for size, stride in zip(self.shape, self.strides, strict=True))
        # A tensor that repeats elements of its storage could grow to any size when it is copied; weights never do.
        if count > len(values) or (count and last >= len(values)):
            raise ValueError("a tensor reaches beyond its storage")
        strides = [stride * values.itemsize for stride in self.strides]
        return np.lib.stride_tricks.as_strided(values[self.offset :], self.shape, strides, writeable=False)


def _rebuild_tensor(
    storage: object, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object
) -> _Tensor:
    if not isinstance(storage, _Storage):
        raise _RefusedError("it builds a tensor from something other than a storage")
    return _Tensor(storage, offset, shape, strides)


def _rebuild_parameter(tensor: object, *_: object) -> object:
    return tensor


# Everything that a file can call.
CALLABLES: dict[tuple[str, str], Callable[..., object]] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor"): _rebuild_tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
}


class _Unpickler(pickle.Unpickler):
    """Loads one pickle of the file.

    Attributes:
        storages: key -> storage, for each storage that the pickle refers to.
    """

    def __init__(self, stream: io.BytesIO) -> None:
        super().__init__(stream, encoding="utf-8")
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> str | Callable[..., object]:
        if module == "torch" and name in STORAGES:
            return name  # a string, which the file can neither call nor change
        try:
            return CALLABLES[module, name]
        except KeyError:
            raise _RefusedError(f"it asks for {module}.{name}") from None

    def persistent_load(self, reference: tuple[Any, ...]) -> _Storage:
        kind, storage_type, key, _, count, view = reference
        if kind != "storage" or storage_type not in STORAGES or type(count) is not int or view is not None:
            raise _RefusedError(f"it refers to {str(kind)[:40]!r}, which is not a plain storage")
        return self.storages.setdefault(key, _Storage(STORAGES[storage_type], key, count))


def _read(content: bytes) -> dict[str, np.ndarray]:
    """Read the parts in their order: magic number, version, system, tensors, keys of the storages, the storages."""
    stream = io.BytesIO(content)
    magic_number, version, system = (_Unpickler(stream).load() for _ in range(3))
    if (magic_number, version) != (MAGIC_NUMBER, PROTOCOL_VERSION):
        raise ValueError("another magic number or version")
    if not system["little_endian"]:
        raise ValueError("big-endian numbers")
    unpickler = _Unpickler(stream)
    tensors = unpickler.load()
    if not isinstance(tensors, dict) or not all(isinstance(tensor, _Tensor) for tensor in dict.values(tensors)):
        raise _RefusedError("it holds more than named tensors")
    keys = _Unpickler(stream).load()
    arrays = {key: _read_storage(stream, unpickler.storages[key]) for key in keys}
    return {str(name): tensor.read(arrays) for name, tensor in dict.items(tensors)}


def _read_storage(stream: io.BytesIO, storage: _Storage) -> np.ndarray:
    (count,) = struct.unpack("<q", stream.read(8))
    size = storage.count * storage.dtype.itemsize
    content = stream.read(size) if count == storage.count else b""
    if len(content) != size:
        raise ValueError("a storage is incomplete")
    return np.frombuffer(content, storage.dtype)
