import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from evaluation.report import curves, page, plots, svg

HALF = np.array([0.0, 0.5, 1.0])
LINE = plots.RocLine(HALF, HALF**0.5, "c1", dashed=True)
BINS = plots.ReliabilityLine(curves.reliability(np.array([0, 1, 1]), np.array([0.1, 0.5, 0.93])), "ink", dashed=True)
POINTS = np.array([[0.0, 0.0], [1.0, 2.0], [2.0, 1.0]])
DRAWN = {
    "roc": lambda name: plots.roc(name, [LINE], "a curve"),
    "log": lambda name: plots.roc(name, [LINE._replace(false=np.array([0, 0.004, 1]))], "a curve", log=True),
    "histogram": lambda name: plots.histogram(
        name,
        np.arange(4.0),
        [
            plots.ScoreClass(np.array([1, 0, 3]), "real", filled=True),
            plots.ScoreClass(np.zeros(3, int), "c2", filled=False),
        ],
        "scores",
        axis="logit",
        threshold=1.5,
    ),
    "reliability": lambda name: plots.reliability(name, [BINS, BINS._replace(dashed=False)], "bins"),
    "robustness": lambda name: plots.robustness(
        name, [plots.RobustnessLine([0, 1], [0.9, 0.4], "c0")], "curves", level="video"
    ),
    "scatter": lambda name: plots.scatter(
        name, [plots.Cloud(POINTS, "fake")], "points", limits=(np.array([-1, -1]), np.array([3, 3]))
    ),
}


@pytest.fixture(params=DRAWN)
def drawn(request):
    return DRAWN[request.param]("plot7")


def _texts(text):
    return [element.text for element in ElementTree.fromstring(text).iter("text")]


def test_is_one_element_for_the_page(drawn):
    root = ElementTree.fromstring(drawn)
    assert root.tag == "svg" and root.get("role") == "img" and root.get("aria-label") and root.get("viewBox")
    assert "http" not in drawn and "xmlns" not in drawn and "<style" not in drawn and "font-family" not in drawn
    assert not re.search(r"\d\.\d{3}", drawn), "longer numbers than anybody sees"


def test_ids_are_its_own_and_found(drawn):
    ids = re.findall(r' id="([^"]*)"', drawn)
    used = set(re.findall(r'(?:href="|url\()#([^")]*)', drawn))
    assert ids and set(ids) == used and len(ids) == len(used) and all(name.startswith("plot7-") for name in ids)


def test_colours_are_the_page_s(drawn):
    assert not re.search(r"#0000[0-9a-f]{2}\b", drawn) and "var(--" in drawn
    css = (Path(page.__file__).parent / "report.css.j2").read_text()
    light, dark = css.split("prefers-color-scheme: dark")
    for name in set(re.findall(r"var\(--(\w+)\)", drawn)):
        assert name in svg.VARIABLES and f"--{name}:" in light and f"--{name}:" in dark.split("\n}\n")[0]
    # Whatever matplotlib draws by itself in black or white would vanish in one of both.
    assert not re.search(r"(fill|stroke): (#(000000|ffffff)|black|white)", drawn)


@pytest.mark.slow
@pytest.mark.parametrize("kind", DRAWN)
def test_same_plot_same_bytes(kind):
    assert DRAWN[kind]("a") == DRAWN[kind]("a") != DRAWN[kind]("b")


def test_words_and_numbers_stay_text():
    assert {"reals called fake", "fakes found", "0.0", "1.0"} <= set(_texts(DRAWN["roc"]("a")))
    assert {"0.1%", "1%", "10%", "100%"} <= set(_texts(DRAWN["log"]("a")))
    one_real = plots.roc(
        "a", [LINE._replace(false=np.array([0.0, 1.0]), true=np.array([0.5, 1.0]))], "a curve", log=True
    )
    assert {"10%", "100%"} <= set(_texts(one_real)), "of a single real there is an axis, too"
    assert {"fake probability", "share of fakes", "count"} <= set(_texts(DRAWN["reliability"]("a")))
    assert {"logit", "share of the class", "0%"} <= set(_texts(DRAWN["histogram"]("a")))


def test_every_point_is_a_dot_at_its_place():
    text = DRAWN["scatter"]("a")
    (path,) = re.findall(r'd="((?:M[\d. ]+h0)+)"', text)
    dots = np.array([[float(x) for x in dot.split()] for dot in re.findall(r"M([\d. ]+)h0", path)])
    assert dots.shape == (3, 2)
    step = dots[1] - dots[0]  # one to the right, two up; y grows downwards
    assert step[1] == pytest.approx(-2 * step[0], rel=1e-2) and step[0] > 0
    assert np.allclose(dots[2] - dots[0], [2 * step[0], step[1] / 2], rtol=1e-2)


def test_a_description_is_escaped():
    text = plots.roc("a", [LINE], '"><script>alert(1)</script>')
    assert "<script" not in text and ElementTree.fromstring(text).get("aria-label") == '"><script>alert(1)</script>'
