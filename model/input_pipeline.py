"""From TFRecords to batches. The training stream is a pure function of the step, so that a run resumes exactly."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import tensorflow as tf

from artifacts import crop_decoding, face_examples
from artifacts.crop_size import CROP_SIZE
from model.augmentation import create_augmentation
from model.batch_order import batch_order
from model.losses import FAKE
from model.recipes import Recipe
from model.record_index import RecordIndex
from model.warped_faces import warp_face


def training_batches(index: RecordIndex, recipe: Recipe, start_step: int = 0) -> tf.data.Dataset:
    """Return the batches for steps `start_step` to `recipe.steps`, each exactly half real and half fake.

    Reals and fakes alternate within a batch, so that the contiguous rows each replica gets are balanced too.

    Args:
        index: of the training examples.
        recipe: its batch_size, steps, seed, pairing and augmentation matter here.
        start_step: the step at which a resumed run goes on.

    Returns:
        A `tf.data.Dataset` of (crops uint8 [batch, 256, 256, 3], labels int64 [batch]) with a known number of batches.

    Raises:
        InputError: a class is empty.
    """
    warped = recipe.fakes == "warped_reals"
    choose = batch_order(index, recipe.seed, recipe.pairing, recipe.batch_size, of_reals=warped)
    augment = create_augmentation(recipe.augmentation)

    def rows_of(step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Number the rows of a batch over the whole training, and say which example each holds."""
        return step * recipe.batch_size + tf.range(recipe.batch_size, dtype=tf.int64), choose(step)

    def load(row: tf.Tensor, position: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        example = face_examples.parse(_read(index, position))
        crop, label, seed = load_crop(example["image/encoded"]), example["label"], tf.stack([recipe.seed, row])
        if warped:  # reals alone, of which every second one becomes a fake
            label = row % 2
            crop = tf.cond(label == FAKE, lambda: warp_face(crop, seed), lambda: tf.identity(crop))
        return augment(crop, seed), label

    rows = tf.data.Dataset.range(start_step, recipe.steps).map(rows_of).unbatch()
    faces = rows.map(load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return faces.batch(recipe.batch_size, drop_remainder=True).prefetch(tf.data.AUTOTUNE)


def _read(index: RecordIndex, position: tf.Tensor) -> tf.Tensor:
    """Read the serialized example at `position`, as an operation of the graph.

    This calls back into Python: TensorFlow has no operation that reads a range of bytes, its record readers go through
    files from start to end, and a shuffle buffer over them could neither mix all examples nor start in the middle of a
    run. The call costs little: while the file is read, Python's lock is free for the pipeline's other threads.
    """
    record = tf.numpy_function(index.read, [position], tf.string, stateful=False)
    return tf.ensure_shape(record, [])


def crops_at(index: RecordIndex, positions: np.ndarray, batch_size: int = 32) -> Iterator[np.ndarray]:
    """Yield the crops of some examples, not augmented, uint8 [batch, 256, 256, 3]; the last batch may be smaller.

    Args:
        index: of the examples.
        positions: of those to read, int64 [n].
        batch_size: crops per batch.
    """

    def load(position: tf.Tensor) -> tf.Tensor:
        return load_crop(face_examples.parse(_read(index, position))["image/encoded"])

    crops = tf.data.Dataset.from_tensor_slices(positions).map(load, num_parallel_calls=tf.data.AUTOTUNE)
    yield from crops.batch(batch_size).as_numpy_iterator()


def evaluation_batches(files: Sequence[str], batch_size: int = 32) -> tf.data.Dataset:
    """Return every example of the files once, in order.

    Returns:
        A `tf.data.Dataset` of dicts: `face_examples.SCHEMA`'s keys without the encoded image; `crop` uint8 [n, 256,
        256, 3]; and `record/size` int32 [n], the bytes that each record takes in its file. The last batch may be
        smaller.
    """

    def load(serialized: tf.Tensor) -> dict[str, tf.Tensor]:
        example = face_examples.parse(serialized)
        example["crop"] = load_crop(example.pop("image/encoded"))
        example["record/size"] = tf.strings.length(serialized) + face_examples.FRAMING
        return example

    records = tf.data.TFRecordDataset(files, buffer_size=1 << 20)
    batches = records.map(load, num_parallel_calls=tf.data.AUTOTUNE).batch(batch_size)
    if tf.config.get_visible_devices("GPU"):
        return batches.prefetch(2)
    # On a CPU the network keeps all cores busy, and a core that decodes meanwhile delays the others in every
    # convolution. So nothing is prefetched, not even by tf.data's own optimisations: all cores decode together between
    # two passes.
    options = tf.data.Options()
    options.experimental_optimization.apply_default_optimizations = False
    return batches.with_options(options)


def load_crop(
    encoded: tf.Tensor | bytes, decode: Callable[[tf.Tensor | bytes], tf.Tensor] = crop_decoding.decode_image
) -> tf.Tensor:
    """Decode an encoded image and resize it to a crop unless it has that size.

    Args:
        encoded: string scalar.
        decode: an encoded image to uint8 [height, width, 3].

    Returns:
        uint8 [256, 256, 3].
    """
    return crop_decoding.fit_crop(decode(encoded), CROP_SIZE)
