"""One file after the other, whatever becomes of one, and what comes of it: a verdict, heat maps, a view."""

import time

import cv2
import numpy as np
import pytest

from artifacts.preprocessing import Preprocessing
from faces.alignment import TEMPLATE, align
from serving.verdict.assessor import Assessor
from serving.verdict.outcomes import CANNOT_JUDGE, FAKE, REAL
from serving.verdict.scores import ScoringModel, crops_of
from serving.verdict.verdict_options import VerdictOptions


@pytest.fixture
def assessor(halves):
    with Assessor(VerdictOptions(frames=6)) as assessor:
        yield assessor


@pytest.fixture
def model(made):
    return ScoringModel.of_served(made.Brightness())


def test_verdicts_in_order_under_the_names_that_were_given(assessor, model, films, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stages = []
    paths = [films["fake"], films["real"], films["empty"], "absent.mp4"]
    assessments = assessor.assess_all(paths, model, progress=lambda *of: stages.append(of))
    verdicts = [assessment.verdict for assessment in assessments]
    assert [verdict.file for verdict in verdicts] == paths
    assert [verdict.verdict for verdict in verdicts] == [FAKE, REAL, CANNOT_JUDGE, CANNOT_JUDGE]
    assert verdicts[0].logit == pytest.approx((220 - 128) / 16, abs=0.1) and verdicts[0].model["name"] == "toys"
    assert ("finding faces", 6, 6) in stages and ("judging", 12, 12) in stages


@pytest.mark.slow
@pytest.mark.parametrize("place", [0, 1, 2])
def test_what_nobody_foresaw_costs_one_file(place, assessor, model, films, made, tmp_path):
    green = np.zeros((96, 192, 3), np.uint8)
    green[..., 1] = 255
    paths = [films["fake"], films["real"]]
    paths.insert(place, made.write_clip(tmp_path / "green.mp4", [green] * 6))
    verdicts = [assessment.verdict for assessment in assessor.assess_all(paths, model)]
    assert [verdict.file for verdict in verdicts] == paths
    said = [verdict.verdict for verdict in verdicts]
    assert said.pop(place) == CANNOT_JUDGE and said == [FAKE, REAL]
    assert verdicts[place].statement == (
        "Cannot judge: something unforeseen happened (RuntimeError: what nobody foresaw)."
    )
    assert verdicts[place].reason == "failed"


def test_a_model_that_gives_no_number_is_no_files_fault(assessor, films, made):
    model = ScoringModel.of_served(made.Brightness(fails=ValueError("not finite")))
    with pytest.raises(ValueError, match="not finite"):
        list(assessor.assess_all([films["fake"], films["real"]], model))


def test_a_name_that_reads_like_an_address(assessor, model, made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made.write_clip(tmp_path / "a.mp4", [made.picture(220, 40)] * 6)
    (tmp_path / "a.mp4").rename(tmp_path / "concat:12:30.mp4")
    (assessment,) = assessor.assess_all(["concat:12:30.mp4"], model)
    assert (assessment.verdict.file, assessment.verdict.verdict) == ("concat:12:30.mp4", FAKE)


@pytest.mark.usefixtures("one_moment")
def test_a_file_in_steps_is_what_it_is_in_one_go(assessor, model, films):
    (whole,) = assessor.assess_all([films["two"]], model, keep_frames=True)
    found = assessor.find(films["two"], model, keep_frames=True)
    steps = assessor.assess(found, model, deadline=time.monotonic() + 1000)
    assert steps.verdict == whole.verdict and steps.found.frames == whole.found.frames
    address = "at/{}".format
    assert steps.view(lambda path, data: address(path)) == whole.view(lambda path, data: address(path))


def test_a_view_has_the_heat_map_of_each_face(assessor, model, films):
    (assessment,) = assessor.assess_all([films["two"]], model, keep_frames=True)
    first = assessment.found.examples[0]
    heat_map = assessment.heat_maps.get((first.track, first.frame_index))
    assert heat_map.shape == (256, 256) and heat_map[128, 128] == pytest.approx(200 / 255, abs=0.02)
    pictures = {}
    view = assessment.view(lambda path, data: pictures.setdefault(path, path))
    faces = [face for track in view["pictures"]["faces"].values() for face in track.values()]
    assert len(faces) == 12 and all(face["heat"] in pictures for face in faces) and len(pictures) == 6 + 2 * 12
    assert assessment.view()["pictures"] == {"frames": {}, "faces": {}}


def test_a_view_notices_that_nobody_waits_for_it_any_more(assessor, model, films):
    def give_up(stage, done, total):
        if stage == "drawing":
            raise KeyboardInterrupt

    (assessment,) = assessor.assess_all([films["two"]], model, progress=give_up)
    with pytest.raises(KeyboardInterrupt):
        assessment.view(lambda path, data: path)


def test_other_options_for_the_files_to_come(assessor, model, films):
    assessor.choose(VerdictOptions(frames=3, faces="main", threshold=0.9999))
    (assessment,) = assessor.assess_all([films["two"]], model)
    assert (assessment.verdict.wanted, len(assessment.verdict.faces), assessment.verdict.threshold) == (3, 1, 0.9999)


def test_each_model_gets_the_crops_that_it_learnt_from(assessor, made, tmp_path):
    """One after the other, as when a server takes up a version that was trained on tighter crops."""
    image = cv2.GaussianBlur(np.random.default_rng(0).integers(20, 256, (96, 192, 3), dtype=np.uint8), (0, 0), 2)
    path = str(tmp_path / "windows.png")
    cv2.imwrite(path, image[..., ::-1])
    landmarks = np.float32([10, 12]) + TEMPLATE * 60 / 256  # where `Halves` sees the left face
    for how in (Preprocessing(), Preprocessing(crop_margin=0.8, crop_lift=0.12), Preprocessing(crop_margin=2.0)):
        served = made.Brightness()
        served.preprocessing = how
        model = ScoringModel.of_served(served)
        (assessment,) = assessor.assess_all([path], model)
        assert assessment.verdict.model["preprocessing"] == how.as_dict()
        expected = align(image, landmarks.astype(np.float32), how.crop_margin, 256, how.crop_lift)
        for found in (assessment.found, assessor.find(path, model)):
            assert np.array_equal(crops_of(found.examples[:1])[0], expected)


def test_detector_settings_are_the_models_unless_the_user_gives_others(halves, made, films):
    served = made.Brightness()
    served.preprocessing = Preprocessing(min_face_size=56.1, detect_every=1)
    model = ScoringModel.of_served(served)
    for options, asked in ((VerdictOptions(frames=2), 56.1), (VerdictOptions(frames=2, min_face_size=28.2), 28.2)):
        with Assessor(options) as assessor:
            list(assessor.assess_all([films["two"]], model))
        assert set(halves.asked) == {asked}
        halves.asked.clear()
