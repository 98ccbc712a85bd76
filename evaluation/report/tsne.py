"""Embeddings projected to a plane, as in the paper's Figures 1 and 5."""

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

PERPLEXITY = 30
COMPONENTS = 50  # t-SNE's authors reduce to about this many first: less noise, and faster


def project(embeddings: np.ndarray, seed: int = 0) -> np.ndarray:
    """Project by PCA and t-SNE. Equal embeddings give equal points on one machine, whatever else runs.

    Args:
        embeddings: float [n, d].
        seed: of t-SNE.

    Returns:
        float64 [n, 2]; zeros for fewer than three embeddings or if all are equal, as there is no shape to show.
    """
    embeddings = np.asarray(embeddings, np.float64)
    count, dimensions = embeddings.shape
    if count < 3 or not np.ptp(embeddings, axis=0).any():
        return np.zeros((count, 2))
    kept = min(COMPONENTS, count, dimensions)
    reduced = PCA(kept, svd_solver="full").fit_transform(embeddings)
    if kept < 2:
        reduced = np.pad(reduced, ((0, 0), (0, 2 - kept)))
    perplexity = min(PERPLEXITY, (count - 1) / 3)
    tsne = TSNE(2, perplexity=perplexity, init="pca", learning_rate="auto", random_state=seed)
    with threadpool_limits(1):  # the order of a parallel sum is not fixed
        points: np.ndarray = tsne.fit_transform(reduced).astype(np.float64)
    return points
