import json
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from evaluation import vocabulary

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("literal", "words"),
    [
        (vocabulary.ScoreName, vocabulary.SCORES),
        (vocabulary.FigureKey, vocabulary.FIGURES),
        (vocabulary.VideoRule, vocabulary.VIDEO_RULES),
        (vocabulary.NoFacePolicy, vocabulary.NO_FACE_POLICIES),
        (vocabulary.ChangeName, vocabulary.CHANGES),
    ],
)
def test_every_word_is_explained(literal, words):
    assert get_args(literal) == tuple(words)


def test_other_orders_hold_the_same_words():
    assert set(vocabulary.VIDEO_FIRST) == set(vocabulary.LEVELS) and vocabulary.VIDEO_FIRST[0] == "video"
    assert set(vocabulary.AUC_FIRST) == set(vocabulary.FIGURES) and vocabulary.AUC_FIRST[0] == "auc"
    assert len(vocabulary.AUC_FIRST) == len(vocabulary.FIGURES)


def test_every_figure_has_a_basis():
    by_basis = [vocabulary.figures_of(basis) for basis in ("probability", "threshold", "ranking")]
    assert sorted(key for keys in by_basis for key in keys) == sorted(vocabulary.FIGURE_KEYS)
    assert set(vocabulary.figures_of("threshold")) == {"acc_val", "balanced_acc_val"}


@pytest.mark.parametrize("change", vocabulary.CHANGES.values(), ids=vocabulary.CHANGES)
def test_every_severity_has_a_strength(change):
    assert len(change.strengths) == (len(vocabulary.SEVERITIES) if change.of == "crops" else 2)


@pytest.mark.parametrize("name", ["vocabulary", "results", "blessing", "metrics_table"])
def test_it_is_light(name):
    """A config and a cached run must not pay for the libraries of an evaluation."""
    heavy = {"tensorflow", "numpy", "sklearn", "pyarrow", "matplotlib", "scipy"}
    code = f"import json, sys, evaluation.{name}; print(json.dumps(sorted({heavy} & sys.modules.keys())))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=True
    )
    assert json.loads(done.stdout) == []
