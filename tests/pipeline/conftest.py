"""Configs, toy components and command lines for the tests of the pipeline."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from commands.parameters import Parameters
from components.base import Component
from pipeline.launcher import Launcher
from pipeline.metadata import MetadataStore
from pipeline.resolvers import LastBlessed
from pipeline.wiring import Node, Output

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def raw(tmp_path):
    """A config that is right, as a dict to spoil; its data set is a folder of two empty files."""
    for name in ("real/a.mp4", "fake/b.mp4"):
        path = tmp_path / "videos" / name
        path.parent.mkdir(parents=True)
        path.touch()
    return {
        "pipeline_name": "test",
        "pipeline_root": "root",
        "components": {
            "VideoExampleGen": {"datasets": [{"type": "folder", "name": "mine", "root": "videos"}]},
            "Pusher": {"serving_dir": "serving"},
        },
    }


@pytest.fixture
def write(tmp_path):
    """write(config) writes it to tmp_path/config.json and returns that path."""

    def write(config):
        path = tmp_path / "config.json"
        path.write_text(config if isinstance(config, str) else json.dumps(config))
        return str(path)

    return write


class ToyParameters(Parameters):
    text: str = "a"


@pytest.fixture
def toy():
    """toy(name, act, inputs, text, resolve, **spec): a component that appends `text` to its inputs' texts.

    `act(context)` may do more, or fail. Returns its `node`, its `component`, and `calls`, the contexts that it got.
    """

    def make(name, act=None, inputs=(), text="a", resolve=(), **spec):
        calls = []

        def execute(context):
            calls.append(context)
            if act:
                act(context)
            before = "".join((Path(folder) / "out.txt").read_text() for folder in context.inputs.values())
            (Path(context.outputs["out"]) / "out.txt").write_text(before + context.parameters.text)
            return {"length": len(before) + 1}

        component = Component(
            name=name,
            module="components.base",
            summary="A toy.",
            inputs=dict.fromkeys((*inputs, *resolve), "Statistics"),
            optional_inputs=tuple(resolve),
            outputs={"out": "Statistics"},
            parameters=ToyParameters,
            execute=execute,
            **spec,
        )
        sources = {source: Output(replace(component, name=source), "out") for source in inputs}
        found = {key: LastBlessed(component, *of_input) for key, of_input in dict(resolve).items()}
        node = Node(component, ToyParameters(text=text), sources, resolve=found)
        return SimpleNamespace(node=node, component=component, calls=calls)

    return make


@pytest.fixture
def judge(toy):
    """judge(text, verdict): a toy that takes "Model" and the last blessed one, `baseline`, and gives the verdict.

    Its text is the model's, the baseline's where there is one, and its own.
    """

    def make(text="!", verdict="BLESSED"):
        def act(context):
            (Path(context.outputs["out"]) / verdict).touch()

        return toy("Judge", act, inputs=["Model"], text=text, resolve={"baseline": ("Model", "out")})

    return make


@pytest.fixture
def root(tmp_path):
    """An empty pipeline root."""
    path = tmp_path / "root"
    path.mkdir()
    return path


@pytest.fixture
def store(root):
    """The lineage of `root`."""
    store = MetadataStore(str(root))
    yield store
    store.close()


@pytest.fixture
def launch(store, root):
    """launch(*toys, **of_launcher) runs them in order as one run; returns (reasons, launcher)."""

    def run(*toys, **options):
        launcher = Launcher(store, str(root), store.start_run("test", {}), ("--runner=Toy",), **options)
        reasons = []
        for one in toys:
            decision = launcher.decide(one.node)
            reasons.append(("hit " if decision.cached else "miss ") + decision.reason)
            launcher.launch(one.node, decision)
        return reasons, launcher

    return run


@pytest.fixture
def sample_config(tmp_path, write):
    """A config of the embedded sample, as small as it can be: 30 clips, 2 frames each, 4 steps of a small network."""
    return write(
        {
            "pipeline_name": "tiny",
            "pipeline_root": "root",
            "components": {
                "VideoExampleGen": {"datasets": [{"type": "sample", "name": "sample", "root": "data", "clips": 6}]},
                "FaceExampleGen": {"frames": 2, "shards": 1},
                "Trainer": {"recipe": "sample", "backbone": "resnet10", "image_size": 32, "steps": 4, "batch_size": 8},
                "Evaluator": {"thresholds": [{"dataset": "sample", "level": "video", "metric": "auc", "min": 0.0}]},
                "Pusher": {"serving_dir": "serving"},
            },
        }
    )
