"""The Adaptive Hardness-aware Expander (paper, section 3.2) in closed form.

A synthetic negative lies on the line from the anchor z to the negative z⁻, z̃ = z + t (z⁻ - z), so that its similarity to
the anchor needs only the Gram matrix: <z, z̃> = <z, z> + t (<z, z⁻> - <z, z>). No synthetic vector is ever made.
"""

from keras import ops


def balance_factor(cross_entropy, pulling_factor=1.0):
    """η = exp(-γ / L_CE): near 0, hard negatives, once the classifier is good. No gradient flows through it.

    Args:
        cross_entropy: L_CE of the global batch, float scalar; 0 gives η = 0.
        pulling_factor: γ. The paper prints η without it and names it in the text below Eq. 6.
    """
    loss = ops.stop_gradient(cross_entropy)
    tiny = ops.cast(1e-7, loss.dtype)
    return ops.where(loss > tiny, ops.exp(-pulling_factor / ops.maximum(loss, tiny)), ops.zeros_like(loss))


def expanded_negative_similarity(gram, eta):
    """Similarity of each anchor to its synthetic negative, for every (anchor, positive, negative).

    Eq. 6 with d⁺ the distance to the positive and d⁻ the one to the negative (the text below it swaps the two):
    t = [η d⁻ + (1 - η) d⁺] / d⁻ where d⁻ > d⁺, else 1.

    Args:
        gram: dot products of the embeddings, float [n, n].
        eta: η, float scalar in [0, 1].

    Returns:
        float [n, n, n], indexed [anchor, positive, negative].
    """
    own = ops.diagonal(gram)
    distance = _safe_sqrt(own[:, None] + own[None, :] - 2 * gram)
    to_positive, to_negative = distance[:, :, None], distance[:, None, :]
    farther = to_negative > to_positive
    ratio = to_positive / ops.where(farther, to_negative, ops.ones_like(to_negative))
    step = ops.where(farther, eta + (1 - eta) * ratio, ops.ones_like(ratio))
    return own[:, None, None] + step * (gram - own[:, None])[:, None, :]


def _safe_sqrt(squared):
    """Square root whose gradient at and below zero is 0 instead of infinite or NaN."""
    positive = squared > 0
    return ops.where(positive, ops.sqrt(ops.where(positive, squared, ops.ones_like(squared))), ops.zeros_like(squared))
