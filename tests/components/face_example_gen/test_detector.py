import numpy as np
import pytest
from skimage.data import astronaut

from components.face_example_gen.detector import LANDMARKS, MtcnnDetector


@pytest.fixture(scope="module")
def detector():
    return MtcnnDetector()


def test_the_astronaut(detector):
    image = astronaut()
    before = image.copy()
    (found,) = detector.detect(image)
    assert np.array_equal(image, before)
    # Measured by eye on the photograph: left eye, right eye, nose tip, mouth corners.
    eye = np.array([(203, 101), (246, 103), (224, 127), (203, 140), (246, 140)])
    assert found.landmarks.shape == (len(LANDMARKS), 2) and np.abs(found.landmarks - eye).max() < 8
    x, y, width, height = found.box
    assert found.box.shape == (4,) and 160 < x < 200 and 45 < y < 85 and 65 < width < 105 and 85 < height < 130
    assert 0.9 < found.score <= 1 and isinstance(found.score, float)


def test_boxes_move_with_the_face(detector):
    image, moved = astronaut(), np.array([64, 0])
    (here,) = detector.detect(image[:256, 64:320].copy())
    (there,) = detector.detect(image)
    assert np.abs(here.box[:2] + moved - there.box[:2]).max() < 12
    assert np.abs(here.landmarks + moved - there.landmarks).max() < 8


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (11, 400), (12, 12), (19, 300), (20, 20), (40, 21), (64, 64)])
def test_small_pictures_hold_no_face(detector, size):
    assert detector.detect(astronaut()[: size[0], : size[1]].copy()) == []


def test_nothing_in_a_plain_picture(detector):
    assert detector.detect(np.full((120, 160, 3), 90, np.uint8)) == []
