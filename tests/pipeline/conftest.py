"""Configs, toy components and command lines for the tests of the pipeline."""

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import numpy as np
import pytest

from components.base import Component, Parameters
from pipeline.launcher import Launcher
from pipeline.metadata import MetadataStore
from pipeline.pipeline import Node
from pipeline.resolvers import LastBlessed

REPOSITORY = Path(__file__).parents[2]


class Brightness:
    """A model for which a face is the more fake the brighter its middle is: logit = (mean - 128) / 16."""

    version, card = 7, {"name": "toy", "caveats": {"toys": "they are no faces"}}
    path, digest = "toys/7", "d1"

    def __init__(self, calibration=None, fails=None):
        self.calibration, self.fails, self.batches = calibration, fails, []

    def predict(self, crops):
        self.batches.append(len(crops))
        if self.fails:
            raise self.fails
        logit = (crops[:, 100:156, 100:156].mean(axis=(1, 2, 3)) - 128).astype(np.float32) / np.float32(16)
        return {"logit": logit, "fake_probability": 1 / (1 + np.exp(-logit)), "center_similarity": -np.tanh(logit)}

    def heat_maps(self, crops):
        return crops[..., 0].astype(np.float32) / 255


@pytest.fixture(scope="session")
def brightness():
    """The class `Brightness`."""
    return Brightness


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


@pytest.fixture
def command():
    """command(module, *arguments) -> the arguments of a process that runs it."""
    return lambda module, *arguments: [sys.executable, "-m", module, *map(str, arguments)]


@pytest.fixture
def execute(command):
    """execute(module, *arguments) runs it in a process of its own, in the repository; returns the CompletedProcess."""

    def run(module, *arguments):
        done = subprocess.run(
            command(module, *arguments), cwd=REPOSITORY, capture_output=True, text=True, timeout=500, check=False
        )
        done.all = done.stdout + done.stderr
        return done

    return run


@pytest.fixture
def start(command):
    """start(module, *arguments, **of_popen) starts it in a process group of its own, which the test's end kills."""
    started = []

    def run(module, *arguments, **options):
        process = subprocess.Popen(command(module, *arguments), cwd=REPOSITORY, start_new_session=True, **options)
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


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
            inputs=dict.fromkeys((*inputs, *resolve), "Text"),
            optional_inputs=tuple(resolve),
            outputs={"out": "Text"},
            parameters=ToyParameters,
            execute=execute,
            **spec,
        )
        sources = {source: (source, "out") for source in inputs}
        node = Node(component, ToyParameters(text=text), sources, resolve=dict(resolve))
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

        last = LastBlessed("Judge", input="Model", verdict="out")
        return toy("Judge", act, inputs=["Model"], text=text, resolve={"baseline": last})

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
def keep_signals():
    """Puts back what `pipeline.run.main` does to the process that it ends with."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    logging.disable(logging.NOTSET)
    for number, handler in handlers.items():
        signal.signal(number, handler)


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


class Browser:
    """Chromium, without a window; selenium's `driver` does the rest."""

    # A control without a name tells those who do not see it nothing.
    NAMED = ("button", "slider", "link", "checkbox", "switch", "textbox", "progressbar", "image", "dialog", "table")

    def __init__(self, driver):
        self.driver = driver

    def open(self, address, width=1280, height=900, dark=False):
        """Open a page as on a screen of that size, without motion; what was said before is forgotten."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.prefer(scheme="dark" if dark else "light", motion="reduce")
        self.driver.get("about:blank")
        self.console(), self.hosts()
        self.driver.get(str(address))

    def prefer(self, scheme, motion, media=""):
        """What the user prefers, and the medium: a screen, or "print"."""
        features = {"prefers-color-scheme": scheme, "prefers-reduced-motion": motion}
        wished = {"media": media, "features": [{"name": name, "value": value} for name, value in features.items()]}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", wished)

    def run(self, script, *arguments):
        """What a script returns."""
        return self.driver.execute_script(script, *arguments)

    def until(self, expression, seconds=30.0):
        """Wait until a JavaScript expression holds; returns its value."""
        end = time.monotonic() + seconds
        while not (value := self.run(f"return {expression}")):
            assert time.monotonic() < end, (
                f"it did not happen: {expression}; {self.run('return document.body.innerText')}"
            )
            time.sleep(0.02)
        return value

    def find(self, selector):
        return self.driver.find_element("css selector", selector)

    def text(self, selector):
        """What is read there."""
        return " ".join(self.run("return document.querySelector(arguments[0]).textContent", selector).split())

    def console(self):
        """What the console said since last asked."""
        return [line["message"] for line in self.driver.get_log("browser")]

    def hosts(self):
        """Whom the pages asked for something since last asked, as scheme://host:port."""
        events = [json.loads(line["message"])["message"] for line in self.driver.get_log("performance")]
        asked = [
            event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"
        ]
        return {"{0.scheme}://{0.netloc}".format(urlsplit(url)) for url in asked} - {"about://", "data://"}

    def faults(self):
        """What is wrong with the page's accessibility."""
        nodes = self.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
        nameless = [
            node
            for node in nodes
            if not node["ignored"]
            and node["role"]["value"].lower() in self.NAMED
            and not node.get("name", {}).get("value", "").strip()
        ]
        return self.run((Path(__file__).parent / "audit.js").read_text()) + nameless


@pytest.fixture(scope="session")
def browser():
    """A `Browser`; without one the tests skip."""
    pytest.importorskip("selenium", reason="needs selenium: pip install -e '.[test]'")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    chromedriver = shutil.which("chromedriver")
    if not (chromium and chromedriver):
        pytest.skip("needs Chromium and its driver: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    flags = ["headless=new", "disable-gpu", "disable-dev-shm-usage", "disable-background-networking", "disable-sync"]
    for flag in flags + ["no-sandbox"] * (os.geteuid() == 0):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(chromedriver))
    driver.set_page_load_timeout(60)
    yield Browser(driver)
    driver.quit()


@pytest.fixture
def faults_of_report(request):
    """faults_of_report(path) opens an evaluation's page, wide, on a phone and dark, and returns all that is wrong with it.

    Without a browser it returns nothing and warns: the run that wrote the page is tested all the same.
    """
    try:
        browser = request.getfixturevalue("browser")
    except pytest.skip.Exception as skipped:
        warnings.warn(f"the report of the run is not opened: {skipped}", stacklevel=1)
        return lambda path: []

    def faults(path):
        found = []
        for width, dark in ((1280, False), (390, True)):
            browser.open(f"file://{path}", width, dark=dark)
            browser.until("document.documentElement.dataset.ready !== undefined")
            problems = browser.run("return document.documentElement.dataset.problems")  # what its own script has noted
            found += [*browser.console(), *browser.faults(), *([problems] if problems else [])]
            found += [f"asked {host}" for host in browser.hosts() - {"file://"}]
            if browser.run("return document.documentElement.scrollWidth > innerWidth"):
                found.append(f"wider than a screen of {width}")
        return found

    return faults
