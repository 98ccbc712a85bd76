"""Intervals over videos: they cover what they should, and resamples are what drawing copies would give."""

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from evaluation import intervals
from evaluation.figures import compute, rank
from evaluation.intervals import draw_resample, paired_difference, strata, with_intervals


def clustered(rng, videos=30, frames=8, spread=1.0, noise=0.6, gap=1.2):
    """Scores of videos with an effect of their own: the frames of a video are alike."""
    fake = np.arange(videos) % 2 == 1
    video = np.repeat(np.arange(videos, dtype=np.int32), frames)
    effect = rng.normal(gap * fake, spread)
    return video, fake, rng.normal(effect[video], noise)


def figures_of(video, fake, score, **options):
    found, used = with_intervals({"score": rank(video, fake, score, **options.pop("given", {}))}, fake * 0, **options)
    return found["score"], used


@pytest.mark.slow
def test_an_interval_over_videos_covers_and_one_over_frames_does_not():
    """Binormal scores: a frame's variance is spread² + noise², so the AUC of all frames is known."""
    truth = norm.cdf(1.2 / np.sqrt(2 * (1.0 + 0.6**2)))
    rng = np.random.default_rng(0)
    by_video, by_frame = [], []
    for number in range(200):
        video, fake, score = clustered(rng, videos=40)
        units = [(by_video, video, fake)]
        if number < 60:
            units.append((by_frame, np.arange(len(score), dtype=np.int32), fake[video]))
        for covered, unit, of_unit in units:
            auc = figures_of(unit, of_unit, score, resamples=200, seed=number)[0]["auc"]
            covered.append(auc["low"] <= truth <= auc["high"])
    assert 0.90 <= np.mean(by_video) <= 0.99
    assert np.mean(by_frame) < 0.75


def test_a_resample_is_what_copies_of_its_videos_give():
    video, fake, score = clustered(np.random.default_rng(1), videos=10, frames=3)
    score = np.round(score, 1)
    ranked = rank(video, fake, score)
    parts = strata(fake, np.zeros(10))
    for resample in range(20):
        weights = draw_resample(parts, 10, resample, seed=3)
        rows = np.concatenate([np.flatnonzero(video == k) for k in range(10) for _ in range(weights[k])])
        assert ranked.figures(weights)["auc"] == pytest.approx(roc_auc_score(fake[video][rows], score[rows]), abs=1e-12)


def test_the_interval_is_that_of_the_percentiles():
    video, fake, score = clustered(np.random.default_rng(2), videos=12)
    found, used = figures_of(video, fake, score, resamples=300, seed=5)
    aucs = []
    for resample in range(300):
        rows = draw_resample(strata(fake, np.zeros(12)), 12, resample, 5)[video]
        aucs.append(roc_auc_score(fake[video], score, sample_weight=rows))
    assert used == 300
    assert [found["auc"]["low"], found["auc"]["high"]] == pytest.approx(np.quantile(aucs, [0.025, 0.975]), abs=1e-12)
    assert found["auc"]["value"] == pytest.approx(roc_auc_score(fake[video], score), abs=1e-12)


def test_few_resamples_of_many_rows_give_a_normal_interval(monkeypatch):
    video, fake, score = clustered(np.random.default_rng(3))
    monkeypatch.setattr(intervals, "BUDGET", 60 * len(score))
    found, used = figures_of(video, fake, score, resamples=1000)
    assert used == 60
    parts = strata(fake, np.zeros(len(fake)))
    ranked = rank(video, fake, score)
    spread = np.std([ranked.figures(draw_resample(parts, len(fake), k, 0))["auc"] for k in range(60)], ddof=1)
    value = found["auc"]["value"]
    assert [found["auc"]["low"], found["auc"]["high"]] == pytest.approx(
        [value - 1.96 * spread, value + 1.96 * spread], 1e-4
    )
    monkeypatch.setattr(intervals, "BUDGET", 1)
    assert figures_of(video, fake, score, resamples=1000)[1] == intervals.FEWEST
    assert figures_of(video, fake, score, resamples=7)[1] == 7


def test_a_normal_interval_stays_within_what_a_figure_can_be():
    video, fake, score = clustered(np.random.default_rng(4), videos=8, gap=3.0)
    found, _ = figures_of(video, fake, score, resamples=40)
    for figure in found.values():
        if figure["low"] is not None:
            assert 0 <= figure["low"] <= figure["value"] <= figure["high"] <= 1


def test_reals_and_fakes_and_methods_are_drawn_apart():
    label = np.array([0] * 5 + [1] * 9)
    kind = np.array([0] * 5 + [1] * 4 + [2] * 3 + [3, 4])
    parts = strata(label, kind)
    assert sorted(tuple(part) for part in parts) == [(0, 1, 2, 3, 4), (5, 6, 7, 8), (9, 10, 11), (12, 13)]
    seen = set()
    for resample in range(50):
        weights = draw_resample(parts, 14, resample, seed=0)
        assert [weights[part].sum() for part in parts] == [len(part) for part in parts]
        seen.add(tuple(weights))
    assert len(seen) == 50


def test_every_video_is_drawn_as_often_as_any_other():
    total = sum(draw_resample([np.arange(4)], 4, resample, 0) for resample in range(4000))
    assert total == pytest.approx(np.full(4, 4000), abs=4 * np.sqrt(4000))


def test_the_seed_decides_and_the_order_of_rows_does_not():
    rng = np.random.default_rng(5)
    video, fake, score = clustered(rng)
    score = np.round(score, 1).astype(np.float32)
    probability = (1 / (1 + np.exp(-score))).astype(np.float32)
    given = {"probability": probability, "threshold": 0.3}
    first = figures_of(video, fake, score, given=given, resamples=50)
    order = rng.permutation(len(score))
    again = figures_of(
        video[order], fake, score[order], given={"probability": probability[order], "threshold": 0.3}, resamples=50
    )
    assert first == again
    assert first != figures_of(video, fake, score, given=given, resamples=50, seed=1)


@pytest.mark.parametrize(("reals", "fakes", "word"), [(1, 4, "one real"), (4, 1, "one fake")])
def test_one_video_in_a_class_gives_no_interval(reals, fakes, word):
    fake = np.repeat([False, True], [reals, fakes])
    video = np.repeat(np.arange(5, dtype=np.int32), 3)
    found, used = figures_of(video, fake, np.arange(15.0))
    assert used == 0
    assert found["auc"]["value"] == 1 and found["auc"]["low"] is None and word in found["auc"]["reason"]
    found = paired_difference(fake[video], video, np.arange(15.0), -np.arange(15.0), "auc")
    assert found == {"value": 1.0, "low": None, "high": None, "reason": found["reason"]} and word in found["reason"]


def test_one_class_has_an_interval_where_it_has_a_value():
    video = np.repeat(np.arange(5, dtype=np.int32), 3)
    score = np.linspace(-1, 2, 15)
    found, _ = figures_of(video, np.ones(5, bool), score, given={"probability": 1 / (1 + np.exp(-score))})
    assert found["acc"]["low"] < found["acc"]["value"] < found["acc"]["high"]
    assert found["auc"] == {"value": None, "low": None, "high": None, "reason": "only fake examples"}


def test_no_rows():
    found, used = figures_of(np.empty(0, np.int32), np.empty(0, bool), np.empty(0))
    assert used == 0 and {figure["reason"] for figure in found.values()} == {"no examples"}
    assert paired_difference([], [], [], [], "auc")["reason"] == "no examples"


@pytest.mark.parametrize("count", [1, -1])
def test_a_number_of_resamples_that_gives_no_interval_is_refused(count):
    video, fake, score = clustered(np.random.default_rng(0))
    with pytest.raises(ValueError, match=f"resamples must be 0.*Received: {count}"):
        figures_of(video, fake, score, resamples=count)
    assert "no resamples" in figures_of(video, fake, score, resamples=0)[0]["auc"]["reason"]


def test_the_difference_of_a_model_and_itself_is_zero():
    video, fake, score = clustered(np.random.default_rng(6))
    found = paired_difference(fake[video], video, score, score, "auc", resamples=200)
    assert found == {"value": 0.0, "low": 0.0, "high": 0.0, "reason": None}


@pytest.mark.parametrize("key", ["auc", "acc", "acc_val", "eer", "brier"])
def test_a_difference_is_that_of_the_figures_on_the_same_resamples(key):
    rng = np.random.default_rng(7)
    video, fake, score = clustered(rng)
    other = score + rng.normal(0, 0.3, len(score))
    models = [
        {"score": of, "probability": 1 / (1 + np.exp(-of)), "threshold": at} for of, at in ((score, 0.2), (other, 0.4))
    ]
    options = {
        f"{name}_{which}": model[name] for which, model in zip("ab", models, strict=True) for name in list(model)[1:]
    }
    found = paired_difference(fake[video], video, score, other, key, 250, 9, **options)
    a, b = (rank(video, fake, **model) for model in models)
    parts = strata(fake, np.zeros(len(fake)))
    each = [draw_resample(parts, len(fake), resample, 9) for resample in range(250)]
    differences = [a.figures(weights)[key] - b.figures(weights)[key] for weights in each]
    assert [found["low"], found["high"]] == pytest.approx(np.quantile(differences, [0.025, 0.975]), abs=1e-12)
    alone = [compute(fake[video], **model)[key][0] for model in models]
    assert found["value"] == pytest.approx(alone[0] - alone[1], abs=1e-12)


def test_pairing_makes_a_difference_surer_than_its_parts():
    """What makes a video hard for both models falls out."""
    rng = np.random.default_rng(8)
    video, fake, score = clustered(rng, videos=60, gap=1.0)
    better = score + 0.3 * fake[video]
    found = paired_difference(fake[video], video, better, score, "auc")
    of_one, _ = figures_of(video, fake, score)
    assert found["low"] > 0
    assert found["high"] - found["low"] < 0.3 * (of_one["auc"]["high"] - of_one["auc"]["low"])


def test_a_figure_that_one_model_has_not_has_no_difference():
    video, fake, score = clustered(np.random.default_rng(9))
    found = paired_difference(fake[video], video, score, score, "acc_val", threshold_a=0.1)
    assert found["value"] is None and "threshold" in found["reason"]
