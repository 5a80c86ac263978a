"""Reports as Markdown and as a badge, and the matrix that they are made from."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import pytest

from pmcp_conformance.catalogue import CONTRACT_VERSION
from pmcp_conformance.report.badge import COLOURS, NAME_COLOUR, badge, text_width
from pmcp_conformance.report.markdown import markdown
from pmcp_conformance.report.marks import OUTCOME_MARKS, OUTCOME_MEANINGS, VERDICT_MARKS
from pmcp_conformance.report.matrix import matrix
from pmcp_conformance.report.results import Outcome
from pmcp_conformance.report.verdicts import Verdict
from support.colours import LEAST_CONTRAST, contrast
from support.sample_reports import HOSTILE, broken, conformant, fourteen, report

SVG = "{http://www.w3.org/2000/svg}"


def test_every_outcome_and_verdict_has_a_mark_of_its_own() -> None:
    assert set(OUTCOME_MARKS) == set(OUTCOME_MEANINGS) == set(Outcome)
    assert len(set(OUTCOME_MARKS.values())) == len(Outcome)
    assert set(VERDICT_MARKS) == set(COLOURS) == set(Verdict)
    assert len(set(VERDICT_MARKS.values())) == len(Verdict)


def test_a_matrix_has_the_rules_of_all_backends_in_the_order_of_the_contract() -> None:
    older = conformant("older")
    older = older.model_copy(update={"rules": [r for r in older.rules if r.id != "CAS-2"]})
    groups = matrix(report(older, conformant("newer")))
    rows = [row for group in groups for row in group.rows]
    assert [row.rule.id for row in rows] == [rule.id for rule in conformant("newer").rules]
    [cells] = [row.cells for row in rows if row.rule.id == "CAS-2"]
    assert cells[0] is None
    assert cells[1] is not None


def test_markdown_begins_with_a_line_for_each_verdict() -> None:
    lines = markdown(report(conformant("one"), broken("two"))).splitlines()
    assert lines[2].startswith(f"- ✓ **one** **CONFORMANT**, contract {CONTRACT_VERSION}: ")
    assert lines[3].startswith("- ✗ **two** **NOT CONFORMANT** (")
    assert "start with CAS\\-2" in lines[3]


def test_markdown_has_a_matrix_of_groups_and_backends() -> None:
    lines = markdown(report(conformant("one"), conformant("two"))).splitlines()
    at = lines.index("|  | one | two |")
    assert lines[at + 1 : at + 3] == ["| --- | :-: | :-: |", "| GET | ✓ 4 | ✓ 4 |"]


def test_markdown_has_the_failures_to_be_unfolded_and_no_markup_of_theirs() -> None:
    text = markdown(report(broken("mine")))
    assert "<details><summary>✗ <b>GET-2</b> Getting a key returns" in text
    fenced = re.findall(r"^(`{4,})text\n(.*?)^\1$", text, re.DOTALL | re.MULTILINE)
    assert any(f"expected: {HOSTILE}\n" in body for _, body in fenced)
    outside = re.sub(r"^(`{4,})text\n.*?^\1$", "", text, flags=re.DOTALL | re.MULTILINE)
    assert not re.search(r"(?<!\\)<(?!/?(details|summary|b|sub)>)", outside)


def test_markdown_of_many_failures_keeps_below_what_a_summary_may_have() -> None:
    text = markdown(report(*(broken(f"mine-{n}") for n in range(60))))
    assert len(text.encode()) < 1_000_000
    assert "for which there is no room here" in text


def test_a_badge_has_a_line_for_each_backend_and_names_what_it_shows() -> None:
    image = ElementTree.fromstring(badge(fourteen()))
    texts = [text.text or "" for text in image.iter(f"{SVG}text")]
    assert texts[:2] == ["backend-0 (linux/3.12)", f"CONFORMANT · contract {CONTRACT_VERSION}"]
    assert len(texts) == 28
    assert image.get("role") == "img"
    assert (image.get("aria-label") or "").startswith("backend-0 (linux/3.12): CONFORMANT")
    assert image.find(f"{SVG}title") is not None


def test_every_text_of_a_badge_has_room() -> None:
    image = ElementTree.fromstring(badge(report(conformant("m"), broken("W" * 40))))
    for box, text in zip(image.iter(f"{SVG}rect"), image.iter(f"{SVG}text"), strict=True):
        begin, width = float(text.get("x") or 0), float(text.get("textLength") or 0)
        assert float(box.get("x") or 0) + 4 <= begin
        assert begin + width + 4 <= float(box.get("x") or 0) + float(box.get("width") or 0)
    assert text_width("WWWW") > 2 * text_width("iiii")


@pytest.mark.parametrize("colour", [*COLOURS.values(), NAME_COLOUR])
def test_white_can_be_read_on_the_colours_of_a_badge(colour: str) -> None:
    assert contrast("#ffffff", colour) > LEAST_CONTRAST
