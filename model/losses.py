"""The three terms of the Multi-metric Loss (paper, section 3.1) as pure functions of tensors.

Every function is written in `keras.ops`, returns a scalar, and stays finite, with finite gradients, when a batch holds
no real sample, no fake one, or identical embeddings. Labels are 0 for real and 1 for fake.
"""

from keras import ops

REAL = 0
FAKE = 1


def triplet_masks(labels):
    """Tell which pairs are (anchor, positive) and which are (anchor, negative).

    Args:
        labels: integer tensor [n].

    Returns:
        Two boolean tensors [n, n]: same label and not the same sample; other label.
    """
    same = ops.equal(labels[:, None], labels[None, :])
    itself = ops.cast(ops.eye(ops.shape(labels)[0]), "bool")
    return ops.logical_and(same, ops.logical_not(itself)), ops.logical_not(same)


def triplet_loss(similarity, labels, margin=1.0, mining="all", reduction="active", negative_similarity=None):
    """Triplet Loss on similarities, [S_an - S_ap + margin]_+ (Eq. 2), over the triplets of a batch.

    Args:
        similarity: dot products of the embeddings, float [n, n].
        labels: integer tensor [n].
        margin: the metric margin κ.
        mining: "all" valid triplets; "hard": for each anchor its least similar positive with its most similar negative;
            "semi_hard": for each positive pair the negative closest below it, or the farthest one if none is below.
        reduction: "active": the mean over the triplets with a loss above zero; "all": the mean over all of them.
        negative_similarity: float [n, n, n], S_an of the triplet (anchor, positive, negative) where the negative depends
            on the positive, as the expander's synthetic ones do. By default `similarity` serves.

    Returns:
        (loss, share of the triplets that are active), two float scalars. Both are 0 where there is no triplet.

    Raises:
        ValueError: for an unknown `mining` or `reduction`.
    """
    positive, negative = triplet_masks(labels)
    if negative_similarity is None:
        negative_similarity = ops.broadcast_to(similarity[:, None, :], ops.shape(similarity)[:1] * 3)
    if mining == "all":
        valid = ops.logical_and(positive[:, :, None], negative[:, None, :])
        losses = ops.relu(negative_similarity - similarity[:, :, None] + margin)
    elif mining == "hard":
        valid, losses = _hard_triplets(similarity, negative_similarity, positive, negative, margin)
    elif mining == "semi_hard":
        valid, losses = _semi_hard_triplets(similarity, negative_similarity, positive, negative, margin)
    else:
        raise ValueError(f"mining must be 'all', 'hard' or 'semi_hard'. Received: mining={mining!r}")
    if reduction not in ("active", "all"):
        raise ValueError(f"reduction must be 'active' or 'all'. Received: reduction={reduction!r}")

    dtype = similarity.dtype
    losses = ops.where(valid, losses, ops.zeros_like(losses))
    count = ops.sum(ops.cast(valid, dtype))
    active = ops.sum(ops.cast(losses > 0, dtype))
    divisor = active if reduction == "active" else count
    return ops.sum(losses) / ops.maximum(divisor, 1), active / ops.maximum(count, 1)


def _hard_triplets(similarity, negative_similarity, positive, negative, margin):
    """One triplet for each anchor [n]: the hardest positive, and the hardest negative against that positive."""
    beyond = ops.max(ops.abs(similarity)) + ops.max(ops.abs(negative_similarity)) + 1
    hardest_positive = ops.argmin(ops.where(positive, similarity, beyond), axis=1)
    chosen = ops.one_hot(hardest_positive, ops.shape(similarity)[0], dtype=similarity.dtype)
    s_ap = ops.sum(similarity * chosen, axis=1)
    s_an = ops.max(ops.where(negative, ops.sum(negative_similarity * chosen[:, :, None], axis=1), -beyond), axis=1)
    valid = ops.logical_and(ops.any(positive, axis=1), ops.any(negative, axis=1))
    return valid, ops.relu(s_an - s_ap + margin)


def _semi_hard_triplets(similarity, negative_similarity, positive, negative, margin):
    """One triplet for each positive pair [n, n]: the hardest negative that is still less similar than the positive."""
    beyond = ops.max(ops.abs(similarity)) + ops.max(ops.abs(negative_similarity)) + 1
    s_ap = similarity[:, :, None]
    below = ops.logical_and(negative[:, None, :], negative_similarity < s_ap)
    closest_below = ops.max(ops.where(below, negative_similarity, -beyond), axis=2)
    farthest = ops.min(ops.where(negative[:, None, :], negative_similarity, beyond), axis=2)
    s_an = ops.where(ops.any(below, axis=2), closest_below, farthest)
    valid = ops.logical_and(positive, ops.any(negative, axis=1)[:, None])
    return valid, ops.relu(s_an - similarity + margin)


def cross_entropy_loss(logits, labels):
    """Softmax cross-entropy (section 3.1.2), the mean over the batch.

    Args:
        logits: float [n, 2], columns real and fake.
        labels: integer tensor [n].
    """
    truth = ops.one_hot(labels, 2, dtype=logits.dtype)
    # Not ops.mean: on JAX it computes in float32 whatever it is given.
    return -ops.sum(truth * ops.log_softmax(logits, axis=-1)) / ops.cast(ops.shape(logits)[0], logits.dtype)


def weight_center_loss(center_similarity, is_real, scale=2.0, margin=0.5):
    """Weight-Center Loss, 1/α log(1 + Σ_{k real} exp(-α (S_kc - λ))) (Eq. 3), as a log-sum-exp.

    Its gradient in S_kc is minus the penalty weight of Eq. 4, with the term i = k that the printed equation leaves out.

    Args:
        center_similarity: S_kc, float [n], of every sample to the centre of the real ones.
        is_real: boolean [n]; the others take no part.
        scale: α.
        margin: λ.

    Returns:
        A float scalar; exactly 0 where no sample is real.
    """
    exponents = -scale * (center_similarity - margin)
    exponents = ops.where(is_real, exponents, ops.full_like(exponents, -float("inf")))
    one = ops.zeros_like(exponents[:1])
    return ops.logsumexp(ops.concatenate([one, exponents])) / scale
