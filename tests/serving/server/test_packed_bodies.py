import gzip
import random
import zlib

import pytest

from serving.server.packed_bodies import PIECE, Unpacking, unpacking_of
from serving.server.refusals import Refusal


def _raw(data):
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


PACKED = {
    "gzip": ("gzip", gzip.compress),
    "gzip, joined": ("gzip", lambda data: gzip.compress(data[:1000]) + gzip.compress(b"") + gzip.compress(data[1000:])),
    "deflate": ("deflate", zlib.compress),
    "deflate, raw": ("deflate", _raw),
}
DATA = random.Random(0).randbytes(70_000) + b"a" * 3 * PIECE + b"end"


def _unpacked(encoding, packed, step):
    unpacking, pieces = Unpacking(encoding), []
    for start in range(0, len(packed), step):
        unpacking.feed(packed[start : start + step])
        while piece := unpacking.piece():
            assert len(piece) <= PIECE
            pieces.append(piece)
    unpacking.end()
    return b"".join(pieces)


@pytest.mark.parametrize("step", [1, 7, 1000, 1 << 20])
@pytest.mark.parametrize("form", PACKED)
def test_whatever_comes_is_what_was_packed(form, step):
    encoding, pack = PACKED[form]
    assert _unpacked(encoding, pack(DATA), step) == DATA
    assert _unpacked(encoding, pack(b""), step) == b"" == _unpacked(encoding, b"", step)


@pytest.mark.parametrize("form", PACKED)
def test_a_body_that_is_cut_is_refused(form):
    encoding, pack = PACKED[form]
    packed = pack(DATA)
    for length in (1, 2, 5, len(packed) // 2, len(packed) - 1):
        with pytest.raises(Refusal, match=f"ends too soon: its Content-Encoding is {encoding}") as refused:
            _unpacked(encoding, packed[:length], 1000)
        assert refused.value.code == 400


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_body_that_is_damaged_is_refused(encoding):
    packed = bytearray(PACKED[encoding][1](DATA))
    packed[-3] ^= 1  # of the checksum
    for body in (bytes(packed), b'{"instances": []}' * 100):
        with pytest.raises(Refusal, match="is damaged") as refused:
            _unpacked(encoding, body, 1000)
        assert refused.value.code == 400
    with pytest.raises(Refusal, match="is damaged|behind its end"):
        _unpacked(encoding, PACKED[encoding][1](b"a") + b"more", 1000)


def test_which_encodings_are_taken():
    assert unpacking_of("") is None and unpacking_of(" Identity") is None
    assert all(isinstance(unpacking_of(name), Unpacking) for name in ("gzip", "GZIP ", "x-gzip", "deflate"))
    for name in ("br", "zstd", "gzip, gzip", "compress"):
        with pytest.raises(Refusal, match="send gzip, deflate or none") as refused:
            unpacking_of(name)
        assert refused.value.code == 415
