import json

from components.base import Context
from components.evaluator import provenance
from components.evaluator.component import EvaluatorParameters
from model.recipes import get_recipe
from model.saved_model import write_card


def test_the_command_names_what_was_given():
    parameters = EvaluatorParameters(resamples=50, name="a model", thresholds=[{"min": 0.5}])
    context = Context({"examples": "some faces"}, {"evaluation": "somewhere"}, parameters)
    assert provenance.reproduce(context) == [
        "python -m components.evaluator \\",
        "    '--examples=some faces' \\",
        "    --evaluation=evaluation \\",
        "    '--thresholds=[{\"min\": 0.5}]' \\",
        "    --resamples=50 \\",
        "    '--name=a model'",
    ]


def test_a_recipe_beside_the_model_comes_before_the_card(tmp_path):
    folder = tmp_path / "Format-Serving"
    folder.mkdir()
    assert provenance.recipe_of(str(folder)) == {}
    write_card({"name": "paper", "recipe": {"steps": 7}}, str(folder))
    assert provenance.recipe_of(str(folder)) == {"name": "paper", "steps": 7}
    (tmp_path / "recipe.json").write_text(json.dumps({"name": "mine", "steps": 9}))
    assert provenance.recipe_of(str(folder)) == {"name": "mine", "steps": 9}


def test_the_lineage_names_inputs_and_other_models(model_dir):
    model = str(model_dir / "Format-Serving")
    lines = provenance.lineage({"examples": "faces", "model": model}, model, {"other": model})
    found = {line["name"]: line["value"] for line in lines}
    assert found["model"] == model and found["examples"] == "faces" and "videos" not in found
    digest = found["model's digest"]
    assert found["other model: other"] == f"{model} ({digest})" and found["date"]


def test_a_recipe_is_told_as_it_was_resolved_without_words_of_python(tmp_path):
    folder = tmp_path / "Format-Serving"
    folder.mkdir()
    (folder / "saved_model.pb").write_bytes(b"")
    recipe = get_recipe("paper", steps=90).model_dump()
    (tmp_path / "recipe.json").write_text(json.dumps(recipe))
    lines = provenance.lineage({}, str(folder), {})
    found = {line["name"].removeprefix("recipe: "): line["value"] for line in lines}
    assert (found["weight_center_start"], found["expander_start"]) == ("30", "60")
    assert found["expander"] == "yes" and not {"None", "True", "False"} & set(found.values())
