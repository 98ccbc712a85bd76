"""From TFRecords to batches. The training stream is a pure function of the step, so that a run resumes exactly."""

import tensorflow as tf

from model import examples
from model.losses import FAKE, REAL
from model.recipes import CROP_SIZE


def training_batches(index, recipe, start_step=0):
    """Batches for steps `start_step` to `recipe.steps`, each exactly half real and half fake.

    Reals and fakes alternate within a batch, so that replicas, which get contiguous rows, are balanced too. Each class
    is visited in an order shuffled anew in every pass.

    Args:
        index: a `RecordIndex` with both classes.
        recipe: its batch_size, steps, seed and augmentation matter here.
        start_step: where a resumed run goes on.

    Returns:
        A `tf.data.Dataset` of (crops uint8 [batch, 256, 256, 3], labels int64 [batch]) with a known number of batches.

    Raises:
        ExamplesError: a class is empty.
    """
    by_class = []
    for label, name in ((REAL, "real"), (FAKE, "fake")):
        positions = (index.label == label).nonzero()[0]
        if not len(positions):
            raise examples.ExamplesError(f"{index.files[0]} and its like: no {name} face to train on")
        by_class.append(tf.constant(positions, tf.int64))

    def draw(position):
        """Which record stands at this place of the endless stream of rows."""
        label, turn = position % 2, position // 2
        return tf.where(label == REAL, _shuffled(by_class[REAL], turn, recipe.seed, REAL),
                        _shuffled(by_class[FAKE], turn, recipe.seed, FAKE))  # fmt: skip

    def load(position):
        record = tf.numpy_function(index.read, [draw(position)], tf.string, stateful=False)
        example = examples.parse(tf.ensure_shape(record, []))
        crop = load_crop(example["image/encoded"])
        return augment(crop, recipe.augmentation, tf.stack([recipe.seed, position])), example["label"]

    rows = tf.data.Dataset.range(start_step * recipe.batch_size, recipe.steps * recipe.batch_size)
    rows = rows.map(load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return rows.batch(recipe.batch_size, drop_remainder=True).prefetch(tf.data.AUTOTUNE)


def _shuffled(positions, turn, seed, label):
    count = tf.size(positions, tf.int64)
    key = tf.stack([tf.constant(2 * seed + label, tf.int64), turn // count])
    return tf.gather(positions, tf.random.experimental.index_shuffle(turn % count, key, count - 1))


def load_crop(encoded):
    """Decode an encoded image to a crop, uint8 [256, 256, 3]; another size is resized, bilinear with antialiasing."""
    image = examples.decode_image(encoded)
    shape = tf.shape(image)
    fits = tf.reduce_all(shape[:2] == CROP_SIZE)
    crop = tf.cond(fits, lambda: image, lambda: resize_to_crop(image))
    return tf.ensure_shape(crop, [CROP_SIZE, CROP_SIZE, 3])


def resize_to_crop(image):
    """Resize a uint8 image [height, width, 3] to [256, 256, 3]."""
    resized = tf.image.resize(image, (CROP_SIZE, CROP_SIZE), antialias=True)
    return tf.saturate_cast(tf.round(resized), tf.uint8)


def augment(crop, preset, seed):
    """Apply a preset to a uint8 crop: "off", or "flip", a mirror image in half of the cases; `seed` is int [2]."""
    if preset == "flip":
        crop = tf.image.stateless_random_flip_left_right(crop, seed)
    return crop


def evaluation_batches(files, batch_size=32):
    """Every example of the files once, in order.

    Returns:
        A `tf.data.Dataset` of dicts: `examples.SCHEMA`'s keys but for the encoded image, and `crop` uint8
        [n, 256, 256, 3]; the last batch may be smaller.
    """

    def load(serialized):
        example = examples.parse(serialized)
        example["crop"] = load_crop(example.pop("image/encoded"))
        return example

    records = tf.data.TFRecordDataset(files, buffer_size=1 << 20)
    return records.map(load, num_parallel_calls=tf.data.AUTOTUNE).batch(batch_size).prefetch(2)
