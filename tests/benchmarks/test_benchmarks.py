"""The other benchmarks: they run, and write what DESIGN asks of them. No time is asserted."""

import json

import pytest

from benchmarks import common, evaluation, expander, extraction, prediction, serving, training, verdict

pytestmark = pytest.mark.slow  # it runs every benchmark


def test_results_replace_no_other_file(tmp_path, capsys):
    results, letter = tmp_path / "results.json", tmp_path / "letter.txt"
    common.write_json(str(results), {"a": 1.0}, {})
    letter.write_text("a letter")
    options = common.parser("x", "y")
    assert options.parse_args([f"--json={results}"]).json == str(results)
    with pytest.raises(SystemExit):
        options.parse_args([f"--json={letter}"])
    assert (
        "letter.txt: this file exists, and this command did not make it. Give another name" in capsys.readouterr().err
    )


def test_contenders_take_turns_and_the_first_round_does_not_count():
    calls = []
    times = common.interleaved({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, 3)
    assert calls == ["a", "b"] * 4
    assert [len(seconds) for seconds in times.values()] == [3, 3]


def test_the_ratio_is_the_median_of_the_rounds():
    assert common.median_ratio({"a": [1.0, 4.0, 9.0], "b": [1.0, 2.0, 3.0]}, "a", "b") == 2.0


@pytest.mark.parametrize(
    "benchmark, ratios",
    [
        (evaluation, {"evaluation_memory_to_scikit_learn", "values_time_to_scikit_learn"}),
        (expander, {"memory_closed_to_built", "time_closed_to_built"}),
        (extraction, {"detection_20", "detection_39.8", "detection_regions", "end_to_end", "end_to_end_regions"}),
        (prediction, {"predictions_to_forward", "predictions_to_forward_cpu"}),
        (serving, {"serving_to_forward_1_clients_4_crops", "serving_to_forward_cpu_3_clients_1_crops"}),
        (verdict, {"verdict_to_parts"}),
        (training, {"method_to_cross_entropy", "paper_input_to_step", "forensic_input_to_step"}),
    ],
)
def test_a_quick_run_writes_its_ratios(benchmark, ratios, tmp_path, capfd, tiny_resnet):
    assert benchmark.main(["--quick", f"--json={tmp_path / 'found.json'}"]) == 0
    found = json.loads((tmp_path / "found.json").read_text())
    assert set(found) == {"ratios", "figures", "machine"}
    assert ratios <= set(found["ratios"]) and all(value > 0 for value in found["ratios"].values())
    printed = capfd.readouterr().out
    assert all(name in printed for name in found["ratios"])
