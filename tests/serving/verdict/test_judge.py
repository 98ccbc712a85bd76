"""One file after the other, whatever becomes of one."""

import numpy as np
import pytest

from serving.verdict.judge import MOST_HEAT_MAPS, Judge
from serving.verdict.parameters import JudgeParameters
from serving.verdict.verdict import CANNOT_JUDGE, FAKE, REAL


@pytest.fixture
def judge(halves, made):
    with Judge(made.Brightness(), JudgeParameters(frames=6), name="toys") as judge:
        yield judge


def test_verdicts_in_order_under_the_names_that_were_given(judge, films, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stages = []
    paths = [films["fake"], films["real"], films["empty"], "absent.mp4"]
    verdicts = [verdict for verdict, _ in judge.judge_all(paths, watch=lambda *of: stages.append(of))]
    assert [verdict.file for verdict in verdicts] == paths
    assert [verdict.verdict for verdict in verdicts] == [FAKE, REAL, CANNOT_JUDGE, CANNOT_JUDGE]
    assert verdicts[0].logit == pytest.approx((220 - 128) / 16, abs=0.1) and verdicts[0].model["name"] == "toys"
    assert ("finding faces", 6, 6) in stages and ("judging", 12, 12) in stages


@pytest.mark.parametrize("place", [0, 1, 2])
def test_what_nobody_foresaw_costs_one_file(place, judge, films, made, tmp_path):
    green = np.zeros((96, 192, 3), np.uint8)
    green[..., 1] = 255
    paths = [films["fake"], films["real"]]
    paths.insert(place, made.write_clip(tmp_path / "green.mp4", [green] * 6))
    found = list(judge.judge_all(paths))
    assert [verdict.file for verdict, _ in found] == paths
    said = [verdict.verdict for verdict, _ in found]
    assert said.pop(place) == CANNOT_JUDGE and said == [FAKE, REAL]
    assert found[place][0].statement == (
        "Cannot judge: something unforeseen happened (RuntimeError: what nobody foresaw)."
    )
    assert found[place][0].reason == "failed"


def test_a_model_that_gives_no_number_is_no_files_fault(halves, films, made):
    with Judge(made.Brightness(fails=ValueError("not finite"))) as judge, pytest.raises(ValueError, match="not finite"):
        list(judge.judge_all([films["fake"], films["real"]]))


def test_a_name_that_reads_like_an_address(judge, made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made.write_clip(tmp_path / "a.mp4", [made.picture(220, 40)] * 6)
    (tmp_path / "a.mp4").rename(tmp_path / "concat:12:30.mp4")
    ((verdict, _),) = judge.judge_all(["concat:12:30.mp4"])
    assert (verdict.file, verdict.verdict) == ("concat:12:30.mp4", FAKE)


def test_heat_maps_of_all_or_of_so_many_spread_evenly(judge, films, made):
    ((_, found),) = judge.judge_all([films["two"]])
    maps = judge.heat_maps(found)
    assert set(maps) == {(e.track, e.frame_index) for e in found.examples} and len(maps) == 12
    assert maps[0, 2].shape == (256, 256) and maps[0, 2][128, 128] == pytest.approx(200 / 255, abs=0.02)
    many = type(found)("f", "video", [found.examples[0]] * 200, [], 200, {})
    for number, example in enumerate(many.examples):
        many.examples[number] = type(example)(**vars(example) | {"frame_index": number})
    chosen = sorted(index for _, index in judge.heat_maps(many))
    assert len(chosen) == MOST_HEAT_MAPS and chosen[0] == 0 and chosen[-1] == 199
    assert set(np.diff(chosen)) == {3, 4}


def test_a_model_without_heat_maps(judge, films):
    ((_, found),) = judge.judge_all([films["fake"]])
    judge.model.heat_maps = lambda crops: None
    assert judge.heat_maps(found) == {}
