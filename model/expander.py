"""The Adaptive Hardness-aware Expander (paper, section 3.2, Eq. 5 and 6) in closed form.

A synthetic negative lies on the line from the anchor z to the negative z⁻ (Eq. 5): z̃ = z + t (z⁻ - z). So its
similarity to the anchor needs only the Gram matrix, <z, z̃> = <z, z> + t (<z, z⁻> - <z, z>), and no synthetic vector is
ever made.
"""

from keras import KerasTensor as Tensor  # stands for tensors of every backend
from keras import ops

from model.losses import at_least_float32


def balance_factor(cross_entropy: Tensor, pulling_factor: float = 1.0) -> Tensor:
    """Return η = exp(-γ / L_CE) of Eq. 6: near 0 (hard negatives) once the classifier is good.

    No gradient flows through it.

    Args:
        cross_entropy: L_CE of the global batch, float scalar; 0 gives η = 0.
        pulling_factor: γ. The paper prints η without it and mentions it in the text below Eq. 6.

    Returns:
        A float scalar in [0, 1).

    Example:
        At chance, L_CE = log 2:

        >>> from keras import ops
        >>> round(float(balance_factor(ops.log(2.0))), 3)
        0.236
    """
    loss = at_least_float32(ops.stop_gradient(cross_entropy))
    tiny = ops.cast(1e-7, loss.dtype)
    eta = ops.where(loss > tiny, ops.exp(-pulling_factor / ops.maximum(loss, tiny)), ops.zeros_like(loss))
    return ops.cast(eta, cross_entropy.dtype)


def expanded_negative_similarity(gram: Tensor, eta: Tensor) -> Tensor:
    """Return the similarity of each anchor to its synthetic negative, for every (anchor, positive, negative).

    Eq. 6, with d⁺ the distance to the positive and d⁻ the distance to the negative (the text below it swaps the two):
    t = [η d⁻ + (1 - η) d⁺] / d⁻ where d⁻ > d⁺, otherwise 1.

    Args:
        gram: dot products of the embeddings, float [n, n].
        eta: η, float scalar in [0, 1].

    Returns:
        float [n, n, n], indexed [anchor, positive, negative]; float32 if `gram` has half precision.

    Example:
        Anchor and positive at right angles, d⁺ = √2, the negative opposite to the anchor, d⁻ = 2. η = 1 leaves the
        negative where it is; η = 0 moves it as close to the anchor as the positive is.

        >>> from keras import ops
        >>> z = ops.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
        >>> gram = z @ ops.transpose(z)
        >>> [round(float(expanded_negative_similarity(gram, eta)[0, 1, 2]), 3) for eta in (1.0, 0.0)]
        [-1.0, -0.414]
    """
    gram = at_least_float32(gram)
    eta = ops.cast(eta, gram.dtype)
    own = ops.diagonal(gram)
    distance = _safe_sqrt(own[:, None] + own[None, :] - 2 * gram)
    to_positive, to_negative = distance[:, :, None], distance[:, None, :]
    farther = to_negative > to_positive
    ratio = to_positive / ops.where(farther, to_negative, ops.ones_like(to_negative))
    step = ops.where(farther, eta + (1 - eta) * ratio, ops.ones_like(ratio))
    return own[:, None, None] + step * (gram - own[:, None])[:, None, :]


def _safe_sqrt(squared: Tensor) -> Tensor:
    """Square root whose gradient at and below zero is 0 instead of infinite or NaN."""
    positive = squared > 0
    return ops.where(positive, ops.sqrt(ops.where(positive, squared, ops.ones_like(squared))), ops.zeros_like(squared))
