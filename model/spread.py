"""How far the embeddings of a batch spread within the classes, and whether the loss contracts them.

Notation as in docs/paper.md: δ is the difference of the class means, σ² the trace of the covariance within a class (the
mean of both classes), and ρ = |δ|² / σ². All figures come from the Gram matrix and are without bias, since they average
similarities of different samples only. The squared distance of a batch's means would not be: the spread over the number
of samples adds to it, which exceeds the signal in a small batch.
"""

from collections.abc import Mapping

from keras import KerasTensor as Tensor  # stands for tensors of every backend
from keras import ops

from model import losses
from model.recipes import Recipe

ENOUGH_STEPS = 100  # of a training, before which nothing is said about it
ALL_ACTIVE = 0.99  # least share of active triplets at which they count as all


def spread_figures(gram: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """Compute the spread of a batch of real, fake, real, fake ..., in which rows 2i and 2i + 1 may be partners.

    Args:
        gram: dot products of the embeddings, float [n, n].
        labels: integer [n].

    Returns:
        Float scalars by name, of `gram`'s dtype, which are 0 where the batch has too few samples to tell:

        `real_spread`, `fake_spread`: the trace of the covariance of the reals' embeddings, and of the fakes'. For unit
        embeddings it is 0 if all are equal, and about 1 at most.

        `signal_to_spread`: ρ. It may be slightly negative where there is no signal.

        `partner_share`: r, the share of σ² that partners have in common: how much more similar they are than a real and
        a fake that are not partners, over σ². It is near 0 without pairing.
    """
    dtype = gram.dtype
    gram = losses.at_least_float32(gram)
    is_real = ops.equal(labels, losses.REAL)
    positive, negative = losses.triplet_masks(labels)
    partner = ops.logical_and(negative, losses.partner_mask(ops.shape(gram)[0]))
    other = ops.logical_and(negative, ops.logical_not(partner))
    own = ops.diagonal(gram)

    spread, among = {}, {}
    for name, mask in (("real", is_real), ("fake", ops.logical_not(is_real))):
        pairs = ops.logical_and(positive, mask[:, None])
        among[name] = _mean_where(gram, pairs)
        spread[name] = ops.where(ops.any(pairs), _mean_where(own, mask) - among[name], 0.0)
    between = _mean_where(gram, other)
    complete = ops.logical_and(ops.any(other), ops.logical_and(spread["real"] > 0, spread["fake"] > 0))
    mean_spread = ops.where(complete, (spread["real"] + spread["fake"]) / 2, 1.0)
    signal = (among["real"] + among["fake"] - 2 * between) / mean_spread
    shared = (_mean_where(gram, partner) - between) / mean_spread
    figures = {
        "real_spread": spread["real"],
        "fake_spread": spread["fake"],
        "signal_to_spread": ops.where(complete, signal, 0.0),
        "partner_share": ops.where(ops.logical_and(complete, ops.any(partner)), shared, 0.0),
    }
    return {name: ops.cast(value, dtype) for name, value in figures.items()}


def weight_center_pull(weight_center: Tensor, scale: float, weight: float, triplet_weight: float) -> Tensor | float:
    """Return w W / (2 β): what Weight-Center adds to the loss per unit of spread, in units of the triplet term.

    W is the sum of the penalty weights (Eq. 4) of a batch, that is, the pull on all similarities to the centre: W =
    E / (1 + E) = 1 - exp(-α L_WC), where E = Σ exp(-α (S_kc - λ)). A real at the distance x from the centre has S_kc =
    1 - x² / 2, hence the 2.

    Args:
        weight_center: L_WC of the batch, float scalar; 0 before its stage.
        scale: α.
        weight: w, the term's weight in Eq. 1.
        triplet_weight: β; without a triplet term there is nothing to compare with, and the pull is given as 0.

    Returns:
        A float scalar.

    Example:
        Eight reals at the centre, at the paper's weights:

        >>> from keras import ops
        >>> from model.losses import weight_center_loss
        >>> loss = weight_center_loss(ops.ones(8), ops.ones(8, "bool"))
        >>> round(float(weight_center_pull(loss, scale=2.0, weight=1.0, triplet_weight=2.0)), 4)
        0.1866
    """
    if not triplet_weight:
        return ops.zeros_like(weight_center)
    return weight * (1 - ops.exp(-scale * weight_center)) / (2 * triplet_weight)


def contraction_warning(recipe: Recipe, row: Mapping[str, float | None], replicas: int = 1) -> str | None:
    """Say in words that the metric terms contract the embeddings faster than they spread the classes apart.

    That is so where ρ < 2 r / m + w W / β (docs/paper.md): the loss falls as all embeddings approach each other. It
    holds where all triplets are active and none are mined; elsewhere nothing is said. Cross-entropy is left out.

    Args:
        recipe: of the training.
        row: `step`, before which too few count for a judgement (`ENOUGH_STEPS`), and means over some steps
            of the figures of `model.detector.TRACKED`.
        replicas: among which a global batch is divided.

    Returns:
        A line for the log, or None.
    """
    step = row.get("step")
    if step is not None and step < ENOUGH_STEPS:
        return None
    names = ("active_triplets", "signal_to_spread", "partner_share", "weight_center_pull")
    active, signal, share, pull = (row.get(name) for name in names)
    if recipe.triplet_weight == 0 or recipe.triplet_mining != "all" or active is None or active < ALL_ACTIVE:
        return None
    if signal is None or share is None or pull is None:  # a history of an earlier version
        return None
    negatives = recipe.batch_size // 2 // (replicas if recipe.batch_scope == "replica" else 1)
    has_partner = recipe.pairing and recipe.triplet_partner == "include"
    of_partners = 2 * max(share, 0.0) / negatives if has_partner else 0.0
    of_center = 2 * pull
    if signal >= of_partners + of_center:
        return None
    cures = {
        "triplet_partner=exclude": has_partner,
        "a lower weight_center_weight or a later weight_center_start": of_center > 0,
        "a larger batch_size": has_partner,
        "initial_weights that tell real from fake already": True,
    }
    return (
        f"warning: the loss draws all embeddings together faster than it spreads real and fake apart: rho {signal:.2f} "
        f"< {of_partners:.2f} (partners among the negatives) + {of_center:.2f} (Weight-Center). See real_spread and "
        "fake_spread; the triplet loss stays at its margin either way. What helps: "
        f"{'; '.join(cure for cure, applies in cures.items() if applies)}"
    )


def _mean_where(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of the values where the mask of the same shape is true; 0 if it is true nowhere."""
    mask = ops.cast(mask, values.dtype)
    return ops.sum(values * mask) / ops.maximum(ops.sum(mask), 1)
