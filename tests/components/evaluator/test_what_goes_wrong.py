"""What goes wrong in public code, planted here: each is caught, or cannot happen.

Of the list in the design's facts these belong to the evaluation. The others are tested beside their code.
"""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from artifacts.errors import InputError
from evaluation.metrics import evaluate
from evaluation.video_scores import videos_of

METHODS = ("df", "ff", "fs", "nt")


def auc(metrics, level="video"):
    return metrics[level]["all"]["logit"]["auc"]["value"]


@pytest.fixture
def four_methods(made):
    """Three reals, and three file names that are the same under four methods; the fourth method fools the model."""
    rows = [("ffpp", "real", f"{k:03}", -1.0) for k in range(3) for _ in range(2)]
    for method in METHODS:
        rows += [("ffpp", method, f"{k:03}_00{k}", -3.0 if method == "nt" else 2.0) for k in range(3) for _ in range(2)]
    return made.columns(rows)


def manifest_of(columns, *more):
    first = np.unique(columns["video_id"].astype(str), return_index=True)[1]
    names = ("video_id", "dataset", "method", "label")
    rows = [{name: columns[name][row] for name in names} | {"outcome": "with_face"} for row in first]
    return rows + [dict(zip((*names, "outcome"), row, strict=True)) for row in more]


def test_four_methods_fakes_of_one_file_name_stay_four_videos(four_methods):
    metrics = evaluate(four_methods, resamples=0)
    video = metrics["video"]["datasets"]["ffpp"]
    assert (video["real"], video["fake"]) == (3, 12)
    assert [video["methods"][m]["logit"]["auc"]["value"] for m in METHODS] == [1, 1, 1, 0]
    assert auc(metrics) == 0.75
    # One key for the four would average their scores: (2 + 2 + 2 - 3) / 4 is above the reals, and all looks well.
    name = np.array([video.split("/")[-1] for video in four_methods["video_id"]], object)
    mean = [four_methods["logit"][name == each].mean() for each in sorted(set(name))]
    assert roc_auc_score([int("_" in each) for each in sorted(set(name))], mean) == 1


def test_one_key_for_four_methods_is_refused(four_methods):
    name = np.array([video.split("/")[-1] for video in four_methods["video_id"]], object)
    with pytest.raises(InputError, match="000_000: its rows differ in method: df and ff"):
        evaluate(four_methods | {"video_id": name})
    with pytest.raises(InputError, match="x: its rows differ in label: 0 and 1"):
        evaluate(four_methods | {"video_id": np.full(len(name), "x", object)})


def test_the_same_name_in_two_data_sets_is_two_videos(made):
    metrics = evaluate(
        made.columns([("a", "real", "0", -1.0), ("b", "real", "0", 1.0), ("b", "fake", "0", 2.0)]), resamples=0
    )
    assert metrics["video"]["all"]["real"] == 2


def test_a_video_without_a_face_is_never_dropped_without_a_word(four_methods):
    lost = ("ffpp/nt/004_004", "ffpp", "nt", 1)
    metrics = evaluate(four_methods, listed=manifest_of(four_methods, (*lost, "no_face")), resamples=0)
    nt = metrics["video"]["datasets"]["ffpp"]["methods"]["nt"]
    assert nt["coverage"] == {"listed": 7, "decoded": 7, "with_face": 6, "judged": 6}
    assert metrics["no_face"] == "left_out"
    with pytest.raises(InputError, match=f"{lost[0]}: has faces but no prediction"):
        evaluate(four_methods, listed=manifest_of(four_methods, (*lost, "with_face")))


def test_leaving_out_the_faceless_cannot_pass_for_having_scored_them(made):
    """A detector that sees no face in any fake that it would miss looks perfect, until these count as called real."""
    columns = made.columns(
        [("a", "real", str(k), -1.0) for k in range(4)] + [("a", "df", str(k), 1.0) for k in range(4)]
    )
    faceless = [(f"a/df/{k}", "a", "df", 1, "no_face") for k in range(4, 8)]
    manifest = manifest_of(columns, *faceless)
    left_out, as_real = (evaluate(columns, listed=manifest, no_face=how, resamples=0) for how in ("left_out", "real"))
    assert auc(left_out) == 1 and left_out["video"]["all"]["coverage"]["judged"] == 8
    assert auc(as_real) == 0.5 and as_real["video"]["all"]["coverage"]["judged"] == 12


def test_a_failed_load_that_is_replaced_by_another_face_is_caught(four_methods):
    """Item 0 in place of what could not be loaded: a face that counts twice, and a video that has gone."""
    rows = np.arange(len(four_methods["label"]))
    rows[-2:] = 0
    replaced = {name: values[rows] for name, values in four_methods.items()}
    with pytest.raises(InputError, match="ffpp/real/000: frame 0, track 0 occurs twice"):
        evaluate(replaced)
    replaced["frame_index"] = np.arange(len(rows), dtype=np.int32)  # even if it got another number
    with pytest.raises(InputError, match="ffpp/nt/002_002: has faces but no prediction"):
        evaluate(replaced, listed=manifest_of(four_methods))


def test_no_figure_is_made_from_buckets_of_probability(made):
    """A saturated detector's probabilities are all one; its logits are not."""
    rng = np.random.default_rng(0)
    rows = [
        ("a", method, f"{k:04}", shift + rng.normal())
        for method, shift in (("real", 30), ("df", 32))
        for k in range(500)
    ]
    columns = made.columns(rows)
    exact = roc_auc_score(columns["label"], columns["logit"])
    buckets = np.floor(expit(columns["logit"].astype(np.float32)) * 10_000)
    assert roc_auc_score(columns["label"], buckets) < 0.6 < 0.9 < exact
    for rule in ("mean_logit", "median_logit", "mean_probability", "max_logit"):
        metrics = evaluate(columns, video_rule=rule, resamples=0)
        assert auc(metrics, "frame") == pytest.approx(exact, abs=1e-12)
        assert auc(metrics, "video") == pytest.approx(exact, abs=1e-6)


def test_frames_and_videos_are_not_mixed_up(made):
    """One long video is right, three short ones are wrong: frames say 0.9, videos say 0.25."""
    rows = [("a", "real", "0", 0.0)]
    rows += [("a", "df", "long", 1.0)] * 27 + [("a", "df", str(k), -1.0) for k in range(3)]
    metrics = evaluate(made.columns(rows), resamples=0)
    assert auc(metrics, "frame") == pytest.approx(0.9) and auc(metrics, "video") == 0.25
    assert (metrics["frame"]["all"]["fake"], metrics["video"]["all"]["fake"]) == (30, 4)


def test_frames_do_not_pass_for_independent_in_the_intervals(made):
    """Showing every frame ten times adds no knowledge, and must not narrow an interval."""
    rng = np.random.default_rng(0)
    rows = [(m, f"{k:02}", rng.normal(shift)) for m, shift in (("real", 0), ("df", 1)) for k in range(20)]
    once, often = (
        evaluate(made.columns([("a", m, name, x) for m, name, x in rows for _ in range(times)]), resamples=200)
        for times in (1, 10)
    )
    assert once["frame"]["all"]["logit"]["auc"] == often["frame"]["all"]["logit"]["auc"]


def test_a_threshold_is_never_fixed_on_the_test_split(four_methods, made):
    validation = made.columns([("ffpp", "real", "900", -5.0), ("ffpp", "df", "900_901", 4.0)])
    metrics = evaluate(four_methods, validation, resamples=0)
    assert metrics["thresholds"]["video"]["logit"] == -0.5
    flipped = four_methods | {"logit": -four_methods["logit"]}
    assert evaluate(flipped, validation, resamples=0)["thresholds"] == metrics["thresholds"]
    assert evaluate(four_methods, resamples=0)["thresholds"]["video"]["logit"] is None


def test_nothing_is_half_right_by_default(made):
    """Where there is no figure, no 0.5 stands in for it."""
    for method in ("real", "df"):
        found = evaluate(made.columns([("a", method, str(k), float(k)) for k in range(5)]), resamples=0)
        for key in ("auc", "ap", "eer", "tpr_1", "balanced_acc"):
            figure = found["video"]["all"]["logit"][key]
            assert figure["value"] is None and figure["reason"]


def test_the_videos_of_the_report_are_those_of_the_figures(four_methods):
    videos = videos_of(four_methods)
    metrics = evaluate(four_methods, resamples=0)
    assert auc(metrics) == roc_auc_score(videos["label"], videos["logit"])
