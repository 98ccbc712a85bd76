"""The exported detector: the same faces as the one that extraction uses, without this project's code."""

import subprocess
import sys

import cv2
import numpy as np
import pytest
import tensorflow as tf
from skimage.data import astronaut

from faces import boxes, mtcnn_export
from faces.fast_mtcnn import FACE_SIZES, FastMtcnn


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("exported") / "mtcnn"
    mtcnn_export.export_detector(path)
    return path


@pytest.fixture(scope="module")
def served(folder):
    loaded = tf.saved_model.load(str(folder))
    signature = loaded.signatures["serving_default"]

    def detect(frames, skip_levels=0):
        found = signature(frames=tf.constant(frames), skip_levels=tf.constant(skip_levels))
        return {name: tensor.numpy() for name, tensor in found.items()}

    detect.loaded = loaded
    return detect


@pytest.fixture(scope="module")
def frames():
    """Three frames: the astronaut, mirrored and twice in one, and none."""
    photo = astronaut()
    twice = np.concatenate([photo[:, :256], photo[:, 100:356]], axis=1)
    return np.stack([np.fliplr(photo), twice, np.full_like(photo, 90)])


@pytest.mark.slow
@pytest.mark.parametrize("skip", [0, 1, 2])
def test_faces_are_those_of_extraction(served, frames, skip):
    rows = FastMtcnn().detect(frames, FACE_SIZES[skip])
    found = served(frames, skip)
    assert len(rows) >= 3 and len(found["score"]) == len(rows) and set(rows[:, 0]) == {0, 1}
    for row in rows:
        of_frame = found["frame"] == row[0]
        expected = np.concatenate([row[1:3], row[3:5] - row[1:3]])
        away = np.abs(found["box"][of_frame] - expected).max(axis=1)
        assert away.min() < 0.05
        face = np.flatnonzero(of_frame)[away.argmin()]
        assert np.abs(found["landmarks"][face] - row[6:].reshape(2, 5).T).max() < 0.2
        assert found["score"][face] == pytest.approx(row[5], abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(0, 64, 64), (2, 8, 8), (1, 12, 300), (1, 20, 20)])
def test_nothing_to_find(served, shape):
    found = served(np.zeros((*shape, 3), np.uint8))
    shapes = {name: value.shape for name, value in found.items()}
    assert shapes == {"frame": (0,), "box": (0, 4), "score": (0,), "landmarks": (0, 5, 2)}


@pytest.mark.slow
def test_it_needs_tensorflow_alone(folder, tmp_path):
    cv2.imwrite(str(tmp_path / "face.png"), astronaut()[..., ::-1])
    program = (
        "import sys, tensorflow as tf\n"
        "model = tf.saved_model.load(sys.argv[1]).signatures['serving_default']\n"
        "frame = tf.io.decode_png(tf.io.read_file(sys.argv[2]))[None]\n"
        "print('FACES', len(model(frames=frame, skip_levels=tf.constant(0))['score']))\n"
        "assert not [m for m in sys.modules if m.split('.')[0] in ('components', 'model', 'mtcnn')]\n"
    )
    line = [sys.executable, "-I", "-c", program, str(folder), str(tmp_path / "face.png")]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert "FACES 1" in done.stdout


@pytest.mark.parametrize("of_smaller", [False, True])
def test_suppression_is_that_of_numpy(of_smaller):
    rng = np.random.default_rng(3)
    corner = rng.uniform(0, 60, (200, 2))
    rows = np.column_stack([corner, corner + rng.uniform(5, 40, (200, 2)), rng.permutation(200) / 200])
    expected = boxes.suppress(np.column_stack([np.zeros(200), rows]), 0.4, of_smaller)[:, 1:]
    assert 5 < len(expected) < 150
    assert np.array_equal(mtcnn_export.suppress(tf.constant(rows), 0.4, of_smaller).numpy(), expected)
