"""Matplotlib figures as inline SVG that takes its fonts and colours from the page around it."""

import io
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from xml.etree import ElementTree

import matplotlib
from matplotlib.figure import Figure

# The page's CSS variables, each with a colour that stands in for it while drawing.
VARIABLES = ("ink", "muted", "rule", "paper", "real", "fake", *(f"c{k}" for k in range(8)))
_STAND_INS = {f"#0000{number:02x}": f"var(--{name})" for number, name in enumerate(VARIABLES, 1)}
_COLOR = dict(zip(VARIABLES, _STAND_INS, strict=True))
_STYLE = {
    "svg.fonttype": "none",  # text stays text: it can be found, copied, and read aloud
    "svg.hashsalt": "report",  # the same figure, the same bytes
    "path.simplify": False,
    "text.parse_math": False,
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelcolor": _COLOR["muted"],
    "text.color": _COLOR["ink"],
    "axes.edgecolor": _COLOR["muted"],
    "axes.linewidth": 0.7,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": _COLOR["rule"],
    "grid.linewidth": 0.6,
    "xtick.color": _COLOR["muted"],
    "ytick.color": _COLOR["muted"],
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "lines.linewidth": 1.5,
    "lines.markersize": 3.5,
}


def color(name: str) -> str:
    """Return the colour that draws in the page's CSS variable `--name`, one of `VARIABLES`."""
    return _COLOR[name]


def draw(
    paint: Callable[[Any], None],
    name: str,
    description: str,
    size: tuple[float, float] = (3.7, 3.1),
    **layout: Any,
) -> str:
    """Draw a figure and return it as an `<svg>` element.

    Args:
        paint: draws into the figure's axes, which it gets as `Figure.subplots(**layout)` returns them.
        name: of the figure, unique in the page: its ids begin with it.
        description: for readers who cannot see it.
        size: width and height in inches.
        layout: of the axes.
    """
    with matplotlib.rc_context(_STYLE):
        figure = Figure(size, layout="constrained")
        paint(figure.subplots(**layout))
        text = io.StringIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(text, format="svg", transparent=True, metadata=nothing)
    return _for_page(ElementTree.fromstring(text.getvalue()), name, description)


def _for_page(svg: ElementTree.Element, name: str, description: str) -> str:
    """Leave out what only a separate file needs, and rename ids so that they are unique in a page of many figures."""
    for parent in list(svg.iter()):
        for child in list(parent):
            if child.tag.endswith("}style"):
                parent.remove(child)
    used = re.findall(r"#([\w.-]+)", " ".join(_references(svg)))
    ids = {old: f"{name}-{number}" for number, old in enumerate(dict.fromkeys(used))}
    for element in svg.iter():
        element.tag = element.tag.rpartition("}")[2]
        attributes = {key.rpartition("}")[2]: value for key, value in element.attrib.items()}
        element.attrib.clear()
        for key, value in attributes.items():
            if key != "id":
                element.set(key, _tidy(key, value, ids))
            elif value in ids:
                element.set(key, ids[value])
        element.text, element.tail = (text if text and text.strip() else None for text in (element.text, element.tail))
    box = svg.get("viewBox", "")
    svg.attrib.clear()
    for key, value in {"viewBox": box, "role": "img", "aria-label": description}.items():
        svg.set(key, value)
    return ElementTree.tostring(svg, encoding="unicode")


def _references(svg: ElementTree.Element) -> Iterator[str]:
    for element in svg.iter():
        for key, value in element.attrib.items():
            if key.endswith("href") or "url(#" in value:
                yield value


def _tidy(key: str, value: str, ids: Mapping[str, str]) -> str:
    if key == "style":
        value = re.sub(r"font-family:[^;]*;? ?", "", value)
        for stand_in, variable in _STAND_INS.items():
            value = value.replace(stand_in, variable)
    if key.endswith("href") or "url(#" in value:
        return re.sub(r"#([\w.-]+)", lambda match: f"#{ids[match[1]]}", value)
    # A hundredth of a point is finer than any screen or printer.
    value = re.sub(r"-?\d+\.\d{3,}", lambda match: f"{float(match[0]):.2f}".rstrip("0").rstrip("."), value)
    if key == "d":
        value = re.sub(r"\s*([A-Za-z])\s*", r"\1", value.strip())
        value = re.sub(r"M([\d.]+ [\d.]+)L\1(?=M|$)", r"M\1h0", value)  # a dot
    return value
