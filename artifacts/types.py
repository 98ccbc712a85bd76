"""The types of artifacts that pass between steps."""

from typing import Literal

ArtifactType = Literal[
    "Videos",
    "Examples",
    "Rejects",
    "Statistics",
    "Anomalies",
    "Model",
    "ModelRun",
    "Predictions",
    "Evaluation",
    "Blessing",
    "InfraBlessing",
    "PushedModel",
]
# What each holds, for help.
ARTIFACT_TYPES: dict[ArtifactType, str] = {
    "Videos": "manifests of videos, one per split",
    "Examples": "face examples, TFRecords per split",
    "Rejects": "which videos and frames gave no face, and why",
    "Statistics": "counts of videos, frames and faces",
    "Anomalies": "what does not fit the schema",
    "Model": "the trained model in Keras's and the served format, with recipe and calibration",
    "ModelRun": "logs, states and history of a training",
    "Predictions": "the scores of every face",
    "Evaluation": "figures and report",
    "Blessing": "whether the figures reach the thresholds",
    "InfraBlessing": "whether the model answers in a server",
    "PushedModel": "whether and where the model was pushed",
}
