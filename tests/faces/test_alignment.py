import cv2
import numpy as np
import pytest

from faces.alignment import CROP_MARGIN, CROP_SIZE, TEMPLATE, AlignmentError, align, encode, fit_crop, template


def _landmarks(scale, angle, centre):
    """Where landmarks lie whose similarity to the template has this scale (source to crop) and angle [degrees]."""
    a = np.radians(angle)
    turn = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]) / scale
    return (TEMPLATE - CROP_SIZE / 2) @ turn.T + centre


def _spots(shape, places, spread):
    """A black picture with a soft white spot at each place, exact to a fraction of a pixel."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    image = sum(np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * spread**2)) for px, py in places)
    return np.repeat((255 * image.clip(0, 1)).round().astype(np.uint8)[..., None], 3, axis=2)


def _found(crop, near, radius=13):
    """The centre of light around each place."""
    light = crop[..., 0].astype(float)
    y, x = np.mgrid[: light.shape[0], : light.shape[1]]
    centres = []
    for px, py in near:
        weight = light * ((x - px) ** 2 + (y - py) ** 2 < radius**2)
        centres.append((np.sum(weight * x) / weight.sum(), np.sum(weight * y) / weight.sum()))
    return np.array(centres)


# Below a scale of 0.5 the picture is shrunk by area first.
@pytest.mark.parametrize("scale", [2.0, 1.0, 0.7, 0.51, 0.49, 0.34, 0.26, 0.2])
@pytest.mark.parametrize("angle", [0, 25, -110])
def test_landmarks_come_to_lie_on_the_template(scale, angle):
    side = int(300 / scale)
    landmarks = _landmarks(scale, angle, (side * 0.52, side * 0.47))
    crop = align(_spots((side, side + 3), landmarks, 3.5 / scale), landmarks)
    assert crop.shape == (256, 256, 3) and crop.dtype == np.uint8
    assert np.abs(_found(crop, TEMPLATE) - TEMPLATE).max() < 0.12


@pytest.mark.parametrize("scale", [0.45, 0.3])
def test_shrinking_by_area_agrees_with_a_plain_warp_of_a_smooth_picture(scale):
    side = int(300 / scale)
    y, x = np.mgrid[:side, :side] * scale / 20
    image = np.stack([127 + 100 * np.sin(x), 127 + 100 * np.cos(y), 127 + 60 * np.sin(x + y)], axis=2)
    image = image.round().astype(np.uint8)
    landmarks = _landmarks(scale, 10, (side / 2, side / 2))
    warp = cv2.estimateAffinePartial2D(landmarks, TEMPLATE)[0]
    plain = cv2.warpAffine(image, warp, (CROP_SIZE, CROP_SIZE), flags=cv2.INTER_LINEAR).astype(int)
    # The picture changes by up to 5 levels a pixel: 1.5 levels are 0.3 of a pixel.
    assert np.abs(align(image, landmarks).astype(int) - plain)[8:-8, 8:-8].max() <= 1.5 + 1


def test_shrinking_does_not_skip_pixels():
    image = np.zeros((2000, 2000, 3), np.uint8)
    image[:, ::8] = 255  # thin lines: a bilinear warp that shrinks eightfold sees all of them, or none
    crop = align(image, _landmarks(0.125, 0, (1000, 1000)))
    assert abs(crop.mean() - 255 / 8) < 3 and crop.std() < 8


def test_least_squares_of_landmarks_that_do_not_fit():
    wrong = _landmarks(0.8, 5, (200, 200)) + np.random.default_rng(0).normal(0, 4, (5, 2))
    image = np.random.default_rng(1).integers(0, 255, (400, 400, 3), dtype=np.uint8)
    # Solve for a, b, tx, ty of the similarity by hand.
    rows, goal = [], TEMPLATE.ravel()
    for x, y in wrong:
        rows += [(x, -y, 1, 0), (y, x, 0, 1)]
    a, b, tx, ty = np.linalg.lstsq(np.array(rows), goal, rcond=None)[0]
    plain = cv2.warpAffine(image, np.array([[a, -b, tx], [b, a, ty]]), (256, 256), flags=cv2.INTER_LINEAR)
    assert np.abs(align(image, wrong).astype(int) - plain).mean() < 1


def test_outside_the_picture_is_black():
    image = np.full((100, 100, 3), 200, np.uint8)
    crop = align(image, _landmarks(1.0, 0, (0, 50)))
    assert crop[128, 60:110].max() == 0 and crop[128, 140:220].min() == 200


@pytest.mark.parametrize(
    "landmarks",
    [
        np.full((5, 2), 40.0),
        np.zeros((5, 2)),
        np.full((5, 2), np.nan),
        np.full((5, 2), np.inf),
        TEMPLATE + np.array([[np.nan, 0]] + [[0, 0]] * 4),
        TEMPLATE * 1e9,
        TEMPLATE * 1e-9,
    ],
)
def test_degenerate_landmarks(landmarks):
    with pytest.raises(AlignmentError):
        align(np.zeros((100, 100, 3), np.uint8), landmarks)


def _crops():
    """Noise, one colour, a soft gradient and sides that are no multiple of anything."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:256, :256]
    gradient = np.stack([x, y, (x + y) // 2], axis=2).astype(np.uint8)
    sizes = ((256, 256, 3), (37, 61, 3), (1, 1, 3))
    noise = [rng.integers(0, 256, shape, dtype=np.uint8) for shape in sizes]
    return [*noise, gradient, np.full((256, 256, 3), 77, np.uint8), align(gradient, TEMPLATE + 3.3)]


@pytest.mark.parametrize(("image_format", "begin"), [("png", b"\x89PNG"), ("webp", b"RIFF")])
def test_either_format_keeps_every_pixel(image_format, begin):
    for crop in _crops():
        encoded = encode(crop, image_format)
        assert encoded.startswith(begin) and (image_format == "png" or encoded[8:16] == b"WEBPVP8L")
        assert np.array_equal(cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)[..., ::-1], crop)
        assert encode(crop, image_format) == encoded, "the same crop gives the same bytes"


def test_the_template_is_its_own_at_margin_and_size_of_a_model():
    assert np.array_equal(template(), TEMPLATE) and template().shape == (5, 2)


@pytest.mark.parametrize("margin", [0.8, 1.0, CROP_MARGIN, 2.6])
@pytest.mark.parametrize("size", [64, 112, 256, 300])
def test_margin_and_size_of_a_crop(margin, size):
    shrink = size / 256 * 1.3 / margin  # of the face, against the crop that models take
    placed = template(margin, size)
    assert placed - size / 2 == pytest.approx((TEMPLATE - 128) * shrink)
    landmarks = _landmarks(0.7, 10, (180, 180))
    image = _spots((360, 370), landmarks, 5)
    crop = align(image, landmarks, margin, size)
    assert crop.shape == (size, size, 3) and crop.dtype == np.uint8
    assert (margin, size) != (CROP_MARGIN, CROP_SIZE) or np.array_equal(crop, align(image, landmarks))
    inside = placed[((placed > 0.1 * size) & (placed < 0.9 * size)).all(axis=1)]  # a small margin cuts the mouth off
    assert len(inside) >= 3
    assert np.abs(_found(crop, inside, max(13 * shrink, 2)) - inside).max() < 0.2


def test_a_larger_margin_shows_more_and_a_larger_size_the_same_with_more_pixels():
    rng = np.random.default_rng(0)
    image = cv2.resize(rng.integers(0, 255, (12, 12, 3), dtype=np.uint8), (600, 600), interpolation=cv2.INTER_CUBIC)
    landmarks = _landmarks(0.6, 0, (300, 300))
    small, large, wide = align(image, landmarks), align(image, landmarks, size=512), align(image, landmarks, margin=2.6)
    shrunk = cv2.resize(large, (256, 256), interpolation=cv2.INTER_AREA).astype(int)
    assert np.abs(shrunk - small)[4:-4, 4:-4].mean() < 3
    middle = cv2.resize(wide[64:192, 64:192], (256, 256), interpolation=cv2.INTER_LINEAR).astype(int)
    assert np.abs(middle - small)[4:-4, 4:-4].mean() < 3
    assert np.abs(wide.astype(int) - small).mean() > 20


def test_fit_crop():
    rng = np.random.default_rng(0)
    exact = rng.integers(0, 255, (256, 256, 3), dtype=np.uint8)
    assert np.array_equal(fit_crop(exact), exact)
    large = rng.integers(0, 255, (512, 512, 3), dtype=np.uint8)
    means = large.reshape(256, 2, 256, 2, 3).mean(axis=(1, 3))
    assert np.abs(fit_crop(large) - means).max() <= 1
    for shape in ((100, 90), (1, 1), (300, 200)):
        assert fit_crop(np.full((*shape, 3), 77, np.uint8)).tolist() == np.full((256, 256, 3), 77).tolist()


@pytest.mark.parametrize("size", [64, 300])
def test_fit_crop_to_another_size(size):
    exact = np.random.default_rng(0).integers(0, 255, (size, size, 3), dtype=np.uint8)
    assert np.array_equal(fit_crop(exact, size), exact)
    for shape in ((size // 2, size), (2 * size, 3 * size), (7, 7)):
        assert fit_crop(np.full((*shape, 3), 77, np.uint8), size).tolist() == np.full((size, size, 3), 77).tolist()


@pytest.mark.parametrize("margin, lift", [(0.8, 0.12), (1.3, -0.1)])
def test_a_lifted_face_stands_higher_by_that_share_of_the_side(margin, lift):
    rng = np.random.default_rng(2)
    image = cv2.GaussianBlur(rng.integers(0, 256, (900, 900, 3), dtype=np.uint8), (0, 0), 3)
    landmarks = _landmarks(1.1, 12, (450, 440))
    plain, lifted = align(image, landmarks, margin, 200), align(image, landmarks, margin, 200, lift)
    rows = round(lift * 200)  # whole pixels, so that both crops sample the same points
    above, below = (plain, lifted) if rows > 0 else (lifted, plain)
    difference = above[abs(rows) :].astype(int) - below[: 200 - abs(rows)]
    assert np.abs(difference).max() <= 1
    assert template(margin, 200) - template(margin, 200, lift) == pytest.approx(np.array([[0, lift * 200]] * 5))
