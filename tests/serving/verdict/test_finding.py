"""Files in, faces out: in order, with what was seen on the way; decoding happens elsewhere."""

import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from faces.decoder import Limits
from serving.verdict.finding import FaceFinder
from serving.verdict.verdict_options import VerdictOptions


@pytest.fixture
def finder(halves):
    with FaceFinder(VerdictOptions(frames=8)) as finder:
        yield finder


def test_a_film(finder, films):
    seen = []
    found = finder.find(films["two"], name="mine", progress=lambda *of: seen.append(of), keep_frames=True)
    assert (found.file, found.kind, found.wanted) == ("mine", "video", 8)
    content = Path(films["two"]).read_bytes()
    assert found.info.pop("sha256") == hashlib.sha256(content).hexdigest()
    assert found.info.pop("bytes") == len(content)
    assert found.info == {"width": 192, "height": 96, "frames": 20, "seconds": pytest.approx(0.8)}
    assert len(found.examples) == 16 and {example.track for example in found.examples} == {0, 1}
    indices = sorted({example.frame_index for example in found.examples})
    assert indices == [1, 4, 6, 9, 11, 14, 16, 19] and sorted(found.frames) == indices
    assert seen[-1] == ("finding faces", 8, 8) and [done for _, done, _ in seen] == sorted(done for _, done, _ in seen)
    assert Image.open(io.BytesIO(found.frames[1])).size == (192, 96)
    assert found.rejects == []


def test_frames_are_kept_only_if_wanted(finder, films):
    assert finder.find(films["real"]).frames == {}


def test_pictures_and_crops(finder, made, tmp_path):
    path = made.write_picture(tmp_path / "a.png", 200, 0)
    found = finder.find(path)
    assert (found.kind, found.wanted, len(found.examples)) == ("image", 1, 1)
    assert found.examples[0].box == pytest.approx((10, 12, 60, 60))
    crop = finder.find(path, kind="crop")
    assert (crop.kind, crop.wanted, len(crop.examples)) == ("crop", 1, 1)
    assert crop.examples[0].box == (0, 0, 192, 96) and crop.examples[0].score is None


def test_many_files_come_in_order_and_a_bad_one_ends_none(finder, films, made, tmp_path):
    (tmp_path / "text.mp4").write_text("no film")
    (tmp_path / "cut.mp4").write_bytes(Path(films["two"]).read_bytes()[:900])
    (tmp_path / "empty.mp4").touch()
    paths = [
        films["fake"],
        *(str(tmp_path / f"{name}.mp4") for name in ("text", "cut", "empty", "absent")),
        films["two"],
    ]
    found = list(finder.find_all(paths))
    assert [one.file for one in found] == paths
    assert [one.kind for one in found] == ["video", None, None, None, None, "video"]
    reasons = [[reject.reason for reject in one.rejects if reject.scope == "video"] for one in found]
    assert reasons[1:5] == [["not_a_video"], ["not_a_video"], ["empty_file"], ["missing_file"]]
    assert len(found[0].examples) == len(found[5].examples) == 16


def test_limits_hold_before_anything_is_decoded(halves, films, made, tmp_path):
    wide = made.write_picture(tmp_path / "wide.png", 200, 200, size=(100, 400))
    with FaceFinder(VerdictOptions(), Limits(pixels=20_000, seconds=0.5)) as finder:
        reasons = [found.rejects[0].reason for found in finder.find_all([films["two"], wide])]
    assert reasons == ["too_long", "too_large"] and halves.asked == []


def test_where_nobody_is_seen_it_looks_again_for_smaller_faces(finder, halves, films):
    found = finder.find(films["empty"])
    assert halves.asked == [39.8, 20.0] and found.examples == []
    assert {reject.reason for reject in found.rejects if reject.scope != "frame"} == {"no_face", "smaller_faces"}
    assert len([reject for reject in found.rejects if reject.scope == "frame"]) == 8
    assert len(finder.find(films["two"]).examples) == 16  # and goes on with others


def test_the_main_face_only(halves, films):
    with FaceFinder(VerdictOptions(frames=4, faces="main")) as finder:
        assert {example.track for example in finder.find(films["two"]).examples} == {0}


def test_whoever_gives_up_can_go_on_with_another_file(finder, films):
    def stop(stage, done, most):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        finder.find(films["two"], progress=stop)
    assert len(finder.find(films["two"]).examples) == 16


def test_the_decoding_process_ends_with_the_finder(halves, films):
    with FaceFinder(VerdictOptions(frames=2)) as finder:
        finder.find(films["two"])
        process = Path(f"/proc/{finder._extractor._reader._process.pid}")
        assert process.exists()
    assert not process.exists()


def test_crops_have_the_pixels_of_the_frame(finder, made, tmp_path):
    """What is cut of a picture is its very pixels: nothing is lost between decoding and model."""
    found = finder.find(made.write_picture(tmp_path / "a.png", 213, 0))
    crop = np.asarray(Image.open(io.BytesIO(found.examples[0].image)))
    assert crop.shape == (256, 256, 3) and set(crop[128, 100:156].ravel()) == {213}


def test_other_parameters_for_the_files_to_come(finder, films):
    finder.choose(VerdictOptions(frames=3, faces="main"))
    found = finder.find(films["two"])
    assert found.wanted == 3 and {example.track for example in found.examples} == {0}
    finder.choose(VerdictOptions(frames=8))
    assert finder.find(films["two"]).wanted == 8


def test_what_is_aborted_counts_as_crashed(finder, films):
    finder.abort()  # nothing is read yet
    whole = finder.find(films["two"])
    found = finder.find(films["two"], progress=lambda *_: finder.abort())
    assert (found.kind, found.wanted, found.info) == (whole.kind, whole.wanted, whole.info)
    assert found.kind == "video" and len({example.frame_index for example in found.examples}) <= found.wanted
    finder.close()
    assert finder.find(films["two"]).rejects == []
