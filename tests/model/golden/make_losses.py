"""Write losses.json: values and gradients of published implementations of the loss terms, in float64.

    pip install torch==2.13.0 pytorch-metric-learning==2.9.0        # in an environment of its own
    python tests/model/golden/make_losses.py

The tests read the file; they need neither library.
"""

import json
import pathlib

import numpy as np
import torch
from pytorch_metric_learning import distances, losses, miners, reducers

REAL = 0
DOT = distances.DotProductSimilarity(normalize_embeddings=False)
BATCHES = {
    "balanced": [0, 1, 0, 1, 0, 1, 0, 1],
    "two reals": [0, 0, 1, 1, 1, 1, 1, 1],
    "one fake": [0, 0, 0, 0, 0, 0, 0, 1],
}


def unit_vectors(count, size, seed):
    vectors = np.random.default_rng(seed).normal(size=(count, size))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def evaluate(function, embedding):
    """(value, gradient) of a torch function of the embedding."""
    tensor = torch.tensor(embedding, requires_grad=True)
    value = function(tensor)
    value.backward()
    gradient = torch.zeros_like(tensor) if tensor.grad is None else tensor.grad
    return {"value": value.item(), "gradient": gradient.tolist()}


def triplets(embedding, labels):
    """Triplet Loss on dot products by mining and reduction."""
    labels = torch.tensor(labels)
    found = {}
    for margin in (1.0, 0.2):
        for name, reducer in (("all", reducers.MeanReducer()), ("active", reducers.AvgNonZeroReducer())):
            loss = losses.TripletMarginLoss(margin=margin, distance=DOT, reducer=reducer)
            found[f"all/{name}/{margin}"] = evaluate(lambda x, loss=loss: loss(x, labels), embedding)
        loss = losses.TripletMarginLoss(margin=margin, distance=DOT, reducer=reducers.MeanReducer())
        miner = miners.BatchHardMiner(distance=DOT)
        found[f"hard/all/{margin}"] = evaluate(
            lambda x, loss=loss, miner=miner: loss(x, labels, miner(x, labels)), embedding
        )
    return found


def weight_center(embedding, labels, center, scale, margin):
    """Weight-Center as the positive part of the Multi-Similarity loss: the centre as the only anchor, reals only."""
    loss = losses.MultiSimilarityLoss(alpha=scale, beta=50, base=margin, distance=DOT)
    reals = [k for k, label in enumerate(labels) if label == REAL]

    def value(x):
        ours = torch.zeros(len(reals), dtype=torch.long)
        return loss(torch.tensor(center)[None], torch.zeros(1, dtype=torch.long), ref_emb=x[reals], ref_labels=ours)

    return evaluate(value, embedding)


def main():
    """Write the file."""
    cases = []
    for seed, (name, labels) in enumerate(BATCHES.items()):
        embedding, center = unit_vectors(len(labels), 6, seed), unit_vectors(1, 6, 100 + seed)[0]
        cases.append(
            {
                "name": name,
                "labels": labels,
                "embedding": embedding.tolist(),
                "center": center.tolist(),
                "triplet": triplets(embedding, labels),
                "weight_center": {
                    f"{scale}/{margin}": weight_center(embedding, labels, center, scale, margin)
                    for scale in (2.0, 10.0)
                    for margin in (0.5, -0.2)
                },
            }
        )
    path = pathlib.Path(__file__).with_name("losses.json")
    path.write_text(json.dumps({"made_by": path.with_name("make_losses.py").name, "cases": cases}, indent=1) + "\n")


if __name__ == "__main__":
    main()
