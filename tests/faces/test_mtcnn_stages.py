import numpy as np
import pytest
import tensorflow as tf

from faces.mtcnn_stages import MtcnnStages


@pytest.fixture(scope="module")
def stages():
    return MtcnnStages()


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 3, 4, 5, 15, 16, 17, 33])
def test_chunks_do_not_show(stages, portraits, count):
    """Every box gives what it gives alone, however many fill the last chunk."""
    rng = np.random.default_rng(count)
    frames = np.stack([portraits[0], portraits[1][:512]])
    corner, side = rng.uniform(-30, 400, (count, 2)), rng.uniform(15, 200, (count, 1))
    boxes, frame = np.hstack([corner, corner + side]).astype(np.float32), rng.integers(0, 2, count).astype(np.int32)
    share = boxes / np.float32(512)
    for run, network, size in ((stages.refine, stages.rnet, 24), (stages.output, stages.onet, 48)):
        crops = tf.image.crop_and_resize(frames, share, frame, [size, size], extrapolation_value=127.5)
        for got, expected in zip(run(frames, boxes, frame), network((crops - 127.5) / 128), strict=True):
            assert got.shape == expected.shape and np.abs(got - expected).max() < 1e-4
