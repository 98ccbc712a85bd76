"""From TFRecords to batches. The training stream is a pure function of the step, so that a run resumes exactly."""

from typing import NamedTuple

import tensorflow as tf

from artifacts import face_examples
from model.augmentation import create_augmentation
from model.losses import FAKE, REAL
from model.recipes import CROP_SIZE


def training_batches(index, recipe, start_step=0):
    """Batches for steps `start_step` to `recipe.steps`, each exactly half real and half fake.

    Reals and fakes alternate within a batch, so that replicas, which get contiguous rows, are balanced too.

    Args:
        index: a `RecordIndex` with both classes.
        recipe: its batch_size, steps, seed, pairing and augmentation matter here.
        start_step: where a resumed run goes on.

    Returns:
        A `tf.data.Dataset` of (crops uint8 [batch, 256, 256, 3], labels int64 [batch]) with a known number of batches.

    Raises:
        ExamplesError: a class is empty.
    """
    partners = _partners(index)
    if recipe.pairing and partners.flat:
        draw = _paired_order(index, recipe.seed, partners)
    else:
        draw = _order(index, recipe.seed)

    augment = create_augmentation(recipe.augmentation)

    def load(position):
        record = tf.numpy_function(index.read, [draw(position // 2, position % 2)], tf.string, stateful=False)
        example = face_examples.parse(tf.ensure_shape(record, []))
        crop = load_crop(example["image/encoded"])
        return augment(crop, tf.stack([recipe.seed, position])), example["label"]

    rows = tf.data.Dataset.range(start_step * recipe.batch_size, recipe.steps * recipe.batch_size)
    rows = rows.map(load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return rows.batch(recipe.batch_size, drop_remainder=True).prefetch(tf.data.AUTOTUNE)


def _order(index, seed, salt=0):
    """Which record is the `turn`-th real or fake: each class in an order shuffled anew in every pass.

    Returns:
        A function of turn and label, int64 scalars, that gives a position in `index`.
    """
    by_class = []
    for label, name in ((REAL, "real"), (FAKE, "fake")):
        positions = (index.label == label).nonzero()[0]
        if not len(positions):
            raise face_examples.ExamplesError(f"{index.files[0]} and its like: no {name} face to train on")
        by_class.append(tf.constant(positions, tf.int64))

    def shuffled(turn, label):
        positions = by_class[label]
        count = tf.size(positions, tf.int64)
        key = tf.stack([tf.constant(2 * seed + label, tf.int64), (turn // count) ^ (salt << 60)])
        return tf.gather(positions, tf.random.experimental.index_shuffle(turn % count, key, count - 1))

    return lambda turn, label: tf.where(label == REAL, shuffled(turn, REAL), shuffled(turn, FAKE))


def _paired_order(index, seed, partners):
    """Like `_order`, but the real and the fake of one turn are of the same identity wherever there is such a pair.

    A fake beside its original differs in little but the manipulation. In even turns the real is the next in its class's
    order and the fake is drawn from the same identity, in odd turns the other way round, so that both classes are
    visited whole. For who has no partner one comes from another order of the other class.
    """
    leaders, others = _order(index, seed), _order(index, seed, salt=1)
    first, count, flat = (tf.constant(x, tf.int64) for x in partners)

    def draw(turn, label):
        leading = turn % 2
        leader = leaders(turn // 2, leading)
        # uniform over all of int64, so that the remainder is fair enough
        number = tf.random.stateless_uniform([], tf.stack([seed, turn]), None, None, tf.int64)
        chosen = tf.gather(first, leader) + number % tf.maximum(tf.gather(count, leader), 1)
        partner = tf.cond(
            tf.gather(count, leader) > 0, lambda: tf.gather(flat, chosen), lambda: others(turn // 2, 1 - leading)
        )
        return tf.where(label == leading, leader, partner)

    return draw


class _Partners(NamedTuple):
    """Of each record the records of the other class and the same identity: `flat[first:first + count]`."""

    first: list
    count: list
    flat: list


def _partners(index):
    members = {}
    for position, (identity, label) in enumerate(zip(index.identity, index.label, strict=True)):
        if identity:
            members.setdefault((identity, label), []).append(position)
    flat, where = [], {}
    for (identity, label), positions in members.items():
        if (identity, 1 - label) in members:
            where[identity, label] = (len(flat), len(positions))
            flat += positions
    spans = [where.get((name, 1 - label), (0, 0)) for name, label in zip(index.identity, index.label, strict=True)]
    first, count = zip(*spans, strict=True)
    return _Partners(first, count, flat)


def load_crop(encoded, decode=face_examples.decode_image):
    """Decode an encoded image to a crop, uint8 [256, 256, 3]; another size is resized, bilinear with antialiasing."""
    image = decode(encoded)
    shape = tf.shape(image)
    fits = tf.reduce_all(shape[:2] == CROP_SIZE)
    crop = tf.cond(fits, lambda: image, lambda: resize_to_crop(image))
    return tf.ensure_shape(crop, [CROP_SIZE, CROP_SIZE, 3])


def resize_to_crop(image):
    """Resize a uint8 image [height, width, 3] to [256, 256, 3]."""
    resized = tf.image.resize(image, (CROP_SIZE, CROP_SIZE), antialias=True)
    return tf.saturate_cast(tf.round(resized), tf.uint8)


def evaluation_batches(files, batch_size=32):
    """Every example of the files once, in order.

    Returns:
        A `tf.data.Dataset` of dicts: `face_examples.SCHEMA`'s keys but for the encoded image, `crop` uint8 [n, 256, 256, 3],
        and `record/size` int32 [n], the bytes that each takes in its file; the last batch may be smaller.
    """

    def load(serialized):
        example = face_examples.parse(serialized)
        example["crop"] = load_crop(example.pop("image/encoded"))
        example["record/size"] = tf.strings.length(serialized) + face_examples.FRAMING
        return example

    records = tf.data.TFRecordDataset(files, buffer_size=1 << 20)
    batches = records.map(load, num_parallel_calls=tf.data.AUTOTUNE).batch(batch_size)
    if tf.config.get_visible_devices("GPU"):
        return batches.prefetch(2)
    # On a CPU the network has all cores busy: one that decodes meanwhile keeps the others waiting in each convolution. So
    # nothing is prefetched, by tf.data's own optimisations neither, and the cores decode together between two passes.
    options = tf.data.Options()
    options.experimental_optimization.apply_default_optimizations = False
    return batches.with_options(options)
