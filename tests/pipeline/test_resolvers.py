"""Which model is held against the one that is judged."""

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def evaluate(toy, launch, judge):
    """evaluate(model, verdict): runs a model and the judge; returns (hit or miss, the texts that the judge took)."""

    def run(model, verdict="BLESSED", text="!", **options):
        reasons, launcher = launch(toy("Model", text=model), judge(text, verdict), **options)
        taken = Path(launcher.outputs["Judge", "out"].uri, "out.txt").read_text().removesuffix(text)
        return reasons[1].split()[0], taken

    return run


def test_first_run_has_none_and_second_run_is_cached(evaluate):
    assert evaluate("A") == ("miss", "A")
    assert evaluate("A") == ("hit", "A")


def test_the_next_model_is_held_against_the_blessed_one_and_is_cached_then(evaluate):
    evaluate("A")
    assert evaluate("B") == ("miss", "BA")
    assert evaluate("B") == ("hit", "BA")
    assert evaluate("C") == ("miss", "CB")
    assert evaluate("C") == ("hit", "CB")


def test_a_model_that_was_not_blessed_is_none_to_reach(evaluate):
    evaluate("A")
    evaluate("B", "NOT_BLESSED")
    assert evaluate("C") == ("miss", "CA")
    assert evaluate("B", "NOT_BLESSED") == ("miss", "BC"), "C was blessed since"


def test_back_to_an_earlier_model(evaluate):
    evaluate("A")
    evaluate("B")
    assert evaluate("A") == ("miss", "AB"), "B is what was blessed last"
    assert evaluate("A") == ("hit", "AB")
    assert evaluate("B") == ("hit", "BA")
    assert evaluate("A") == ("hit", "AB")


def test_the_order_is_that_of_the_runs_also_of_cached_ones(evaluate):
    for model in "ABAB":
        evaluate(model)
    assert evaluate("C") == ("miss", "CB"), "the last execution judged A, but the last run found B blessed"


def test_an_earlier_model_that_fails_now_keeps_no_other_from_being_the_last(evaluate):
    evaluate("A")
    evaluate("B")
    assert evaluate("A", "NOT_BLESSED") == ("miss", "AB")
    assert evaluate("B") == ("hit", "BA"), "A's blessing of old still stands"
    assert evaluate("C") == ("miss", "CB")


def test_the_same_content_made_again_is_the_same_model(evaluate):
    evaluate("A")
    assert evaluate("A", no_cache=True) == ("miss", "A")
    assert evaluate("A") == ("hit", "A")
    evaluate("B")
    assert evaluate("A", no_cache=True) == ("miss", "AB")


def test_another_parameter_of_the_judge_changes_nothing(evaluate):
    evaluate("A")
    evaluate("B")
    assert evaluate("B", text="?") == ("miss", "BA")


@pytest.mark.parametrize("spoil", ["gone", "changed", "no verdict"])
def test_a_model_that_lies_there_no_more_is_passed_over(evaluate, root, spoil):
    for model in "ABC":
        evaluate(model)
    if spoil == "gone":
        shutil.rmtree(root / "Model" / "out" / "3")  # B
    elif spoil == "changed":
        (root / "Model" / "out" / "3" / "more").touch()
    else:
        shutil.rmtree(root / "Judge" / "out" / "4")
    assert evaluate("C") == ("miss", "CA")


def test_the_reason_names_it(toy, launch, judge):
    def reason(model):
        return launch(toy("Model", text=model), judge())[0][1]

    assert reason("A") == "miss never run before; baseline: none yet"
    assert reason("A").endswith("; baseline: none yet") and reason("A").startswith("hit same inputs")
    assert reason("B") == "miss input Model, baseline changed; baseline: Model/out/1"
    assert reason("B").startswith("hit same inputs") and reason("B").endswith("; baseline: Model/out/1")


def test_the_executor_gets_its_folder_and_the_lineage_its_event(toy, launch, judge, root, store):
    launch(toy("Model", text="A"), first := judge())
    launch(toy("Model", text="B"), second := judge())
    assert "baseline" not in first.calls[0].inputs
    assert second.calls[0].inputs["baseline"] == str(root / "Model" / "out" / "1")
    assert [sorted(store.artifacts(number, "INPUT")) for number in (2, 4)] == [["Model"], ["Model", "baseline"]]
