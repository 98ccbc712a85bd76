"""The report's plots: numbers in, inline SVG out. Names stand in the page's legends, never in a plot."""

import numpy as np
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from evaluation.report import curves
from evaluation.report.svg import color, draw

SQUARE, FLAT, SMALL = (3.7, 3.2), (3.7, 2.6), (2.4, 2.4)  # inches
_PERCENT = FuncFormatter(lambda share, _: f"{100 * share:.3g}%")
_DASHED, _DOTTED = (0, (4, 1.8)), (0, (1, 2))


def roc(name, lines, description, *, log=False):
    """Draw ROC curves.

    Args:
        lines: dicts with `false`, `true` (of `curves.roc`), `color` and `dashed`.
        log: logarithmic false-positive axis, down to where one real decides.
    """

    def paint(axes):
        least = 0.0
        if log:
            first = min(line["false"][line["false"] > 0].min() for line in lines)
            least = min(10.0 ** np.floor(np.log10(first)), 0.1)  # of a single real the first is all
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter(_PERCENT)
            axes.xaxis.set_minor_formatter(NullFormatter())
        chance = np.geomspace(least, 1, 60) if log else np.linspace(0, 1, 2)
        axes.plot(chance, chance, color=color("muted"), linewidth=0.8, linestyle=_DOTTED)
        for line in lines:
            style = _DASHED if line["dashed"] else "-"
            axes.plot(np.maximum(line["false"], least), line["true"], color=color(line["color"]), linestyle=style)
        axes.set(xlim=(least, 1), ylim=(0, 1.01), xlabel="reals called fake", ylabel="fakes found")

    return draw(paint, name, description, SQUARE)


def histogram(name, edges, classes, description, *, axis, threshold=None):
    """Draw score histograms, each as shares of its class.

    Args:
        edges: of the bins, [k + 1].
        classes: dicts with `counts` [k], `color`, and `filled` (an area, else an outline).
        axis: what the score is.
        threshold: a score to mark, or None.
    """

    def paint(axes):
        for each in classes:
            share = each["counts"] / max(each["counts"].sum(), 1)
            if each["filled"]:
                axes.stairs(share, edges, fill=True, color=color(each["color"]), alpha=0.25, linewidth=0)
            axes.stairs(share, edges, color=color(each["color"]), linewidth=0.6 if each["filled"] else 1.1)
        if threshold is not None:
            axes.axvline(threshold, color=color("ink"), linewidth=1, linestyle=(0, (2, 2)))
        axes.set(xlabel=axis, ylabel="share of the class", xlim=(edges[0], edges[-1]), ylim=(0, None))
        axes.yaxis.set_major_formatter(_PERCENT)
        axes.yaxis.set_major_locator(MaxNLocator(5))

    return draw(paint, name, description, FLAT)


def reliability(name, bins, description):
    """Draw a reliability diagram over a histogram of its counts.

    Args:
        bins: dicts of `curves.reliability`, each with `color` and `dashed`; the last one's counts are drawn.
    """
    edges = np.linspace(0, 1, curves.BINS + 1)

    def paint(axes):
        above, below = axes
        above.plot([0, 1], [0, 1], color=color("muted"), linewidth=0.8, linestyle=_DOTTED)
        for each in bins:
            held = each["count"] > 0
            look = {"linestyle": _DASHED, "markerfacecolor": color("paper")} if each["dashed"] else {}
            above.plot(each["predicted"][held], each["observed"][held], marker="o", color=color(each["color"]), **look)
        above.set(xlim=(0, 1), ylim=(-0.02, 1.02), ylabel="share of fakes")
        below.stairs(bins[-1]["count"], edges, fill=True, color=color(bins[-1]["color"]), alpha=0.45, linewidth=0)
        below.set(xlabel="fake probability", ylabel="count")
        below.yaxis.set_major_locator(MaxNLocator(2, integer=True))

    return draw(paint, name, description, SQUARE, nrows=2, sharex=True, height_ratios=(4, 1))


def robustness(name, lines, description, *, level):
    """Draw the AUC against the severity of a change to the faces.

    Args:
        lines: dicts with `severity` [k], `auc` [k], `color`.
    """

    def paint(axes):
        for line in lines:
            axes.plot(line["severity"], line["auc"], marker="o", color=color(line["color"]))
        lowest = min(np.min(line["auc"]) for line in lines)
        axes.set(xlabel="severity", ylabel=f"{level} AUC", ylim=(min(0.5, np.floor(lowest * 10) / 10), 1.005))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))

    return draw(paint, name, description, FLAT)


def scatter(name, clouds, description, *, limits):
    """Draw points on a plane without a scale.

    Args:
        clouds: dicts with `points` [n, 2] and `color`; later ones lie above earlier ones.
        limits: (least, greatest) [2] each, of all panels that are to be compared.
    """

    def paint(axes):
        for cloud in clouds:
            # A line from a point to itself with round ends is a dot: the shortest way to write one.
            dots = Path(np.repeat(cloud["points"], 2, axis=0), [Path.MOVETO, Path.LINETO] * len(cloud["points"]))
            look = {"linewidth": 2.6, "capstyle": "round", "alpha": 0.7}
            axes.add_patch(PathPatch(dots, fill=False, edgecolor=color(cloud["color"]), **look))
        (left, low), (right, high) = limits
        axes.set(xlim=(left, right), ylim=(low, high), xticks=[], yticks=[])
        for spine in axes.spines.values():
            spine.set(visible=True, color=color("rule"))

    return draw(paint, name, description, SMALL)
