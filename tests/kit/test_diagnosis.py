"""What failures have in common: where to start, and the known bugs that they look like."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

import pytest

from pmcp_conformance.catalogue import catalogue
from pmcp_conformance.report.diagnosis import Cause, causes
from pmcp_conformance.report.known_bugs import KnownBug, KnownBugs, known_bugs
from pmcp_conformance.report.model import RuleResult
from pmcp_conformance.report.results import Outcome

PAGE = Path(__file__).parents[2] / "docs" / "reports.md"

TOLERANCE = 0.03
"""By how much the figures may be worse than docs/reports.md says: new mutants move them."""


def results(outcomes: dict[str, Outcome], **more: str) -> list[RuleResult]:
    """The results of a backend on which these rules came out so, and all others passed."""
    return [
        RuleResult(
            id=rule.id,
            group=rule.group,
            since=rule.since,
            sentence=rule.sentence,
            outcome=outcomes.get(rule.id, Outcome.PASSED),
            known=more.get("known", "") if rule.id in outcomes else "",
            blocked_by=more.get("blocked_by", "")
            if outcomes.get(rule.id) is Outcome.BLOCKED
            else "",
        )
        for rule in catalogue().values()
    ]


def like(bug: KnownBug) -> list[RuleResult]:
    """The results of a backend that has this bug."""
    fails = dict.fromkeys(bug.fails, Outcome.FAILED)
    return results(fails | dict.fromkeys(bug.blocked, Outcome.BLOCKED))


def failing(rules: Collection[str]) -> list[RuleResult]:
    return results(dict.fromkeys(rules, Outcome.FAILED))


def first(rules: list[RuleResult], known: KnownBugs | None = None) -> Cause:
    return next(causes(rules, known))


def bug(mutant: str) -> KnownBug:
    [found] = [bug for bug in known_bugs().bugs if bug.mutant == mutant]
    return found


ANY_OLDER = bug("AcceptsOlderVersions")


def test_a_known_bug_is_recognized_with_all_that_it_breaks() -> None:
    [cause] = causes(failing(ANY_OLDER.breaks))
    assert cause.start == "CAS-2"
    assert {*cause.explains, "CAS-2"} == ANY_OLDER.breaks
    nearest = cause.diagnoses[0]
    assert (nearest.what, nearest.fit) == (ANY_OLDER.what, 1.0)


def test_the_rule_at_fault_need_not_be_the_first_that_fails() -> None:
    assert min(ANY_OLDER.breaks, key=list(catalogue()).index) == "GET-4"
    assert first(failing(ANY_OLDER.breaks)).start == "CAS-2"


@pytest.mark.parametrize(
    "unjudged",
    [Outcome.UNPROVEN, Outcome.NOT_RUN, Outcome.INCONCLUSIVE, Outcome.NOT_APPLICABLE],
)
def test_what_was_not_judged_does_not_count_against_a_fit(unjudged: Outcome) -> None:
    outcomes = dict.fromkeys(ANY_OLDER.breaks, Outcome.FAILED)
    outcomes |= dict.fromkeys(("MOD-1", "MOD-2", "ERR-8"), unjudged)
    assert first(results(outcomes)).diagnoses[0].fit == 1.0
    passed = dict.fromkeys(("MOD-1", "MOD-2", "ERR-8"), Outcome.PASSED)
    assert first(results(outcomes | passed)).diagnoses[0].fit < 1.0


def test_rules_that_were_not_tried_on_a_bug_do_not_count_against_it_and_are_explained() -> None:
    assert "CON" in known_bugs().untried
    [cause] = causes(failing({*ANY_OLDER.breaks, "CON-1", "CON-8"}))
    assert cause.diagnoses[0].fit == 1.0
    assert {"CON-1", "CON-8"} <= set(cause.explains)


def test_nothing_is_named_where_nothing_fits() -> None:
    far_apart = ["LIST-7", "KEY-9", "RES-1", "STORE-24", "VAL-6"]
    found = first(failing(far_apart))
    assert found.diagnoses == []
    assert found.start == "LIST-7"


def test_nothing_is_named_by_a_few_rules_that_were_selected() -> None:
    others = dict.fromkeys(catalogue(), Outcome.NOT_SELECTED)
    cause = first(results(others | {"CAS-2": Outcome.FAILED}))
    assert (cause.start, cause.explains, cause.diagnoses) == ("CAS-2", [], [])


def test_a_few_rules_that_were_selected_are_put_together_nevertheless() -> None:
    others = dict.fromkeys(catalogue(), Outcome.NOT_SELECTED)
    failed = dict.fromkeys(("CAS-2", "CAS-6", "CAS-11"), Outcome.FAILED)
    [cause] = causes(results(others | failed))
    assert (cause.start, cause.explains, cause.diagnoses) == ("CAS-2", ["CAS-6", "CAS-11"], [])


def test_while_a_rule_of_the_backend_fails_the_start_is_none_of_the_store() -> None:
    assert first(failing(["STORE-30", "CON-1"])).start == "CON-1"
    assert first(failing(["STORE-30"])).start == "STORE-30"


def test_a_weak_fit_is_said_to_be_one() -> None:
    nearest = first(failing(ANY_OLDER.breaks)).diagnoses[0]
    assert nearest.likeness == "looks like"
    assert nearest.model_copy(update={"fit": 0.32}).likeness == "looks a little like"


def test_two_bugs_are_two_causes() -> None:
    other = bug("MissesAreListed")
    found = list(causes(failing(ANY_OLDER.breaks | other.breaks)))
    assert {cause.start for cause in found} >= {"CAS-2", other.rule}


def test_what_is_known_to_fail_has_no_cause() -> None:
    known = results(dict.fromkeys(ANY_OLDER.breaks, Outcome.FAILED), known="ticket 7")
    assert list(causes(known)) == []


def test_where_all_is_blocked_the_start_is_what_blocks() -> None:
    cause = first(results({"CRE-3": Outcome.BLOCKED, "CAS-9": Outcome.BLOCKED}, blocked_by="GET-1"))
    assert cause.start == "GET-1"
    assert cause.explains == ["CRE-3", "CAS-9"]


def test_it_is_right_as_often_as_the_docs_say() -> None:
    """Each known bug in turn is a backend's, and unknown; those of the same rule stay known."""
    known = known_bugs()
    starts, starts_of_many, named = list[bool](), list[bool](), list[bool]()
    for bug in known.bugs:
        others = KnownBugs([other for other in known.bugs if other is not bug], known.untried)
        cause = first(like(bug), others)
        starts.append(cause.start == bug.rule)
        named.append(any(diagnosis.rule == bug.rule for diagnosis in cause.diagnoses))
        if len(bug.breaks) > 1:
            starts_of_many.append(cause.start == bug.rule)
    text = PAGE.read_text(encoding="utf-8").replace("\n", " ")
    stated = re.search(r"right for (\d+) %.* still (\d+) %.* same rule for (\d+) %", text)
    assert stated
    for found, percent in zip((starts, starts_of_many, named), stated.groups(), strict=True):
        share = sum(found) / len(found)
        assert share > int(percent) / 100 - TOLERANCE, f"{share:.1%} of {len(found)}"
