"""The three terms of the Multi-metric Loss (paper, section 3.1) as pure functions of tensors.

Triplet Loss is Eq. 2, Weight-Center Loss is Eq. 3 (and its penalty weights Eq. 4); `model.detector` adds them up as Eq.
1. Every loss is a scalar and stays finite, with finite gradients, when a batch holds no real sample, no fake one, or
identical embeddings. Losses of half-precision input are computed in float32 and returned in the input's dtype. Labels
are 0 for real and 1 for fake.
"""

from keras import KerasTensor as Tensor  # stands for tensors of every backend
from keras import backend, ops

REAL = 0
FAKE = 1


def at_least_float32(x: Tensor) -> Tensor:
    """Cast half-precision tensors to float32; others are returned as they are.

    A batch of 66 has 68,640 triplets, more than float16 can count (65,504); bfloat16 cannot count beyond 256.
    """
    return ops.cast(x, "float32") if backend.standardize_dtype(x.dtype) in ("float16", "bfloat16") else x


def triplet_masks(labels: Tensor) -> tuple[Tensor, Tensor]:
    """Tell which pairs of samples are (anchor, positive) and which are (anchor, negative).

    Args:
        labels: integer [n].

    Returns:
        (positive, negative), each boolean [n, n]: same label but not the same sample; other label.
    """
    same = ops.equal(labels[:, None], labels[None, :])
    itself = ops.cast(ops.eye(ops.shape(labels)[0]), "bool")
    return ops.logical_and(same, ops.logical_not(itself)), ops.logical_not(same)


def partner_mask(count: int | Tensor) -> Tensor:
    """Tell which samples stand beside each other in a batch of real, fake, real, fake ...: rows 2i and 2i + 1.

    With pairing these are a fake and its original, each other's partner.

    Args:
        count: n, the rows of the global batch.

    Returns:
        boolean [n, n], true for partners, false for a sample and itself.
    """
    turn = ops.arange(count) // 2
    itself = ops.cast(ops.eye(count), "bool")
    return ops.logical_and(ops.equal(turn[:, None], turn[None, :]), ops.logical_not(itself))


def triplet_loss(
    similarity: Tensor,
    labels: Tensor,
    margin: float = 1.0,
    mining: str = "all",
    reduction: str = "active",
    negative_similarity: Tensor | None = None,
    excluded: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Triplet Loss on similarities, [S_an - S_ap + κ]_+ (Eq. 2), over the triplets of a batch.

    Args:
        similarity: dot products of the embeddings, float [n, n].
        labels: integer [n].
        margin: the metric margin κ.
        mining: "all": every valid triplet; "hard": for each anchor its least similar positive with its most similar
            negative; "semi_hard": for each positive pair the most similar negative that is less similar than the
            positive, or the least similar negative if there is none.
        reduction: "active": the mean over the triplets with a loss above zero; "all": the mean over all triplets.
        negative_similarity: float [n, n, n], S_an of the triplet (anchor, positive, negative), for negatives that
            depend on the positive, as the expander's synthetic ones do (Eq. 6). Default: `similarity`.
        excluded: boolean [n, n], true where the second sample is no negative of the first, whatever its label; see
            `partner_mask`. Default: none.

    Returns:
        (loss, share of the triplets that are active), two float scalars. Both are 0 if there is no triplet.

    Raises:
        ValueError: for an unknown `mining` or `reduction`.

    Example:
        Two reals that are alike, and a fake halfway to the opposite. Each real is an anchor of one triplet:
        [-0.5 - 1.0 + 1.0]_+ = 0, so that no triplet is active until the margin is 2.

        >>> from keras import ops
        >>> similarity = ops.array([[1.0, 1.0, -0.5], [1.0, 1.0, -0.5], [-0.5, -0.5, 1.0]])
        >>> [float(value) for value in triplet_loss(similarity, ops.array([0, 0, 1]), margin=1.0)]
        [0.0, 0.0]
        >>> [float(value) for value in triplet_loss(similarity, ops.array([0, 0, 1]), margin=2.0)]
        [0.5, 1.0]
    """
    positive, negative = triplet_masks(labels)
    if excluded is not None:
        negative = ops.logical_and(negative, ops.logical_not(excluded))
    if negative_similarity is None:
        negative_similarity = ops.broadcast_to(similarity[:, None, :], ops.shape(similarity)[:1] * 3)
    dtype = similarity.dtype
    similarity, negative_similarity = at_least_float32(similarity), at_least_float32(negative_similarity)
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

    losses = ops.where(valid, losses, ops.zeros_like(losses))
    count = ops.sum(ops.cast(valid, losses.dtype))
    active = ops.sum(ops.cast(losses > 0, losses.dtype))
    divisor = active if reduction == "active" else count
    loss, share = ops.sum(losses) / ops.maximum(divisor, 1), active / ops.maximum(count, 1)
    return ops.cast(loss, dtype), ops.cast(share, dtype)


def _hard_triplets(
    similarity: Tensor, negative_similarity: Tensor, positive: Tensor, negative: Tensor, margin: float
) -> tuple[Tensor, Tensor]:
    """One triplet for each anchor: the hardest positive, and the hardest negative against that positive.

    Returns:
        (valid, loss): boolean [n] and float [n].
    """
    beyond = ops.max(ops.abs(similarity)) + ops.max(ops.abs(negative_similarity)) + 1
    hardest_positive = ops.argmin(ops.where(positive, similarity, beyond), axis=1)
    chosen = ops.one_hot(hardest_positive, ops.shape(similarity)[0], dtype=similarity.dtype)
    s_ap = ops.sum(similarity * chosen, axis=1)
    s_an = ops.max(ops.where(negative, ops.sum(negative_similarity * chosen[:, :, None], axis=1), -beyond), axis=1)
    valid = ops.logical_and(ops.any(positive, axis=1), ops.any(negative, axis=1))
    return valid, ops.relu(s_an - s_ap + margin)


def _semi_hard_triplets(
    similarity: Tensor, negative_similarity: Tensor, positive: Tensor, negative: Tensor, margin: float
) -> tuple[Tensor, Tensor]:
    """One triplet for each positive pair: the hardest negative that is still less similar than the positive.

    Returns:
        (valid, loss): boolean [n, n] and float [n, n].
    """
    beyond = ops.max(ops.abs(similarity)) + ops.max(ops.abs(negative_similarity)) + 1
    s_ap = similarity[:, :, None]
    below = ops.logical_and(negative[:, None, :], negative_similarity < s_ap)
    closest_below = ops.max(ops.where(below, negative_similarity, -beyond), axis=2)
    farthest = ops.min(ops.where(negative[:, None, :], negative_similarity, beyond), axis=2)
    s_an = ops.where(ops.any(below, axis=2), closest_below, farthest)
    valid = ops.logical_and(positive, ops.any(negative, axis=1)[:, None])
    return valid, ops.relu(s_an - similarity + margin)


def negative_distance(embedding: Tensor, squared: bool) -> Tensor:
    """Return the Euclidean distances between embeddings, with a minus: a similarity for `triplet_loss`.

    With it, the loss is the common one, [d_ap - d_an + margin]_+ (Schroff et al., "FaceNet", 2015, for squared ones).

    Args:
        embedding: float [n, d].
        squared: of the distances.

    Returns:
        float [n, n], at most 0.

    Example:
        >>> from keras import ops
        >>> float(negative_distance(ops.array([[0.0, 0.0], [3.0, 4.0]]), squared=True)[0, 1])
        -25.0
    """
    square = ops.sum(ops.square(embedding[:, None, :] - embedding[None, :, :]), axis=-1)
    return -square if squared else -ops.sqrt(ops.maximum(square, 1e-12))  # the root of 0 has no gradient


def cross_entropy_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Softmax cross-entropy (section 3.1.2), the mean over the batch.

    Args:
        logits: float [n, 2], columns real and fake; or [n, k, 2], the logits of k judges, whose losses are added
            (Capsule-Forensics has four, the dimensions of its output capsules).
        labels: integer [n].

    Returns:
        A float scalar.
    """
    dtype, logits = logits.dtype, at_least_float32(logits)
    truth = ops.one_hot(labels, 2, dtype=logits.dtype)
    if len(logits.shape) == 3:
        truth = truth[:, None, :]
    # Not ops.mean: on JAX it computes in float32, whatever the input.
    loss = -ops.sum(truth * ops.log_softmax(logits, axis=-1)) / ops.cast(ops.shape(logits)[0], logits.dtype)
    return ops.cast(loss, dtype)


def mean_squared_error(logits: Tensor, labels: Tensor) -> Tensor:
    """Squared error of the fake probability, the mean over the batch; MesoNet learns by it.

    Args:
        logits: float [n, 2], columns real and fake.
        labels: integer [n].

    Returns:
        A float scalar.
    """
    dtype, logits = logits.dtype, at_least_float32(logits)
    error = ops.sigmoid(logits[:, 1] - logits[:, 0]) - ops.cast(labels, logits.dtype)
    return ops.cast(ops.sum(ops.square(error)) / ops.cast(ops.shape(logits)[0], logits.dtype), dtype)


def weight_center_loss(center_similarity: Tensor, is_real: Tensor, scale: float = 2.0, margin: float = 0.5) -> Tensor:
    """Weight-Center Loss, 1/α log(1 + Σ_{k real} exp(-α (S_kc - λ))) (Eq. 3), as a log-sum-exp.

    Its derivative with respect to S_kc is minus the penalty weight w_kc of Eq. 4, with the term i = k that the printed
    equation leaves out.

    Args:
        center_similarity: S_kc, float [n]: the similarity of every sample to the centre of the real ones.
        is_real: boolean [n]; samples that are not real do not count.
        scale: α.
        margin: λ.

    Returns:
        A float scalar; exactly 0 if no sample is real.

    Example:
        Two reals exactly at the margin, and a fake: log(1 + 2) / 2.

        >>> from keras import ops
        >>> loss = weight_center_loss(ops.array([0.5, 0.5, 0.9]), ops.array([True, True, False]))
        >>> round(float(loss), 4)
        0.5493
    """
    exponents = -scale * (at_least_float32(center_similarity) - margin)
    exponents = ops.where(is_real, exponents, ops.full_like(exponents, -float("inf")))
    one = ops.zeros_like(exponents[:1])
    return ops.cast(ops.logsumexp(ops.concatenate([one, exponents])) / scale, center_similarity.dtype)
