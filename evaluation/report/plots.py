"""The report's plots: numbers in, inline SVG out. Names appear in the page's legends, never in a plot."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from evaluation.report.curves import Reliability
from evaluation.report.svg import color, draw
from evaluation.vocabulary import BINS, Level

SQUARE, FLAT, SMALL = (3.7, 3.2), (3.7, 2.6), (2.4, 2.4)  # inches
_PERCENT = FuncFormatter(lambda share, _: f"{100 * share:.3g}%")
_DASHED, _DOTTED = (0, (4, 1.8)), (0, (1, 2))


class Key(NamedTuple):
    """One entry of a legend."""

    name: str
    color: str
    dashed: bool = False


class Plot(NamedTuple):
    """A plot with its legend; `svg` is None where it cannot be drawn, and `why` says the reason."""

    title: str
    svg: str | None = None
    legend: Sequence[Key] = ()
    why: str | None = None


class RocLine(NamedTuple):
    """One ROC curve: rates of `curves.roc`, float [k], and the name of its colour."""

    false: np.ndarray
    true: np.ndarray
    color: str
    dashed: bool = False


class ScoreClass(NamedTuple):
    """Scores of one class in a histogram, int [k]: drawn as a filled area or as an outline."""

    counts: np.ndarray
    color: str
    filled: bool


class ReliabilityLine(NamedTuple):
    """One line of a reliability diagram."""

    bins: Reliability
    color: str
    dashed: bool = False


class RobustnessLine(NamedTuple):
    """The AUC by severity of one change, [k] each."""

    severity: Sequence[int]
    auc: Sequence[float]
    color: str


class Cloud(NamedTuple):
    """Points of one class on a plane, float [n, 2]."""

    points: np.ndarray
    color: str


def roc(name: str, lines: Sequence[RocLine], description: str, *, log: bool = False) -> str:
    """Draw ROC curves.

    Args:
        name: see `svg.draw`.
        lines: later ones lie above earlier ones.
        description: see `svg.draw`.
        log: whether the false-positive axis is logarithmic, down to where one real decides.
    """

    def paint(axes: Axes) -> None:
        least = 0.0
        if log:
            first = min(line.false[line.false > 0].min() for line in lines)
            least = min(10.0 ** np.floor(np.log10(first)), 0.1)  # with a single real, the first step is 1
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter(_PERCENT)
            axes.xaxis.set_minor_formatter(NullFormatter())
        chance = np.geomspace(least, 1, 60) if log else np.linspace(0, 1, 2)
        axes.plot(chance, chance, color=color("muted"), linewidth=0.8, linestyle=_DOTTED)
        for line in lines:
            style = _DASHED if line.dashed else "-"
            axes.plot(np.maximum(line.false, least), line.true, color=color(line.color), linestyle=style)
        axes.set(xlim=(least, 1), ylim=(0, 1.01), xlabel="reals called fake", ylabel="fakes found")

    return draw(paint, name, description, SQUARE)


def histogram(
    name: str,
    edges: np.ndarray,
    classes: Sequence[ScoreClass],
    description: str,
    *,
    axis: str,
    threshold: float | None = None,
) -> str:
    """Draw score histograms, each as shares of its class.

    Args:
        name: see `svg.draw`.
        edges: of the bins, float [k + 1].
        classes: in the order in which they are drawn.
        description: see `svg.draw`.
        axis: label of the score's axis.
        threshold: a score to mark, or None.
    """

    def paint(axes: Axes) -> None:
        for each in classes:
            share = each.counts / max(each.counts.sum(), 1)
            if each.filled:
                axes.stairs(share, edges, fill=True, color=color(each.color), alpha=0.25, linewidth=0)
            axes.stairs(share, edges, color=color(each.color), linewidth=0.6 if each.filled else 1.1)
        if threshold is not None:
            axes.axvline(threshold, color=color("ink"), linewidth=1, linestyle=(0, (2, 2)))
        axes.set(xlabel=axis, ylabel="share of the class", xlim=(edges[0], edges[-1]), ylim=(0, None))
        axes.yaxis.set_major_formatter(_PERCENT)
        axes.yaxis.set_major_locator(MaxNLocator(5))

    return draw(paint, name, description, FLAT)


def reliability(name: str, lines: Sequence[ReliabilityLine], description: str) -> str:
    """Draw a reliability diagram over a histogram of its counts.

    Args:
        name: see `svg.draw`.
        lines: the counts of the last one are drawn.
        description: see `svg.draw`.
    """
    edges = np.linspace(0, 1, BINS + 1)
    last = lines[-1]

    def paint(axes: Sequence[Axes]) -> None:
        above, below = axes
        above.plot([0, 1], [0, 1], color=color("muted"), linewidth=0.8, linestyle=_DOTTED)
        for line in lines:
            filled = line.bins["count"] > 0
            predicted, observed = line.bins["predicted"][filled], line.bins["observed"][filled]
            above.plot(
                predicted,
                observed,
                marker="o",
                color=color(line.color),
                linestyle=_DASHED if line.dashed else "-",
                markerfacecolor=color("paper" if line.dashed else line.color),
            )
        above.set(xlim=(0, 1), ylim=(-0.02, 1.02), ylabel="share of fakes")
        below.stairs(last.bins["count"], edges, fill=True, color=color(last.color), alpha=0.45, linewidth=0)
        below.set(xlabel="fake probability", ylabel="count")
        below.yaxis.set_major_locator(MaxNLocator(2, integer=True))

    return draw(paint, name, description, SQUARE, nrows=2, sharex=True, height_ratios=(4, 1))


def robustness(name: str, lines: Sequence[RobustnessLine], description: str, *, level: Level) -> str:
    """Draw the AUC against the severity of changes to the faces.

    Args:
        name: see `svg.draw`.
        lines: one for each change.
        description: see `svg.draw`.
        level: of the AUC.
    """

    def paint(axes: Axes) -> None:
        for line in lines:
            axes.plot(line.severity, line.auc, marker="o", color=color(line.color))
        lowest = min(np.min(line.auc) for line in lines)
        axes.set(xlabel="severity", ylabel=f"{level} AUC", ylim=(min(0.5, np.floor(lowest * 10) / 10), 1.005))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))

    return draw(paint, name, description, FLAT)


def scatter(name: str, clouds: Sequence[Cloud], description: str, *, limits: tuple[np.ndarray, np.ndarray]) -> str:
    """Draw points on a plane without a scale.

    Args:
        name: see `svg.draw`.
        clouds: later ones lie above earlier ones.
        description: see `svg.draw`.
        limits: (lowest, highest) coordinates, [2] each, of all panels that are to be compared.
    """

    def paint(axes: Axes) -> None:
        for cloud in clouds:
            # A line from a point to itself with round ends is a dot: the shortest way to write one.
            dots = Path(np.repeat(cloud.points, 2, axis=0), [Path.MOVETO, Path.LINETO] * len(cloud.points))
            look = {"linewidth": 2.6, "capstyle": "round", "alpha": 0.7}
            axes.add_patch(PathPatch(dots, fill=False, edgecolor=color(cloud.color), **look))
        (left, low), (right, high) = limits
        axes.set(xlim=(left, right), ylim=(low, high), xticks=[], yticks=[])
        for spine in axes.spines.values():
            spine.set(visible=True, color=color("rule"))

    return draw(paint, name, description, SMALL)
