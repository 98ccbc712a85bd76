"""Torch's legacy files without torch: their tensors are read, and files that ask for anything else are refused."""

import collections
import io
import os
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest

from artifacts.errors import InputError
from model.torch_file import MAGIC_NUMBER, PROTOCOL_VERSION, STORAGES, read_tensors

FOLDER = Path(__file__).parent / "golden"
HEADER = (MAGIC_NUMBER, PROTOCOL_VERSION, {"little_endian": True})


class Name:
    """Pickles as a name that need not exist here, called with the arguments if there are any."""

    def __init__(self, module, name, *arguments):
        self.module, self.name, self.arguments = module, name, arguments


class Build:
    """Pickles as a value whose attributes are set to a state."""

    def __init__(self, value, state):
        self.value, self.state = value, state


class Storage(tuple):
    """Pickles as a reference to a storage."""


class Pickler(pickle._Pickler):  # the one in Python, which can be extended
    def persistent_id(self, value):
        return tuple(value) if isinstance(value, Storage) else None

    def save(self, value, save_persistent_id=True):
        if isinstance(value, Build):
            self.save(value.value)
            self.save(value.state)
            self.write(pickle.BUILD)
        elif isinstance(value, Name):
            self.write(f"c{value.module}\n{value.name}\n".encode())
            if value.arguments:
                self.save(tuple(value.arguments))
                self.write(pickle.REDUCE)
        else:
            super().save(value, save_persistent_id)


def storage(dtype="FloatStorage", key="0", count=4, kind="storage", view=None):
    return Storage((kind, Name("torch", dtype), key, "cpu", count, view))


def tensor(of, offset=0, shape=(4,), strides=(1,)):
    return Name("torch._utils", "_rebuild_tensor_v2", of, offset, shape, strides, False, collections.OrderedDict())


@pytest.fixture
def write(tmp_path):
    """write(content) is the path of a legacy file of that content, with one storage of [0, 1, 2, 3] named "0"."""

    def write(content, keys=("0",), header=HEADER, cut=0):
        stream = io.BytesIO()
        for part in (*header, content, list(keys)):
            Pickler(stream, 2).dump(part)
        for _ in keys:
            stream.write(struct.pack("<q", 4) + np.arange(4, dtype="<f4").tobytes())
        path = tmp_path / "weights.pth"
        path.write_bytes(stream.getvalue()[: -cut or None])
        return path

    return write


def test_reads_what_torch_wrote():
    tensors = read_tensors(FOLDER / "tensors.pth")
    whole = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    expected = {
        "whole": whole, "part": whole[1, :, 1:3], "turned": whole[0].T, "half": np.array([0.5, -2.0], np.float16),
        "count": np.array(7), "empty": np.zeros((0, 3), np.float32), "truth": np.array([True, False]),
    }  # fmt: skip
    assert list(tensors) == list(expected)
    for name, value in expected.items():
        np.testing.assert_array_equal(tensors[name], value, err_msg=name, strict=True)


def test_reads_a_file_written_by_hand(write):
    found = read_tensors(write({"a": tensor(storage()), "b": tensor(storage(), 1, (2,), (2,))}))
    assert found["a"].tolist() == [0, 1, 2, 3]
    assert found["b"].tolist() == [1, 3]


def test_tensors_share_their_storage_and_cannot_be_changed(write):
    found = read_tensors(write({"a": tensor(storage()), "b": tensor(storage())}))
    assert np.shares_memory(found["a"], found["b"])
    with pytest.raises(ValueError, match="read-only"):
        found["a"][0] = 9


# --- hostile files ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("module", "name"),
    [("os", "system"), ("builtins", "eval"), ("builtins", "getattr"), ("subprocess", "Popen"), ("torch", "load"),
     ("numpy", "ndarray"), ("collections", "Counter"), ("torch._utils", "_rebuild_qtensor"), ("torch", "os.system")],
)  # fmt: skip
def test_every_other_name_is_refused(write, tmp_path, module, name):
    mark = tmp_path / "ran"
    with pytest.raises(InputError, match=rf"weights\.pth: it asks for {module}\.{name}\. None of its code was run"):
        read_tensors(write({"a": Name(module, name, f"touch {mark}")}))
    assert not mark.exists()


def test_a_hostile_pickle_in_any_part_runs_nothing(write, tmp_path):
    class Bomb:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'ran'}",)

    parts = [{"content": {}, "header": (*HEADER[:k], Bomb(), *HEADER[k + 1 :])} for k in range(3)]
    for part in (*parts, {"content": {"a": Bomb()}}, {"content": {}, "keys": [Bomb()]}):
        with pytest.raises(InputError, match=r"it asks for posix\.system"):
            read_tensors(write(**part))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", STORAGES)
def test_a_number_type_can_be_neither_called_nor_changed(write, name):
    for content in (Name("torch", name, 10**12), Build(Name("torch", name), (3, "<", None, None, None, -1, -1, 0))):
        with pytest.raises(InputError, match="not a whole file"):
            read_tensors(write({"a": content}))


def test_a_tensor_whose_attributes_a_file_sets_is_checked(write):
    for state in ({"shape": (10**6,)}, {"strides": (10**6,)}, {"offset": -1}, {"storage": "0"}, {"shape": ("4",)}):
        with pytest.raises(InputError, match="not a whole file"):
            read_tensors(write({"a": Build(tensor(storage()), state)}))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1, 2], "more than named tensors"),
        ({"a": "text"}, "more than named tensors"),
        ({"a": Name("torch._utils", "_rebuild_tensor_v2", "text", 0, (1,), (1,))}, "something other than a storage"),
        ({"a": tensor(storage(kind="module"))}, "not a plain storage"),
        ({"a": tensor(storage(view=("1", 0, 2)))}, "not a plain storage"),
        ({"a": tensor(storage(), 1)}, "beyond its storage"),
        ({"a": tensor(storage(), 0, (2, 2), (3, 1))}, "beyond its storage"),
        ({"a": tensor(storage(), 0, (10**6, 10**6), (0, 0))}, "beyond its storage"),
        ({"a": tensor(storage(), -1, (1,), (1,))}, "shape is damaged"),
        ({"a": tensor(storage(), 0, (4,), (-1,))}, "shape is damaged"),
        ({"a": tensor(storage(), 0, (4,), ())}, "shape is damaged"),
        ({"a": tensor(storage(count=10**12))}, "storage is incomplete"),
        ({"a": tensor(storage(dtype="DoubleStorage"))}, "storage is incomplete"),
        ({"a": tensor(storage(key="1"))}, "KeyError"),
    ],
)
def test_says_what_is_wrong(write, content, message):
    with pytest.raises(InputError, match=message):
        read_tensors(write(content))


# --- damaged files, and other formats ---------------------------------------------------------------------------------
@pytest.mark.parametrize("cut", [1, 15, 30, 200])
def test_a_cut_file(write, cut):
    with pytest.raises(InputError, match="Download it again"):
        read_tensors(write({"a": tensor(storage())}, cut=cut))


@pytest.mark.parametrize("content", [b"", b"no pickle", b"\x80\x02}."])
def test_a_file_of_another_kind(tmp_path, content):
    (tmp_path / "x.pth").write_bytes(content)
    with pytest.raises(InputError, match=r"x\.pth: not a whole file"):
        read_tensors(tmp_path / "x.pth")


def test_the_newer_format_is_named_with_its_cure(tmp_path):
    (tmp_path / "x.pth").write_bytes(b"PK\x03\x04rest")
    with pytest.raises(InputError, match=r"x\.pth: a zip archive.*_use_new_zipfile_serialization=False"):
        read_tensors(tmp_path / "x.pth")


@pytest.mark.parametrize(
    "header", [(1, PROTOCOL_VERSION, HEADER[2]), (MAGIC_NUMBER, 7, HEADER[2]), (*HEADER[:2], {"little_endian": False})]
)
def test_another_version(write, header):
    with pytest.raises(InputError, match="another magic number|big-endian"):
        read_tensors(write({}, header=header))
