"""What JSON has of a verdict, and of several."""

import json

from serving.verdict.verdict_json import verdicts_json
from serving.verdict.verdict_options import VerdictOptions


def test_json_has_all_of_it_and_no_nan(made):
    found, scores = made.found_of([(track, k, track + 0.1 * k) for track in (0, 1) for k in range(6)])
    verdict = made.verdict_of(found, scores, VerdictOptions(), None, {"name": "m", "not_judged": None})
    content = made.parse(json.dumps(verdict.as_dict(), allow_nan=False))
    assert content["faces"][1]["frames"][2]["index"] == 2 and content["faces"][1]["frames"][2]["box"] == [5, 6, 72, 80]
    assert content["faces"][1]["fake_probability"] == content["fake_probability"] == verdict.fake_probability
    problem = "the model has no calibration"
    assert content["model"] == {
        "name": "m", "not_judged": None, "calibrated": False, "calibration_problem": problem
    }  # fmt: skip
    assert content["info"]["seconds"] == 10.0


def test_the_document_names_the_model_once(made):
    verdicts = [made.verdict_of(*made.found_of([(0, k, 1.0) for k in range(6)]), VerdictOptions()) for _ in range(2)]
    names = {"passed_over": ["n\udce9.txt"], "not_examined": ["c.mp4"], "not_drawn": ["d.mp4"]}
    content = verdicts_json(verdicts, caveats=["a"], problems=["b"], interrupted=True, **names)
    assert made.parse(json.dumps(content, allow_nan=False))["parameters"] == VerdictOptions().model_dump()
    assert content["model"] == verdicts[0].model and len(content["files"]) == 2
    assert all(
        "model" not in file and "parameters" not in file and file["verdict"] == "fake" for file in content["files"]
    )
    assert (content["caveats"], content["passed_over"], content["problems"], content["interrupted"]) == (
        ["a"],
        ["n\\xe9.txt"],
        ["b"],
        True,
    )
