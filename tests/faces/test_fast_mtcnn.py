import cv2
import numpy as np
import pytest
from mtcnn.utils.images import build_scale_pyramid, scale_images

from faces import fast_mtcnn
from faces.area_pyramid import level_size, numba_level, tensorflow_level
from faces.detector import MIN_FACE_SIZES
from faces.fast_mtcnn import FACE_SIZES, FastMtcnn, pyramid_scales

SIZES = [(20, 20), (21, 300), (24, 24), (148, 199), (360, 640), (561, 561), (720, 1280), (1080, 1920), (2160, 3840)]


@pytest.fixture(scope="module")
def mtcnn():
    return FastMtcnn()


def test_the_pyramid_is_the_packages():
    for least in range(20, 700):
        height, width = (least, least + least % 7 * 50)[:: 1 if least % 2 else -1]
        theirs = build_scale_pyramid(width, height, min_face_size=20, scale_factor=0.709)
        ours = pyramid_scales(height, width)
        assert ours == pytest.approx(theirs.tolist(), rel=1e-14)
        assert [level_size(height, width, s) for s in ours] == [level_size(height, width, s) for s in theirs]


@pytest.mark.parametrize("size", SIZES)
def test_levels_have_the_packages_sizes(size):
    frame = np.zeros((1, *size, 3), np.float32)
    for scale in pyramid_scales(*size):
        shape = scale_images(frame, scale).shape
        assert level_size(*size, scale) == tuple(shape[1:3]) and min(shape[1:3]) >= fast_mtcnn.CELL


@pytest.mark.parametrize("size", SIZES)
def test_a_larger_least_size_leaves_levels_out_and_changes_none(size):
    whole = pyramid_scales(*size)
    for left_out, least in enumerate(FACE_SIZES):
        scales = pyramid_scales(*size, least)
        assert scales == whole[left_out:]
        # A face of the minimum size fills the window of the first level.
        assert not scales or fast_mtcnn.CELL / scales[0] == pytest.approx(least, abs=0.05)


def test_the_detector_offers_steps_of_the_pyramid():
    assert FACE_SIZES[: len(MIN_FACE_SIZES)] == MIN_FACE_SIZES and MIN_FACE_SIZES[0] == fast_mtcnn.MIN_FACE


def test_a_batch_gives_what_its_frames_give_alone(mtcnn, scene):
    frames = np.stack([cv2.resize(scene(seed), (150, 120), interpolation=cv2.INTER_AREA) for seed in range(12)])
    rows = mtcnn.detect(frames)
    assert len(rows) > 4 and len(set(rows[:, 0])) > 3
    for number in range(len(frames)):
        alone, here = mtcnn.detect(frames[number : number + 1]), rows[rows[:, 0] == number]
        assert len(alone) == len(here) and np.abs(alone[:, 1:] - here[:, 1:]).max(initial=0) < 1e-2


@pytest.mark.slow
@pytest.mark.parametrize("least", [20.0, 28.2])
def test_both_pyramids_give_the_same_faces(mtcnn, scene, monkeypatch, least):
    pytest.importorskip("numba")
    found = 0
    for seed in range(40):
        frame, rows = scene(seed)[None], {}
        for create in (numba_level, tensorflow_level):
            monkeypatch.setattr(fast_mtcnn, "create_level", create)
            rows[create] = mtcnn.detect(frame, least)
        ours, plain = rows.values()
        assert len(ours) == len(plain), f"scene {seed}"
        assert np.abs(ours - plain).max(initial=0) < 0.05, f"scene {seed}"
        found += len(ours)
    assert found > 20


def test_plain_tensorflow_serves_without_numba(mtcnn, portraits, monkeypatch):
    monkeypatch.setattr(fast_mtcnn, "create_level", tensorflow_level)
    (row,) = mtcnn.detect(portraits[0][None])
    assert row[0] == 0 and row[1:5] == pytest.approx((181.6, 63.7, 264.6, 171.1), abs=0.5) and 0.99 < row[5] <= 1


def test_nothing_to_find(mtcnn):
    assert mtcnn.detect(np.full((3, 90, 120, 3), 77, np.uint8)).shape == (0, 16)
    assert mtcnn.detect(np.full((1, 20, 20, 3), 77, np.uint8)).shape == (0, 16)
    assert mtcnn.detect_within(np.full((90, 120, 3), 77, np.uint8), (10, 10, 60, 70), (20, 40)).shape == (0, 16)


@pytest.mark.parametrize("flip", [False, True])
def test_boxes_end_at_the_border_of_the_frame(mtcnn, portraits, flip):
    frame = portraits[0][40:240, 200:400]  # its left border runs through the face
    (row,) = mtcnn.detect((frame[:, ::-1] if flip else frame)[None])
    assert row[3] == 199 and row[1] > 100 if flip else row[1] == 0 and row[3] < 100
    assert 0 < row[2] < row[4] < 199


def test_within_a_region_only_faces_of_its_sizes_are_found(mtcnn, portraits):
    frame = portraits[0]
    (whole,) = mtcnn.detect(frame[None])
    side = (whole[3:5] - whole[1:3]).max()
    (near,) = mtcnn.detect_within(frame, (100, 0, 340, 250), (0.5 * side, 1.6 * side))
    assert np.abs(near[1:5] - whole[1:5]).max() < 0.1 * side and np.abs(near[6:] - whole[6:]).max() < 0.1 * side
    assert len(mtcnn.detect_within(frame, (100, 0, 340, 250), (3 * side, 9 * side))) == 0
    assert len(mtcnn.detect_within(frame, (300, 250, 512, 512), (0.5 * side, 1.6 * side))) == 0
