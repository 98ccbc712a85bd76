"""Crops are decoded in a graph to the pixels that extraction sees, or refused with a reason."""

import cv2
import numpy as np
import pytest
import tensorflow as tf

from artifacts import crop_decoding
from faces.still import Still
from tests.fixtures import pictures

IMAGE = pictures.scene(61, 83)
TAKEN, WEBPS, REFUSED = pictures.taken(IMAGE), pictures.webps(IMAGE), pictures.refused(IMAGE)


@pytest.fixture(scope="module")
def decode_common():
    return tf.function(crop_decoding.decode_common, input_signature=[tf.TensorSpec([], tf.string)])


@pytest.fixture(scope="module")
def decode_image():
    return tf.function(crop_decoding.decode_image, input_signature=[tf.TensorSpec([], tf.string)])


@pytest.fixture
def extracted(tmp_path):
    """extracted(encoded) -> what extraction sees of a picture."""

    def extracted(encoded):
        (tmp_path / "picture").write_bytes(encoded)
        return next(Still(str(tmp_path / "picture")).pictures()).image

    return extracted


@pytest.mark.parametrize("kind", TAKEN | WEBPS)
def test_the_pixels_are_those_of_extraction(kind, extracted, decode_common, decode_image):
    encoded = (TAKEN | WEBPS)[kind]
    expected = extracted(encoded)
    assert expected.dtype == np.uint8 and expected.shape[2] == 3
    assert np.array_equal(decode_image(tf.constant(encoded)), expected)
    if kind in TAKEN:
        assert np.array_equal(decode_common(tf.constant(encoded)), expected)


def test_lossless_pictures_are_the_pixels_that_were_stored(decode_image):
    """Against what the pictures were made of, not against another decoder."""
    height, width = IMAGE.shape[:2]
    grey = np.repeat(IMAGE[..., :1], 3, axis=2)
    few = np.asarray(pictures.Image.fromarray(IMAGE).quantize(200).convert("RGB"))
    expected = dict.fromkeys(("PNG", "PNG with alpha", "PNG with gamma", "APNG", "APNG, hidden picture", "BMP"), IMAGE)
    expected |= dict.fromkeys(("PNG grey", "PNG grey with alpha", "BMP grey"), grey)
    expected |= dict.fromkeys(("PNG with a palette", "BMP with a palette", "GIF", "GIF, animated"), few)
    expected |= {"BMP of 32 bits": IMAGE, "BMP with masks": IMAGE[..., ::-1], "WebP": IMAGE}
    expected |= {"PNG, turned 2": IMAGE[:, ::-1], "PNG, turned 5": IMAGE.transpose(1, 0, 2)}
    expected["PNG, turned 6"] = np.rot90(IMAGE, -1)
    for kind, image in expected.items():
        assert np.array_equal(decode_image(tf.constant((TAKEN | WEBPS)[kind])), image), kind
    assert decode_image(tf.constant(TAKEN["JPEG, turned 8"])).shape == (width, height, 3)


@pytest.mark.parametrize("kind", [kind for kind in REFUSED if kind != "WebP"])
def test_what_is_refused_is_named(kind, decode_common, decode_image):
    encoded, why = REFUSED[kind]
    for decode in (decode_common, decode_image):
        with pytest.raises(tf.errors.InvalidArgumentError, match=why):
            decode(tf.constant(encoded))
    assert any(reason.startswith(why) for reason in crop_decoding.REFUSED)


@pytest.mark.parametrize("kind", ["JPEG 4:2:0 50", "JPEG 411", "PNG", "BMP", "BMP with a palette", "GIF", "WebP"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
def test_a_cut_file_is_an_error_everywhere(kind, share, extracted, decode_image):
    encoded = (TAKEN | WEBPS)[kind]
    cut = encoded[: int(share * len(encoded))]
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode_image(tf.constant(cut))
    with pytest.raises(Exception, match="cannot be read as a picture"):
        extracted(cut)


@pytest.mark.parametrize("data", [b"", b"no picture", b"RIFF....WEBP and no more", b"BM", b"GIF8", b"\xff\xd8\xff"])
def test_what_is_no_picture_is_an_error(data):
    with pytest.raises(tf.errors.InvalidArgumentError):
        crop_decoding.decode_image(data)


def test_the_common_decoder_uses_common_operations(decode_common, decode_image):
    """A served model must load where TensorFlow is older and has no operation for WebP."""

    def operations(decode):
        graph = decode.get_concrete_function().graph.as_graph_def()
        return {node.op for nodes in (graph.node, *(f.node_def for f in graph.library.function)) for node in nodes}

    assert "DecodePng" in operations(decode_common)
    assert "DecodeWebP" not in operations(decode_common)
    assert "DecodeWebP" in operations(decode_image)


@pytest.mark.slow
def test_formats_may_be_mixed_in_one_data_set():
    """In a graph, which does not know what comes."""
    kinds = ("PNG", "WebP", "BMP", "APNG")
    dataset = tf.data.Dataset.from_tensor_slices([(TAKEN | WEBPS)[kind] for kind in kinds])
    dataset = dataset.map(crop_decoding.decode_image)
    assert dataset.element_spec.shape.as_list() == [None, None, 3]
    assert all(np.array_equal(image, IMAGE) for image in dataset.as_numpy_iterator())


@pytest.mark.parametrize("shape", [(512, 512), (300, 411), (768, 512)])
def test_a_crop_shrinks_by_area_means(shape):
    large = np.random.default_rng(1).integers(0, 256, (*shape, 3)).astype(np.uint8)
    expected = cv2.resize(large.astype(np.float64), (256, 256), interpolation=cv2.INTER_AREA)
    assert np.abs(crop_decoding.fit_crop(large, 256).numpy() - expected).max() <= 0.501


@pytest.mark.parametrize("shape", [(224, 224), (100, 90), (1, 1)])
def test_a_crop_grows_bilinearly(shape):
    small = np.random.default_rng(1).integers(0, 256, (*shape, 3)).astype(np.uint8)
    expected = cv2.resize(small.astype(np.float64), (256, 256), interpolation=cv2.INTER_LINEAR)
    assert np.abs(crop_decoding.fit_crop(small, 256).numpy() - expected).max() <= 0.51


def test_a_crop_of_the_right_size_stays():
    image = np.random.default_rng(1).integers(0, 256, (128, 128, 3)).astype(np.uint8)
    assert np.array_equal(crop_decoding.fit_crop(image, 128), image)


def test_graphs_share_one_trace():
    """To trace all branches takes a second, and a training has a dozen graphs that decode."""
    one, other = (tf.function(crop_decoding.decode_image).get_concrete_function(tf.TensorSpec([], tf.string)).graph
                  for _ in range(2))  # fmt: skip
    for graph in (one, other):
        assert any("PartitionedCall" in operation.type for operation in graph.get_operations())
        assert len(graph.get_operations()) < 10
    assert crop_decoding.decode_image.experimental_get_tracing_count() == 1


def test_why_a_damaged_picture_is_refused():
    with pytest.raises(tf.errors.InvalidArgumentError) as raised:
        crop_decoding.decode_image(cv2.imencode(".png", IMAGE)[1].tobytes()[:60])
    assert crop_decoding.why_refused(raised.value) == "is damaged and cannot be decoded"
    with pytest.raises(tf.errors.InvalidArgumentError) as raised:
        crop_decoding.decode_image(b"no picture")
    assert crop_decoding.why_refused(raised.value) == crop_decoding.OTHER
