"""Made-up predictions, face examples, and a SavedModel as small as one can be."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import tensorflow as tf

from model.examples import FaceExample

KEYS = ("acc", "acc_val", "balanced_acc", "balanced_acc_val", "auc", "ap", "eer", "tpr_1", "tpr_01", "brier", "ece")
METHODS = {"celeb_df": ("fake",), "dfdc": ("fake",), "ffpp": ("df", "ff", "fs", "nt")}


class Tiny(tf.Module):
    """Calls a face fake the brighter it is: logit = (mean pixel - 128) / 10."""

    @tf.function(input_signature=[tf.TensorSpec([None, 256, 256, 3], tf.uint8, name="crops")])
    def crops(self, crops):
        logit = (tf.reduce_mean(tf.cast(crops, tf.float32), axis=[1, 2, 3]) - 128) / 10
        return {
            "fake_probability": tf.sigmoid(logit),
            "logit": logit,
            "center_similarity": tf.tanh(-logit),
            "embedding": tf.stack([logit, -logit], axis=1),
        }

    @tf.function(input_signature=[tf.TensorSpec([None, 256, 256, 3], tf.uint8, name="crops")])
    def heat_maps(self, crops):
        """The red channel."""
        return {"heat_map": tf.cast(crops[..., 0], tf.float32) / 255}


def save_model(folder, *signatures):
    """Write `Tiny` as a SavedModel with these signatures."""
    module = Tiny()
    tf.saved_model.save(module, str(folder), signatures={name: getattr(module, name) for name in signatures})
    return folder


@pytest.fixture(scope="session")
def model_dir(tmp_path_factory):
    """A `model` artifact with `Tiny`."""
    folder = tmp_path_factory.mktemp("model")
    save_model(folder / "Format-Serving", "crops", "heat_maps")
    return folder


def face(value, video, frame=0, *, dataset="d", method="real"):
    """A face example of one grey."""
    image = cv2.imencode(".png", np.full((256, 256, 3), value, np.uint8))[1].tobytes()
    video_id = f"{dataset}/{method}/{video}"
    return FaceExample(image, "png", int(method != "real"), dataset, method, video_id, frame, 0.0, (0, 0, 1, 1))


def write_examples(folder, faces, split="test"):
    """Write an `examples` artifact of two files."""
    inside = folder / f"Split-{split}"
    inside.mkdir(parents=True)
    for shard in (0, 1):
        with tf.io.TFRecordWriter(str(inside / f"faces-{shard:05d}-of-00002.tfrecord")) as writer:
            for example in faces[shard::2]:
                writer.write(example.serialize())
    return folder


def columns(rows):
    """Predictions from rows (data set, method, video, logit)."""
    dataset, method, video, logit = zip(*rows, strict=True)
    return {
        "video_id": np.array([f"{d}/{m}/{v}" for d, m, v in zip(dataset, method, video, strict=True)], object),
        "dataset": np.array(dataset, object),
        "method": np.array(method, object),
        "label": np.array([int(m != "real") for m in method]),
        "frame_index": np.arange(len(rows), dtype=np.int32),
        "track": np.zeros(len(rows), np.int32),
        "logit": np.array(logit, np.float32),
        "center_similarity": -np.array(logit, np.float32),
        "fake_probability": (1 / (1 + np.exp(-np.array(logit, np.float32)))).astype(np.float32),
    }


@pytest.fixture(scope="session")
def made():
    """What this file offers to the tests."""
    return SimpleNamespace(
        face=face,
        write_examples=write_examples,
        columns=columns,
        full_columns=full_columns,
        figure=figure,
        save_model=save_model,
        metrics=made_up_metrics,
    )


def full_columns(rng, methods=METHODS, videos=40, per_video=8):
    """Predictions in the evaluator's full shape, at both levels: {"frame": columns, "video": columns}."""
    rows = []
    for number, (dataset, fakes) in enumerate(methods.items()):
        for shift, method in enumerate(("real", *fakes)):
            for video in range(videos):
                center = rng.normal(0, 1.2) + (-1.6 if method == "real" else 2.4 - 0.45 * shift - 0.3 * number)
                rows += [(dataset, method, f"{dataset}/{method}/{video:03}", k, center) for k in range(per_video)]
    dataset, method, video_id, index, center = (np.array(part) for part in zip(*rows, strict=True))
    logit = (center + rng.normal(0, 0.8, len(rows))).astype(np.float32)
    frame = {"video_id": video_id.astype(object), "dataset": dataset.astype(object), "method": method.astype(object)}
    frame |= {"label": (method != "real").astype(np.int8), "frame_index": 10 * index.astype(np.int32), "logit": logit}
    frame["track"] = np.zeros(len(rows), np.int32)
    frame["center_similarity"] = np.tanh(-0.4 * logit + rng.normal(0, 0.3, len(rows))).astype(np.float32)
    frame["fake_probability"] = (1 / (1 + np.exp(-logit / 1.4))).astype(np.float32)
    first = np.flatnonzero(index == 0)
    video = {key: frame[key][first] for key in ("video_id", "dataset", "method", "label")}
    numbers = ("logit", "center_similarity", "fake_probability")
    video |= {key: frame[key].reshape(-1, per_video).mean(axis=1) for key in numbers}
    return {"frame": frame, "video": video | {"frames": np.full(len(first), per_video)}}


def figure(value=None, reason=None):
    """One figure of metrics.json, with an interval if it has a value."""
    if value is None:
        return {"value": None, "low": None, "high": None, "reason": reason}
    return {"value": value, "low": max(value - 0.03, 0.0), "high": min(value + 0.02, 1.0), "reason": None}


def made_up_metrics(columns, **more):
    """Metrics in the shape of metrics.json: the counts are those of the columns, the values are made up."""
    rng = np.random.default_rng(1)

    def group(level, rows):
        label = columns[level]["label"][rows]
        values = {key: figure(float(rng.uniform(0.8, 1.0))) for key in KEYS}
        values |= {key: figure(float(rng.uniform(0.02, 0.2))) for key in ("eer", "brier", "ece")}
        unsure = {
            key: figure(None, "a similarity is no probability") for key in ("acc", "balanced_acc", "brier", "ece")
        }
        similarity = {key: figure(float(rng.uniform(0.7, 0.95))) for key in KEYS} | unsure
        counts = {"real": int((label == 0).sum()), "fake": int((label == 1).sum())}
        judged = sum(counts.values())
        coverage = {"listed": judged + 5, "decoded": judged + 3, "with_face": judged, "judged": judged}
        coverage = coverage if level == "video" else None
        return counts | {"coverage": coverage, "logit": values, "center_similarity": similarity}

    def of(level):
        table = columns[level]
        datasets = {}
        for name in sorted(set(table["dataset"])):
            ours = table["dataset"] == name
            methods = sorted(set(table["method"][ours & (table["label"] == 1)]))
            of_methods = {
                method: group(level, ours & ((table["label"] == 0) | (table["method"] == method))) for method in methods
            }
            datasets[name] = group(level, ours) | {"methods": of_methods}
        return {"all": group(level, slice(None)), "datasets": datasets}

    thresholds = {"logit": 0.21, "center_similarity": 0.12}
    return {
        "split": "test",
        "video_rule": "mean_logit",
        "no_face": "left_out",
        "bootstrap": {"resamples": 1000, "fewest": 1000, "level": 0.95, "unit": "video", "seed": 0},
        "thresholds": {"frame": thresholds, "video": thresholds, "reason": None},
        "temperature": {"frame": 1.4, "video": 1.25},
        "caveats": {},
        "frame": of("frame"),
        "video": of("video"),
    } | more


def everything():
    """All that a report can show, made up: the arguments of write_report but the path."""
    rng = np.random.default_rng(0)
    columns, validation = full_columns(rng), full_columns(rng, videos=15)
    changes = {
        "jpeg": (None, 25, 18, 15, 10, 7),
        "blur": (None, 7, 9, 13, 17, 21),
        "noise": (None, 0.001, 0.002, 0.005, 0.01, 0.05),
    }
    metrics = made_up_metrics(
        columns,
        robustness=[
            {
                "change": change,
                "severity": severity,
                "strength": strength,
                "unit": {"jpeg": "quality", "blur": "pixels", "noise": "variance"}[change],
                "dataset": dataset,
                "frame_auc": 0.93 - (0.03 + 0.02 * place) * severity,
                "video_auc": None if (severity, change) == (5, "noise") else 0.96 - (0.02 + 0.02 * place) * severity,
            }
            for dataset in METHODS
            for place, (change, strengths) in enumerate(changes.items())
            for severity, strength in enumerate(strengths)
        ],
        matrix={
            "models": ["trained on ffpp", "trained on dfdc"],
            "datasets": list(METHODS),
            "auc": [[0.71, 0.64, 0.98], [0.66, 0.95, None]],
            "low": [[0.68, 0.6, 0.97], [0.62, None, None]],
            "high": [[0.75, 0.69, 0.99], [0.7, None, None]],
            "reason": [[None, None, None], [None, "fewer than two fake videos", "only real examples"]],
            "level": "video",
        },
        comparison=[
            {"dataset": dataset, "method": method, "level": "video", "key": key, "score": "logit", "left_out": 0}
            | {"ours": ours, "last": last, "low": low, "high": high, "reason": reason}
            | {"difference": None if ours is None else ours - last}
            for dataset, method, key, ours, last, low, high, reason in (
                ("ffpp", None, "auc", 0.98, 0.96, 0.008, 0.031, None),
                ("dfdc", "fake", "eer", 0.14, 0.11, 0.004, 0.055, None),
                ("all", None, "acc", 0.9, 0.9, -0.01, 0.01, None),
                ("celeb_df", "fake", "ap", None, None, None, None, "only real examples"),
            )
        ],
    )
    frame = columns["frame"]
    shown = {key: values[::16] for key, values in frame.items()}
    directions = dict(zip(sorted(set(frame["method"])), rng.normal(size=(8, 16)), strict=False))
    around = np.stack([directions[name] for name in shown["method"]]) * shown["label"][:, None]
    vectors = around + rng.normal(0, 0.5, around.shape)
    grid = np.linspace(-1, 1, 256)
    heat = np.exp(-4 * (grid[:, None] - 0.4) ** 2 - 6 * grid[None] ** 2)
    shade = np.round(255 * np.stack([heat, heat**0.5, 1 - heat / 2], axis=2)).astype(np.uint8)
    return {
        "metrics": metrics,
        "frames": frame,
        "verdict": "BLESSED",
        "reasons": ["ffpp video AUC 0.9800 is at least 0.9", "dfdc video AUC 0.9500 is at least 0.7"],
        "videos": columns["video"],
        "validation": validation,
        "embeddings": [
            {"name": "without Weight-Center", "vectors": 0.6 * around + vectors, "columns": shown},
            {"name": "with Weight-Center", "vectors": vectors, "columns": shown},
        ],
        "faces": [
            {"crop": shade, "heat": heat, "label": label, "kind": kind}
            | {"probability": 0.97 - 0.1 * row if label == (kind == "hit") else 0.03 + 0.1 * row}
            | {"video_id": f"{dataset}/df/{row:03}", "frame_index": 7 * row, "dataset": dataset, "method": "df"}
            for dataset in METHODS
            for kind in ("hit", "mistake")
            for row, label in enumerate((1, 0, 1, 0))
        ],
        "lineage": [
            {"name": "recipe", "value": "paper"},
            {"name": "date", "value": "2026-11-24"},
            {"name": "model", "value": "Trainer, execution 7, digest 3f9a2c"},
            {"name": "examples", "value": "FaceExampleGen, execution 3, digest 81bb07"},
        ],
        "reproduce": ["python -m pipeline.run --config ffpp.json"],
    }


@pytest.fixture(scope="session")
def report_arguments():
    """The arguments of a full report but its path; not to be changed."""
    return everything()
