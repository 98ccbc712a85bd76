"""The types of artifacts that pass between steps."""

from typing import Literal, get_args

ArtifactType = Literal[
    "Videos",  # manifests of videos, one per split
    "Examples",  # face examples, TFRecords per split
    "Rejects",  # JSON lines: which videos and frames gave no face, and why
    "Statistics",
    "Anomalies",
    "Model",  # Format-Keras/ and Format-Serving/, with recipe and calibration
    "ModelRun",  # logs, checkpoints and history of a training
    "Predictions",
    "Evaluation",  # metrics.json, report.html, embeddings
    "Blessing",
    "InfraBlessing",
    "PushedModel",
]
ARTIFACT_TYPES: tuple[str, ...] = get_args(ArtifactType)
