"""Each contract between two nodes is broken, and each break names both ends."""

import re
from dataclasses import replace

import pytest

import pipeline.pipeline
from components.evaluator.component import COMPONENT as EVALUATOR
from components.pusher.component import COMPONENT as PUSHER
from components.trainer.component import COMPONENT as TRAINER
from components.trainer.component import TrainerParameters
from components.video_example_gen.component import COMPONENT as VIDEO_EXAMPLE_GEN
from pipeline.config import load_config
from pipeline.pipeline import create_pipeline
from pipeline.resolvers import LastBlessed
from pipeline.wiring import Node, Output, WiringError, check_order

STEPS = [
    "VideoExampleGen", "FaceExampleGen", "StatisticsGen", "ExampleValidator", "Trainer", "Evaluator", "InfraValidator",
    "Pusher",
]  # fmt: skip


@pytest.fixture
def config(raw, write):
    return load_config(write(raw))


def test_the_real_pipeline_fits_together(config):
    nodes = create_pipeline(config)
    assert [node.component.name for node in nodes] == STEPS
    for node in nodes:
        given = {*node.inputs, *node.resolve}
        assert given | set(node.component.optional_inputs) == set(node.component.inputs)
        for key, output in node.inputs.items():
            assert output.component.outputs[output.key] == node.component.inputs[key]


@pytest.mark.parametrize("spec", STEPS)
@pytest.mark.parametrize("change", ["output renamed", "output of another type"])
def test_an_output_that_another_node_takes_cannot_change_alone(spec, change, config, monkeypatch):
    """Every output of every component is changed; those that something takes break the building of the pipeline."""
    names = {node.component.name: name for node in create_pipeline(config) for name in dir(pipeline.pipeline)
             if getattr(pipeline.pipeline, name) is node.component}  # fmt: skip
    nodes = create_pipeline(config)
    taken = {(output.source, node.component.name, key) for node in nodes for key, output in node.inputs.items()}
    component = getattr(pipeline.pipeline, names[spec])
    for key, kind in component.outputs.items():
        others = {name: type_ for name, type_ in component.outputs.items() if name != key}
        new = (
            {f"{key}_": kind} if change == "output renamed" else {key: "Anomalies" if kind != "Anomalies" else "Videos"}
        )
        changed = replace(component, outputs={**others, **new})
        monkeypatch.setattr(pipeline.pipeline, names[spec], changed)
        takers = [(name, input_key) for source, name, input_key in taken if source == (spec, key)]
        if takers:
            with pytest.raises(ValueError, match=f"{spec}\\.{key}") as raised:
                create_pipeline(config)
            if isinstance(raised.value, WiringError):  # the Evaluator's resolver looks at its own blessing
                assert any(str(raised.value).startswith(f"{name}.{input_key} <- ") for name, input_key in takers)
            else:
                assert (spec, key) == ("Evaluator", "blessing")
        monkeypatch.setattr(pipeline.pipeline, names[spec], component)


@pytest.mark.parametrize("spec", STEPS[1:])
def test_an_input_cannot_be_renamed_or_added_alone(spec, config, monkeypatch):
    names = {node.component.name: name for node in create_pipeline(config) for name in dir(pipeline.pipeline)
             if getattr(pipeline.pipeline, name) is node.component}  # fmt: skip
    component = getattr(pipeline.pipeline, names[spec])
    key, kind = next(iter(component.inputs.items()))
    others = {name: type_ for name, type_ in component.inputs.items() if name != key}
    optional = tuple(name for name in component.optional_inputs if name != key)
    renamed = replace(component, inputs={**others, f"{key}_": kind}, optional_inputs=optional)
    monkeypatch.setattr(pipeline.pipeline, names[spec], renamed)
    with pytest.raises(WiringError, match=rf"^{spec}\.{key} <- \w+\.\w+: {spec} declares no input '{key}'"):
        create_pipeline(config)
    monkeypatch.setattr(
        pipeline.pipeline, names[spec], replace(component, inputs={**component.inputs, "more": "Videos"})
    )
    with pytest.raises(WiringError, match=rf"^{spec}\.more: nothing is connected to this input; it takes .* Videos"):
        create_pipeline(config)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"examples": Output(VIDEO_EXAMPLE_GEN, "examples")},
         "Trainer.examples <- VideoExampleGen.examples: VideoExampleGen has no output 'examples'; "
         "its outputs are: videos"),
        ({"examples": Output(VIDEO_EXAMPLE_GEN, "videos")},
         "Trainer.examples <- VideoExampleGen.videos: the input takes Examples, the output is Videos"),
        ({}, "Trainer.examples: nothing is connected to this input; it takes an output of type Examples"),
        ({"faces": Output(VIDEO_EXAMPLE_GEN, "videos")},
         "Trainer.faces <- VideoExampleGen.videos: Trainer declares no input 'faces'; its inputs are: examples"),
    ],
)  # fmt: skip
def test_a_broken_contract_names_both_ends(inputs, message):
    with pytest.raises(WiringError, match=f"^{re.escape(message)}$"):
        Node(TRAINER, TrainerParameters(), inputs)


def test_parameters_of_another_component_are_refused(config):
    with pytest.raises(ValueError, match="Trainer: parameters must be TrainerParameters. Received: PusherParameters"):
        Node(TRAINER, config.components.Pusher, {})


@pytest.mark.parametrize(
    ("key", "resolver", "message"),
    [
        (
            "model",
            LastBlessed(EVALUATOR, "model", "blessing"),
            "Evaluator.model: given twice, by Trainer.model and by ",
        ),
        ("base", LastBlessed(EVALUATOR, "model", "blessing"), "Evaluator declares no input 'base'"),
        ("baseline", LastBlessed(EVALUATOR, "examples", "blessing"), "the input takes Model, it finds Examples"),
        ("baseline", LastBlessed(PUSHER, "model", "pushed_model"), None),
    ],
)
def test_a_resolver_is_checked_too(key, resolver, message, config):
    evaluator = next(node for node in create_pipeline(config) if node.component is EVALUATOR)
    if message is None:
        assert Node(EVALUATOR, evaluator.parameters, evaluator.inputs, resolve={key: resolver})
        return
    with pytest.raises(WiringError, match=re.escape(message)):
        Node(EVALUATOR, evaluator.parameters, evaluator.inputs, resolve={key: resolver})


def test_a_resolved_input_must_be_optional(config):
    evaluator = next(node for node in create_pipeline(config) if node.component is EVALUATOR)
    strict = replace(EVALUATOR, optional_inputs=("videos", "rejects"))
    with pytest.raises(WiringError, match="Evaluator.baseline <- the last .*: the first run finds none"):
        Node(strict, evaluator.parameters, evaluator.inputs, resolve=evaluator.resolve)


@pytest.mark.parametrize(("key", "of"), [("modle", "input"), ("blessings", "output")])
def test_a_resolver_of_unknown_keys(key, of):
    keys = {"model": "model", "blessing": "blessing", "model" if of == "input" else "blessing": key}
    with pytest.raises(ValueError, match=f"no {of} '{key}'"):
        LastBlessed(EVALUATOR, **keys)


def test_the_order_is_checked(config):
    nodes = create_pipeline(config)
    check_order(nodes)
    with pytest.raises(WiringError, match=r"FaceExampleGen.videos <- VideoExampleGen.videos: .* does not come before"):
        check_order([nodes[1], nodes[0]])
    with pytest.raises(WiringError, match="VideoExampleGen: is in the pipeline twice"):
        check_order([nodes[0], *nodes])
    trainer = next(node for node in nodes if node.component is TRAINER)
    with pytest.raises(WiringError, match="Trainer: must come after ExampleValidator"):
        check_order([*nodes[:3], trainer])
