"""What the terminal says of a report, where a run would take long to bring it about."""

from __future__ import annotations

import pytest

from pmcp_conformance.report.model import BackendResult
from pmcp_conformance.report.results import Outcome
from pmcp_conformance.report.summary import closing_lines, summary_lines
from pmcp_conformance.report.verdicts import Verdict
from support.sample_reports import broken, conformant, report


def breaking(*rules: str, known: str = "") -> BackendResult:
    """A backend that breaks these rules, the last of which may be known."""
    changes = {rule: {"outcome": Outcome.FAILED} for rule in rules}
    found = [
        rule.model_copy(update=changes.get(rule.id, {"outcome": Outcome.PASSED}))
        for rule in conformant("mine").rules
    ]
    if known:
        [last] = [n for n, rule in enumerate(found) if rule.id == rules[-1]]
        found[last] = found[last].model_copy(update={"known": known})
    update = {"rules": found, "verdict": Verdict.NOT_CONFORMANT}
    return conformant("mine").model_copy(update=update)


def told(backend: BackendResult) -> list[str]:
    return [line.text for line in summary_lines(report(backend))]


def test_causes_follow_each_other_with_their_failures() -> None:
    lines = told(breaking("GET-1", "LIST-7", "KEY-9"))
    starts = [n for n, line in enumerate(lines) if "start with" in line or "then look at" in line]
    assert [lines[n].split(",")[0].split()[-1] for n in starts] == ["GET-1", "LIST-7", "KEY-9"]
    for begin, rule in zip(starts, ("GET-1", "LIST-7", "KEY-9"), strict=True):
        assert any(line.startswith(f"  {rule} fails: ") for line in lines[begin + 1 :])


@pytest.mark.parametrize(
    ("count", "last"),
    [(8, "  KEY-9 fails"), (9, "  and so does KEY-10"), (10, "  and so do KEY-10, KEY-11")],
)
def test_of_many_failures_that_stand_together_the_last_are_only_named(
    count: int, last: str
) -> None:
    backend = breaking(*(f"KEY-{number}" for number in range(2, 2 + count)))
    rules = [
        rule.model_copy(update={"known": "ticket 7"} if rule.outcome is Outcome.FAILED else {})
        for rule in backend.rules
    ]
    [*_, shown, _hint] = told(backend.model_copy(update={"rules": rules}))
    assert shown.startswith(last)


def test_a_known_failure_is_no_place_to_start() -> None:
    lines = told(breaking("LIST-7", "KEY-9", known="ticket 7"))
    assert lines[1] == "  start with LIST-7"
    assert lines[-2].startswith("  KEY-9 fails, which is known (ticket 7): ")
    assert not any("look at KEY-9" in line for line in lines)


def test_a_rule_that_only_blocks_is_the_start() -> None:
    backend = breaking("GET-4")
    rules = [
        rule.model_copy(update={"outcome": Outcome.BLOCKED, "blocked_by": "CAS-2"})
        if rule.id == "GET-4"
        else rule
        for rule in backend.rules
    ]
    lines = told(backend.model_copy(update={"rules": rules}))
    assert lines[1] == "  start with CAS-2"
    assert lines[-1] == "  CAS-2 blocks GET-4"


def test_one_failure_needs_no_word_on_where_the_others_are() -> None:
    assert "  -v shows each of them in full" not in told(breaking("LIST-7"))
    assert told(breaking("LIST-7", "KEY-9"))[-1] == "  -v shows each of them in full"


def test_every_verdict_comes_at_the_end_whatever_else_there_is_to_say() -> None:
    lines = list(closing_lines(report(broken("one"), conformant("two"), breaking("GET-1"))))
    assert [(line.text.split()[0], line.markup) for line in lines[-3:]] == [
        ("one", "red"),
        ("two", "green"),
        ("mine", "red"),
    ]
