"""MTCNN's three stages as functions of tensors: pixels and boxes in, scores and offsets out.

What happens to boxes between the stages is left to the caller: `fast_mtcnn` does it in NumPy, `mtcnn_export` in a
graph.
"""

from collections.abc import Callable, Sequence

import tensorflow as tf

from faces.area_pyramid import GREY
from faces.mtcnn_networks import ONet, PNet, RNet

THRESHOLDS = (0.6, 0.7, 0.8)  # minimum scores of boxes after P-Net, R-Net and O-Net
R_CHUNK, O_CHUNK = 16, 1  # crops at a time: the convolutions are set up for one size

LEVEL = tf.TensorSpec([None, None, None, 3], tf.float32, name="level")
FRAMES = tf.TensorSpec([None, None, None, 3], tf.uint8, name="frames")
BOXES = tf.TensorSpec([None, 4], tf.float32, name="boxes")
NUMBERS = tf.TensorSpec([None], tf.int32, name="numbers")


class MtcnnStages:
    """The three networks, applied to levels of the pyramid and to boxes of frames."""

    def __init__(self) -> None:
        self.pnet, self.rnet, self.onet = PNet(), RNet(), ONet()

    def propose(self, level: tf.Tensor) -> Sequence[tf.Tensor]:
        """P-Net on one level of the pyramid.

        Args:
            level: normalised float32 [n, height, width, 3].

        Returns:
            places int64 [k, 3] (frame, row, column), scores float32 [k], offsets float32 [k, 4].
        """
        return self.pnet(level, THRESHOLDS[0])

    def refine(self, frames: tf.Tensor, boxes: tf.Tensor, numbers: tf.Tensor) -> Sequence[tf.Tensor]:
        """R-Net on boxes.

        Args:
            frames: RGB uint8 [n, height, width, 3].
            boxes: y1, x1, y2, x2 in pixels, float32 [k, 4].
            numbers: which frame each box lies in, int32 [k].

        Returns:
            scores float32 [k], offsets float32 [k, 4].
        """
        return _in_chunks(self.rnet, frames, boxes, numbers, 24, R_CHUNK)

    def output(self, frames: tf.Tensor, boxes: tf.Tensor, numbers: tf.Tensor) -> Sequence[tf.Tensor]:
        """O-Net on boxes; its arguments are those of `refine`.

        Returns:
            scores float32 [k], offsets float32 [k, 4], landmarks float32 [k, 10] (x's, then y's, in shares of the box).
        """
        return _in_chunks(self.onet, frames, boxes, numbers, 48, O_CHUNK)


def _in_chunks(
    network: Callable[[tf.Tensor], Sequence[tf.Tensor]],
    frames: tf.Tensor,
    boxes: tf.Tensor,
    numbers: tf.Tensor,
    size: int,
    chunk: int,
) -> list[tf.Tensor]:
    """Run a network on the boxes' pixels, `chunk` boxes at a time; the last chunk is filled up with empty boxes.

    Pixels are resized to `size` x `size` and normalised; beyond the frame there is grey.
    """
    height, width = tf.unstack(tf.cast(tf.shape(frames)[1:3], tf.float32))
    boxes = boxes / tf.stack([height, width, height, width])
    count = tf.shape(boxes)[0]
    chunks = (count + chunk - 1) // chunk
    boxes = tf.reshape(tf.pad(boxes, [[0, chunks * chunk - count], [0, 0]]), [chunks, chunk, 4])
    numbers = tf.reshape(tf.pad(numbers, [[0, chunks * chunk - count]]), [chunks, chunk])

    def run(part: tuple[tf.Tensor, tf.Tensor]) -> Sequence[tf.Tensor]:
        crops = tf.image.crop_and_resize(frames, *part, [size, size], extrapolation_value=GREY)
        return network((tf.ensure_shape(crops, [chunk, size, size, 3]) - GREY) / 128.0)

    shapes = tf.nest.map_structure(lambda x: tf.TensorSpec(x.shape, x.dtype), network(tf.zeros([chunk, size, size, 3])))
    outputs = tf.map_fn(run, (boxes, numbers), fn_output_signature=shapes)
    return [tf.reshape(x, [chunks * chunk, *s.shape[1:]])[:count] for x, s in zip(outputs, shapes, strict=True)]
