"""Embeddings on a plane, as in the paper's Figures 1 and 5."""

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

PERPLEXITY = 30
COMPONENTS = 50  # t-SNE's authors reduce to about so many first: less noise, and faster


def project(embeddings, seed=0):
    """Project by PCA and t-SNE. Equal embeddings give equal points on one machine, whatever else runs.

    Args:
        embeddings: float [n, d].

    Returns:
        float64 [n, 2]; zeros for fewer than three embeddings or for equal ones, which have no shape to show.
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
        return tsne.fit_transform(reduced).astype(np.float64)
