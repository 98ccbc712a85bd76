import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from artifacts import face_examples
from artifacts.errors import InputError
from artifacts.predictions import read_predictions
from components.evaluator.inference import write_predictions
from evaluation import robustness
from evaluation.crops import read_crops
from evaluation.robustness import APPLY
from evaluation.robustness_rows import robustness_rows
from evaluation.sampling import rows_of_some_videos
from evaluation.scores import THIS, HowScored, Part, ScoredModel, Scores
from evaluation.vocabulary import CHANGES, SEVERITIES


@pytest.fixture(scope="module")
def photo():
    from skimage import data

    return np.ascontiguousarray(data.astronaut()[:256, 100:356])


def apply(name, severity, crop, seed=0):
    return APPLY[name](crop, CHANGES[name].strengths[severity - 1], np.random.default_rng(seed))


@pytest.mark.parametrize("name", APPLY)
def test_a_change_grows_with_its_severity(name, photo):
    before = photo.copy()
    errors = []
    for severity in SEVERITIES:
        changed = apply(name, severity, photo)
        assert changed.shape == photo.shape and changed.dtype == np.uint8
        assert np.array_equal(changed, apply(name, severity, photo)), "the same every time"
        errors.append(np.mean((changed.astype(float) - photo) ** 2))
    assert errors == sorted(errors) and errors[0] > 5
    assert np.array_equal(photo, before)


@pytest.mark.parametrize("name", APPLY)
def test_channels_stay_in_their_places(name):
    for channel in range(3):
        crop = np.full((256, 256, 3), 90, np.uint8)
        crop[..., channel] = 150
        means = apply(name, 1, crop).mean(axis=(0, 1))
        assert means.argmax() == channel and means[channel] - np.sort(means)[1] > 30


def test_blur_and_downscale_keep_the_mean_and_lose_detail(photo):
    for name in ("blur", "downscale"):
        changed = apply(name, 3, photo).astype(float)
        assert abs(changed.mean() - photo.mean()) < 1
        assert np.abs(np.diff(changed, axis=1)).mean() < 0.7 * np.abs(np.diff(photo.astype(float), axis=1)).mean()


def test_noise_has_its_variance():
    grey = np.full((256, 256, 3), 128, np.uint8)
    for severity, variance in enumerate(CHANGES["noise"].strengths[:4], start=1):
        luma = apply("noise", severity, grey).astype(float) @ (0.299, 0.587, 0.114) / 255
        assert luma.var() == pytest.approx(variance, rel=0.05)


def test_brightness_adds_to_the_value():
    changed = apply("brightness", 2, np.full((4, 4, 3), (100, 50, 0), np.uint8))
    assert (changed == np.rint([100 + 51, (100 + 51) / 2, 0])).all()


@pytest.fixture(scope="module")
def written(made, model_dir, tmp_path_factory):
    """(files, folder, columns) of two data sets; in the second there are no fakes."""
    rng = np.random.default_rng(0)
    faces = []
    for k in range(24):
        method = ("real", "df")[k // 2 % 2]
        faces.append(
            made.face(
                int(rng.integers(60, 190)),
                k // 2,
                k,
                method=method,
                dataset="e" if method == "real" and k > 15 else "d",
            )
        )
    files = face_examples.find_files(str(made.write_examples(tmp_path_factory.mktemp("examples"), faces)), "test")
    folder = str(tmp_path_factory.mktemp("predictions"))
    write_predictions(files, "test", str(model_dir), folder, ["--runner=FnApiRunner"])
    return files, folder, read_predictions(folder, "test")


def sweep(written, model_dir, **options):
    files, folder, columns = written
    parts = robustness.sweep(files, folder, "test", columns, str(model_dir), **options)
    models = {THIS: ScoredModel(name="m", digest="0", temperature=None)}
    how = HowScored(models=models, robustness=tuple(options.get("changes", APPLY)))
    return robustness_rows(Scores(how, parts | {Part(THIS, "test"): columns}))


def auc(label, score):
    return roc_auc_score(label, score) if len(set(label)) == 2 else None


@pytest.mark.slow
@pytest.mark.parametrize("batch_size", [5, 64])
def test_a_sweep_equals_a_loop(batch_size, written, model_dir):
    files, folder, columns = written
    found = sweep(written, model_dir, changes=("noise", "brightness"), severities=(1, 4), batch_size=batch_size, seed=3)
    crops = read_crops(files, folder, "test", range(24))
    dataset, video = (np.array(columns[name].to_pylist()) for name in ("dataset", "video_id"))
    expected = []
    for name in ("d", "e"):
        ours = np.flatnonzero(dataset == name)
        for change in ("noise", "brightness"):
            for severity in (0, 1, 4):
                strength = CHANGES[change].strengths[severity - 1] if severity else None
                scores = {}
                for row in ours:
                    crop = crops[row]
                    if severity:
                        crop = APPLY[change](crop, strength, np.random.default_rng([3, row]))
                    scores[row] = (crop.mean(dtype=np.float64) - 128) / 10  # as `Tiny` does
                of_videos = {v: [scores[row] for row in ours if video[row] == v] for v in video[ours]}
                label_of = dict(zip(video, columns["label"], strict=True))
                expected.append(
                    {
                        "change": change,
                        "severity": severity,
                        "strength": strength,
                        "unit": CHANGES[change].unit,
                        "dataset": name,
                        "method": None,
                        "real": sum(label_of[v] == 0 for v in of_videos),
                        "fake": sum(label_of[v] == 1 for v in of_videos),
                        "reason": None if name == "d" else "only real examples",
                        "frame_auc": auc(columns["label"][ours], list(scores.values())),
                        "video_auc": auc([label_of[v] for v in of_videos], [np.mean(s) for s in of_videos.values()]),
                    }
                )
    assert len(found) == len(expected) == 12
    for row, of_loop in zip(found, expected, strict=True):
        assert row == pytest.approx(of_loop)
    assert {row["frame_auc"] for row in found if row["dataset"] == "e"} == {None}


@pytest.mark.slow
def test_all_changes_and_severities_by_default(written, model_dir):
    found = sweep(written, model_dir, most_videos=1)
    steps = {(row["change"], row["severity"]) for row in found}
    assert steps == {(change, severity) for change in APPLY for severity in range(6)} and len(found) == 2 * len(steps)


@pytest.mark.slow
def test_each_crop_is_read_once(written, model_dir, monkeypatch):
    places = []
    read = face_examples.read_record
    monkeypatch.setattr(face_examples, "read_record", lambda *place: places.append(place) or read(*place))
    sweep(written, model_dir, changes=("jpeg",))
    assert len(places) == len(set(places)) == 24


@pytest.mark.slow
def test_a_limit_takes_whole_videos_of_each_data_set_and_label(written):
    _, _, columns = written
    video, dataset = (np.array(columns[name].to_pylist()) for name in ("video_id", "dataset"))
    rows = rows_of_some_videos(columns, 2)
    assert rows.tolist() == sorted(rows) and (rows_of_some_videos(columns, 2) == rows).all()
    assert np.isin(video, video[rows]).sum() == len(rows), "whole videos"
    for name, label, count in (("d", 0, 2), ("d", 1, 2), ("e", 0, 2)):
        ours = (dataset[rows] == name) & (columns["label"][rows] == label)
        assert len(set(video[rows][ours])) == count
    assert rows_of_some_videos(columns, 100).tolist() == rows_of_some_videos(columns).tolist() == list(range(24))


@pytest.mark.parametrize("options", [{"changes": ("fog",)}, {"severities": (6,)}])
def test_what_there_is_not_is_refused(options, written, model_dir):
    with pytest.raises(
        InputError, match="unknown ('fog'|6). The changes are jpeg, blur, noise, downscale, brightness; the sev"
    ):
        sweep(written, model_dir, **options)
