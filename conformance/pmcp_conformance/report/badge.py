"""A report as a badge: an SVG image with a line for each backend, its verdict on the right."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, tostring

from pmcp_conformance.report.model import BackendResult, Report
from pmcp_conformance.report.verdicts import Verdict

COLOURS = {
    Verdict.CONFORMANT: "#1a7f37",
    Verdict.PARTIAL: "#0a5cb8",
    Verdict.INCOMPLETE: "#9a4d00",
    Verdict.NOT_CONFORMANT: "#b4231f",
}
"""White text on each of them has a contrast of more than 4.5."""

NAME_COLOUR = "#30363d"

_LINE = 22
_SIZE = 11
_PADDING = 8
_BASELINE = 15

_WIDTHS = {
    27: "'",
    29: "ijlIJ",
    32: " ,.·",
    34: "/:;\\|f",
    37: "-()[]t",
    41: "!r",
    46: '"',
    51: "*_`sz?",
    55: "cL",
    58: "Fkvxy",
    62: "PTYaoeESbdghnpqu",
    64: "$0123456789{}",
    69: "KAVBRXZC",
    75: "UHN",
    79: "DG&OQ",
    84: "w#+<=>^~M",
    97: "%mW@",
}
"""Widths of characters in hundredths of the size, of Verdana and its like."""

_WIDTH = {character: width for width, characters in _WIDTHS.items() for character in characters}


def badge(report: Report) -> str:
    """The image as SVG, which needs no font of its own and no other file."""
    names = [backend.label for backend in report.backends]
    verdicts = [_verdict(backend) for backend in report.backends]
    columns = [_column_width(names), _column_width(verdicts)]
    image = _image(columns, len(names), [f"{n}: {v}" for n, v in zip(names, verdicts, strict=True)])
    for number, backend in enumerate(report.backends):
        texts = (backend.label, _verdict(backend))
        colours = (NAME_COLOUR, COLOURS[backend.verdict])
        left = 0
        for width, text, colour in zip(columns, texts, colours, strict=True):
            _add_cell(image, (left, number * _LINE), width, text, colour)
            left += width
    return tostring(image, encoding="unicode") + "\n"


def text_width(text: str) -> int:
    """How many pixels wide a text is about; a character that is not ASCII counts as a wide one."""
    return round(sum(_WIDTH.get(character, 100) for character in text) * _SIZE / 100)


def _verdict(backend: BackendResult) -> str:
    return f"{backend.verdict} · contract {backend.run.contract}"


def _column_width(texts: Sequence[str]) -> int:
    return max(map(text_width, texts), default=0) + 2 * _PADDING


def _image(columns: Sequence[int], lines: int, described: Sequence[str]) -> Element:
    width, height = sum(columns), lines * _LINE
    image = Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "width": str(width),
            "height": str(height),
            "viewBox": f"0 0 {width} {height}",
            "role": "img",
            "aria-label": "; ".join(described),
            "font-family": "Verdana, 'DejaVu Sans', Geneva, sans-serif",
            "font-size": str(_SIZE),
        },
    )
    SubElement(image, "title").text = "\n".join(described)
    return image


def _add_cell(image: Element, at: tuple[int, int], width: int, text: str, colour: str) -> None:
    left, top = map(str, at)
    box = {"x": left, "y": top, "width": str(width), "height": str(_LINE - 1), "fill": colour}
    SubElement(image, "rect", box)
    place = {"x": str(at[0] + _PADDING), "y": str(at[1] + _BASELINE), "fill": "#fff"}
    # A font of other widths is made to fit.
    place |= {"textLength": str(text_width(text)), "lengthAdjust": "spacingAndGlyphs"}
    SubElement(image, "text", place).text = text
