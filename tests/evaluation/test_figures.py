"""Every figure against scikit-learn, or against loops that follow its definition to the letter."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn import metrics

from evaluation import figures
from evaluation.figures import best_threshold, compute, rank
from evaluation.vocabulary import FIGURE_KEYS

# Few distinct values, so that ties abound; or any float32, so that they are rare and magnitudes differ wildly.
tied = st.integers(-3, 3).map(float)
wild = st.floats(-(2.0**100), 2.0**100, width=32)
saturated = st.sampled_from([-60.0, -50.0, 17.0, 17.5, 50.0, 60.0])


def drawn(scores, least=1):
    return st.lists(st.tuples(st.integers(0, 1), scores), min_size=least, max_size=40).map(
        lambda rows: (np.array([row[0] for row in rows], np.int8), np.array([row[1] for row in rows], np.float32))
    )


def values(label, score, probability=None, threshold=None):
    found = compute(label, score, probability, threshold)
    assert list(found) == list(FIGURE_KEYS)
    assert all((value is None) != (reason is None) for value, reason in found.values())
    return {key: value for key, (value, _) in found.items()}


def roc_points(label, score):
    """All points of the ROC curve by counting: (FPR, TPR) of 'fake from this score on'."""
    reals, fakes = int(np.sum(label == 0)), int(np.sum(label == 1))
    points = [(0.0, 0.0)]
    for least in sorted(set(score.tolist()), reverse=True):
        called = score >= least
        points.append((int(np.sum(called & (label == 0))) / reals, int(np.sum(called & (label == 1))) / fakes))
    return points


def equal_error(points):
    """Where the ROC curve meets FPR = 1 - TPR, by bisection on the chord that crosses it."""
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        if x1 + y1 >= 1:
            low, high = 0.0, 1.0
            for _ in range(200):
                middle = (low + high) / 2
                below = x0 + middle * (x1 - x0) + y0 + middle * (y1 - y0) < 1
                low, high = (middle, high) if below else (low, middle)
            return x0 + high * (x1 - x0)
    raise AssertionError("the last point is (1, 1)")


def calibration_error(label, probability):
    total = 0.0
    for k in range(15):
        inside = [i for i, p in enumerate(probability.tolist()) if k <= p * 15 < k + 1 or (k == 14 and p * 15 >= 15)]
        if inside:
            observed = sum(int(label[i]) for i in inside) / len(inside)
            total += len(inside) * abs(observed - sum(float(probability[i]) for i in inside) / len(inside))
    return total / len(label)


@settings(max_examples=300, deadline=None)
@given(rows=drawn(tied) | drawn(wild) | drawn(saturated), threshold=tied)
def test_every_figure_is_what_its_definition_says(rows, threshold):
    label, score = rows
    probability = expit(score.astype(np.float64))
    found = values(label, score, probability, threshold)
    called = score.astype(np.float64) > threshold
    assert found["acc"] == pytest.approx(metrics.accuracy_score(label, probability > 0.5), abs=1e-12)
    assert found["acc_val"] == pytest.approx(metrics.accuracy_score(label, called), abs=1e-12)
    assert found["brier"] == pytest.approx(metrics.brier_score_loss(label, probability, pos_label=1), abs=1e-12)
    assert found["ece"] == pytest.approx(calibration_error(label, probability), abs=1e-12)
    if label.min() == label.max():
        assert all(found[key] is None for key in figures.OF_BOTH_CLASSES)
        return
    points = roc_points(label, score)
    pairs = [(f > r) + 0.5 * (f == r) for f in score[label == 1] for r in score[label == 0]]
    assert found["auc"] == pytest.approx(float(np.mean(pairs)), abs=1e-12)
    assert found["auc"] == pytest.approx(metrics.roc_auc_score(label, score), abs=1e-12)
    assert found["ap"] == pytest.approx(metrics.average_precision_score(label, score), abs=1e-12)
    assert found["eer"] == pytest.approx(equal_error(points), abs=1e-12)
    assert found["balanced_acc"] == pytest.approx(metrics.balanced_accuracy_score(label, probability > 0.5), abs=1e-12)
    assert found["balanced_acc_val"] == pytest.approx(metrics.balanced_accuracy_score(label, called), abs=1e-12)
    assert found["tpr_1"] is None and found["tpr_01"] is None  # at most 40 reals


@pytest.mark.parametrize("step", [0.0, 0.25, 1.0])
@pytest.mark.parametrize("count", [99, 100, 357, 999, 1000, 30000])
def test_rates_at_few_false_positives(count, step):
    """The highest true-positive rate at no more than so many false positives, with more rows than fit in a chunk."""
    rng = np.random.default_rng(count)
    label = np.repeat([0, 1], [count, count + 7])
    score = rng.normal(2.0 * label)
    score = (np.round(score / step) * step if step else score).astype(np.float32)
    found = compute(label, score)
    false, true, _ = metrics.roc_curve(label, score, drop_intermediate=False)
    for key, needed in (("tpr_1", 100), ("tpr_01", 1000)):
        value, reason = found[key]
        if count < needed:
            assert value is None and f"{count} real" in reason and str(needed) in reason
        else:
            assert value == pytest.approx(true[np.round(false * count) <= count // needed].max(), abs=1e-12)
    assert found["auc"][0] == pytest.approx(metrics.roc_auc_score(label, score), abs=1e-12)
    assert found["ap"][0] == pytest.approx(metrics.average_precision_score(label, score), abs=1e-12)
    assert found["eer"][0] == pytest.approx(equal_error(list(zip(false, true, strict=True))), abs=1e-12)


def test_equal_scores_that_span_what_is_looked_at_at_a_time():
    label = np.tile([0, 1, 1], 20000)
    score = np.repeat([1.0, 0.0], [50000, 10000]) + (label == 1) * np.repeat([0.0, 1.0], [50000, 10000])
    found = values(label, score)
    assert found["auc"] == pytest.approx(metrics.roc_auc_score(label, score), abs=1e-12)
    assert found["ap"] == pytest.approx(metrics.average_precision_score(label, score), abs=1e-12)
    assert found["eer"] == pytest.approx(equal_error(roc_points(label, score)), abs=1e-12)


def test_a_pencil_is_enough():
    """Reals 1, 2, 3, 4 and fakes 3, 5: of 8 pairs the fake is higher in 6, and one is a tie."""
    label, score = np.array([0, 0, 0, 0, 1, 1]), np.array([1, 2, 3, 4, 3, 5], np.float32)
    found = values(label, score, threshold=3.5)
    assert found["auc"] == 6.5 / 8
    assert found["ap"] == pytest.approx(0.5 * 1 + 0.5 * (2 / 4))
    # The curve goes (0, .5), (.25, .5), (.5, 1): it meets FPR = 1 - TPR between the last two, at a third of the way.
    assert found["eer"] == pytest.approx(0.25 + 0.25 / 3)
    assert found["acc_val"] == 4 / 6 and found["balanced_acc_val"] == (3 / 4 + 1 / 2) / 2


def test_a_saturated_detector_keeps_its_order():
    """Probabilities round to 1, logits do not: what a figure from probabilities or buckets of them cannot tell."""
    rng = np.random.default_rng(0)
    label = rng.integers(0, 2, 4000)
    score = (rng.normal(2.0 * label) + 40).astype(np.float32)
    probability = expit(score)
    assert len(np.unique(probability)) == 1
    found = values(label, score, probability)
    assert found["auc"] == pytest.approx(metrics.roc_auc_score(label, score), abs=1e-12) and found["auc"] > 0.9
    assert found["acc"] == np.mean(label)


@pytest.mark.parametrize(("only", "word"), [(0, "only real"), (1, "only fake")])
def test_one_class(only, word):
    found = compute(np.full(200, only), np.linspace(-1, 3, 200), expit(np.linspace(-1, 3, 200)), 0.0)
    for key in figures.OF_BOTH_CLASSES:
        assert found[key][0] is None and word in found[key][1]
    assert found["acc"] == (pytest.approx(0.75 if only else 0.25), None)
    assert found["acc_val"][0] == found["acc"][0] and found["brier"][1] is None


def test_one_row_and_none():
    assert compute(np.array([1]), np.array([0.3]), np.array([0.57]))["acc"] == (1.0, None)
    for value, reason in compute(np.array([], int), np.array([]), np.array([]), 0.0).values():
        assert value is None and reason == "no examples"


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("which", ["score", "probability"])
def test_what_is_no_number_gives_no_number(odd, which):
    given = {"score": np.array([0.0, 1.0, 2.0], np.float32), "probability": np.array([0.1, 0.5, 0.9], np.float32)}
    given[which][1] = odd
    for value, reason in compute(np.array([0, 1, 1]), **given, threshold=0.0).values():
        assert value is None and "NaN" in reason


def test_a_similarity_is_no_probability():
    found = compute(np.array([0, 1]), np.array([0.0, 1.0]))
    assert {key for key in FIGURE_KEYS if found[key][1] == "a similarity is not a probability"} == {
        "acc", "balanced_acc", "brier", "ece",
    }  # fmt: skip
    assert {key for key in FIGURE_KEYS if "threshold" in (found[key][1] or "")} == {"acc_val", "balanced_acc_val"}


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(rows=drawn(tied) | drawn(wild))
def test_the_best_threshold(rows):
    """No threshold is better, the higher ones are worse, and it lies between two scores."""
    label, score = rows
    best = best_threshold(label, score)
    if label.min() == label.max():
        assert best is None
        return

    def balanced(threshold):
        return metrics.balanced_accuracy_score(label, score.astype(np.float64) > threshold)

    distinct = np.unique(score.astype(np.float64))
    candidates = [*((distinct[1:] + distinct[:-1]) / 2), distinct[-1]]
    found = [balanced(threshold) for threshold in candidates]
    assert balanced(best) == pytest.approx(max(found), abs=1e-12)
    assert all(value < balanced(best) + 1e-12 for value, at in zip(found, candidates, strict=True) if at > best)
    assert not any(value > max(found) - 1e-12 for value, at in zip(found, candidates, strict=True) if at > best)
    assert best in candidates
    assert best_threshold(label[::-1], score[::-1]) == best


def test_thresholds_are_not_rounded_to_the_scores_type():
    """Two neighbouring float32: their middle is neither, unless it is rounded."""
    score = np.array([1.0, np.nextafter(np.float32(1), np.float32(2))], np.float32)
    label = np.array([0, 1])
    best = best_threshold(label, score)
    assert score[0] < np.float64(best) < score[1]
    assert values(label, score, threshold=best)["acc_val"] == 1
    doubles = np.array([1.0, np.nextafter(1.0, 2.0)])
    assert values(label, doubles, threshold=best_threshold(label, doubles))["acc_val"] == 1


@pytest.mark.parametrize("odd", [np.nan, np.inf])
def test_no_threshold_of_what_is_no_number(odd):
    assert best_threshold(np.array([0, 1, 1]), np.array([0.0, odd, 1.0])) is None


@settings(max_examples=60, deadline=None)
@given(rows=drawn(tied, least=6), seed=st.integers(0, 99))
def test_weights_are_the_same_as_copies(rows, seed):
    """A unit that counts three times is there three times; one that counts zero times is not there."""
    _, score = rows
    rng = np.random.default_rng(seed)
    units = 5
    unit = rng.integers(0, units, len(score)).astype(np.int32)
    fake = np.arange(units) % 2 == 0
    weights = rng.integers(0, 4, units).astype(np.int32)
    probability = expit(score.astype(np.float64))
    ranked = rank(unit, fake, score, probability, 0.5)
    copies = np.repeat(np.arange(len(score)), weights[unit])
    copied = rank(unit[copies], fake, score[copies], probability[copies], 0.5)
    missing = copied.reasons()
    found = ranked.figures(weights)
    for key, value in copied.figures(np.ones(units, np.int32)).items():
        if key not in missing:
            assert found[key] == pytest.approx(value, abs=1e-12)


def test_a_part_of_the_units_is_ranked_as_if_it_were_alone():
    rng = np.random.default_rng(1)
    unit = rng.integers(0, 8, 500).astype(np.int32)
    fake, score = np.arange(8) < 4, np.round(rng.normal(size=500), 1)
    part = np.array([1, 1, 0, 0, 1, 0, 1, 0], bool)
    of = rank(unit, fake, score, expit(score), 0.1).of(part)
    inside = part[unit]
    alone = compute(fake[unit[inside]], score[inside], expit(score[inside]), 0.1)
    assert of.counts() == (int(np.sum(~fake[unit[inside]])), int(np.sum(fake[unit[inside]])))
    for key, value in of.figures(np.ones(4, np.int32)).items():
        if alone[key][0] is not None:
            assert value == pytest.approx(alone[key][0], abs=1e-12)
