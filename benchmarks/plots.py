"""Curves as SVG, by matplotlib."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.results import Report, Result, curves

_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "benchmarks",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def draw(report: Report, folder: Path) -> list[Path]:
    """A picture for each thing that grows in the report; none without matplotlib, which it says."""
    if not curves(report.results):
        return []
    if importlib.util.find_spec("matplotlib") is None:
        print("no plots: pip install 'pmcp-storage[benchmarks]' brings matplotlib")
        return []
    axes = dict.fromkeys(result.axis for result in report.results if result.axis)
    return [_picture(report, axis, folder) for axis in axes]


def file_name(name: str, axis: str) -> str:
    """The picture's, of a benchmark and what grows."""
    return f"{name}-{axis.replace(' ', '-')}.svg"


def _picture(report: Report, axis: str, folder: Path) -> Path:
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot

    found = [result for result in report.results if result.axis == axis]
    operations = list(dict.fromkeys(result.operation for result in found))
    with mpl.rc_context(_STYLE):
        size = (2.9 * len(operations), 2.9)
        figure, panels = pyplot.subplots(1, len(operations), figsize=size, squeeze=False)
        for panel, operation in zip(panels[0], operations, strict=True):
            _fill(panel, operation, [one for one in found if one.operation == operation])
        panels[0][0].set_ylabel("milliseconds an operation")
        handles = panels[0][0].get_legend_handles_labels()
        figure.legend(*handles, loc="lower center", ncols=5, frameon=False)
        figure.tight_layout(rect=(0, 0.1, 1, 1))
        file = folder / file_name(report.name, axis)
        figure.savefig(file, metadata={"Date": None}, facecolor="white")
        pyplot.close(figure)
    return file


def _fill(panel: Any, operation: str, results: Sequence[Result]) -> None:
    for side in dict.fromkeys(result.side for result in results):
        points = [(one.at, one.cost.wall / 1000) for one in results if one.side == side]
        panel.plot(*zip(*points, strict=True), marker="o", markersize=3, label=side)
    panel.set(xscale="log", yscale="log", title=operation, xlabel=results[0].axis)
    panel.xaxis.set_major_formatter("{x:,.0f}")
    panel.tick_params(labelsize=7)
    panel.yaxis.set_major_formatter("{x:g}")
    panel.grid(alpha=0.3)
