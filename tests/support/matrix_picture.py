"""docs/matrix.svg: the matrix as a picture, which the README opens with."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, tostring

from pmcp_conformance.report.matrix import Group, Tally, matrix
from pmcp_conformance.report.model import Report
from pmcp_conformance.report.results import Outcome
from support.matrix_page import cell_text

_CELL, _GAP, _NAMES, _HEAD = 46, 3, 62, 128
"""Pixels: a cell's width, what is between cells, the groups' names, the backends' names."""

_LINE = 22

_FILLS = {Outcome.PASSED: "#1a7f37", Outcome.FAILED: "#b4231f", Outcome.NOT_APPLICABLE: "none"}
_OTHER = "#6e7781"
"""White text on each of them has a contrast of more than 4.5."""

_STYLE = "text { fill: #1f2328 } .on { fill: #fff } " + (
    "@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .on { fill: #fff } }"
)


def matrix_picture(report: Report) -> str:
    """The image as SVG, for light and for dark pages; it needs no other file."""
    groups, labels = matrix(report), [backend.label for backend in report.backends]
    image = _image(_NAMES + len(labels) * _CELL + _HEAD // 2, _HEAD + len(groups) * _LINE)
    for number, label in enumerate(labels):
        left, top = _NAMES + number * _CELL + _CELL // 2, _HEAD - 8
        turned = {"transform": f"rotate(-40 {left} {top})"}
        _add_text(image, (left, top), label, turned)
    for number, group in enumerate(groups):
        _add_row(image, _HEAD + number * _LINE, group, labels)
    return tostring(image, encoding="unicode") + "\n"


def _image(width: int, height: int) -> Element:
    described = "The rules of the contract, by group, on backends and adapters: which fail where"
    size = {"width": str(width), "height": str(height), "viewBox": f"0 0 {width} {height}"}
    names = {"xmlns": "http://www.w3.org/2000/svg", "role": "img", "aria-label": described}
    font = {"font-family": "Verdana, 'DejaVu Sans', Geneva, sans-serif", "font-size": "12"}
    image = Element("svg", names | size | font)
    SubElement(image, "title").text = described
    SubElement(image, "style").text = _STYLE
    return image


def _add_row(image: Element, top: int, group: Group, labels: Sequence[str]) -> None:
    _add_text(image, (_NAMES - 8, top + 15), group.name, {"text-anchor": "end"})
    for number, (label, tally) in enumerate(zip(labels, group.columns, strict=True)):
        cell = SubElement(image, "g")
        SubElement(cell, "title").text = f"{group.name} on {label}: {tally.text}"
        _add_cell(cell, (_NAMES + number * _CELL, top), tally)


def _add_cell(cell: Element, at: tuple[int, int], tally: Tally) -> None:
    fill = _FILLS.get(tally.shares[0][0], _OTHER)
    size = {"width": str(_CELL - _GAP), "height": str(_LINE - _GAP), "rx": "3", "fill": fill}
    SubElement(cell, "rect", {"x": str(at[0]), "y": str(at[1]), **size})
    style = {"text-anchor": "middle"} | ({"class": "on"} if fill != "none" else {})
    _add_text(cell, (at[0] + (_CELL - _GAP) // 2, at[1] + 14), cell_text(tally), style)


def _add_text(parent: Element, at: tuple[int, int], text: str, style: dict[str, str]) -> None:
    SubElement(parent, "text", {"x": str(at[0]), "y": str(at[1]), **style}).text = text
