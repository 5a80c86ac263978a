"""What a terminal shows of a report: where to start, what fails and why, and the verdicts.

Pure functions of the model, without any knowledge of pytest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from pmcp_conformance.report.diagnosis import Cause, causes
from pmcp_conformance.report.marks import OUTCOME_MARKS
from pmcp_conformance.report.matrix import Group, Tally, failures, matrix, version_text
from pmcp_conformance.report.model import BackendResult, Report, RuleResult
from pmcp_conformance.report.results import FAILURES, Outcome
from pmcp_conformance.report.text import counted
from pmcp_conformance.report.verdicts import Verdict
from pmcp_conformance.target import BackendTarget

_MOST_PROBLEMS = 8
"""Lines: a backend that cannot delete leaves something behind under every owner."""

_WHOLE = {
    name: getattr(BackendTarget, name) for name in ("integers", "max_nesting", "max_record_bytes")
}
"""Facts of which another value than this takes a part of some rules."""

_MOST_RULES = 8
"""Rules of one cause that have a line of their own."""

_COLOURS = {
    Verdict.CONFORMANT: "green",
    Verdict.PARTIAL: "yellow",
    Verdict.INCOMPLETE: "yellow",
    Verdict.NOT_CONFORMANT: "red",
}


class Line(NamedTuple):
    """A line, and how it looks where that can be shown."""

    text: str
    markup: str = ""
    """The name of a colour, or `bold`."""
    may_be_cut: bool = False
    """Whether its end may be left out where it would not fit on one line of a terminal."""


def summary_lines(report: Report, *, in_full: bool = False) -> Iterator[Line]:
    """Each verdict, and below it what is wrong; for the top of the results.

    `in_full` says that each failure is also shown in full, and nobody has to be told how to see it.
    """
    for backend in report.backends:
        yield Line(f"{_verdict(backend)} ({Tally.of(backend.rules).text})", _colour(backend))
        yield from _failure_lines(backend)
        if not in_full and len(failures(backend)) > 1:
            yield Line("  -v shows each of them in full")
        yield from map(Line, _unjudged_lines(backend))
        yield from map(Line, _problem_lines(backend.problems))
        yield from map(Line, _passes_that_are_known(backend))


def closing_lines(report: Report) -> Iterator[Line]:
    """The verdicts once more, for the end of the output."""
    if len(report.backends) > 1:
        yield from map(Line, _matrix_lines(report))
    yield Line(f"contract version {version_text(report.backends[0].run)}")
    for backend in report.backends:
        calls = +Counter({rule.id: rule.calls for rule in backend.rules})
        if calls:
            shares = ", ".join(f"{count:,} by {rule}" for rule, count in calls.most_common(3))
            yield Line(f"{backend.label} was called {counted(calls.total(), 'time')}, {shares}")
    yield from map(_verdict_line, report.backends)


def first_failures(report: Report) -> set[str]:
    """The failure of each backend that is to be read first, and in full: `mine::CAS-2`."""
    found = ((backend.name, _first_failure(backend)) for backend in report.backends)
    return {f"{name}::{rule}" for name, rule in found if rule}


def _first_failure(backend: BackendResult) -> str | None:
    failed = {rule.id for rule in failures(backend)}
    of_one_cause = next(map(_rules_of, causes(backend.rules)), [])
    return next((rule for rule in of_one_cause if rule in failed), None)


def _failure_lines(backend: BackendResult) -> Iterator[Line]:
    """What fails, by cause; then what is known to fail."""
    failed = {rule.id: rule for rule in failures(backend) if not rule.known}
    for number, cause in enumerate(causes(backend.rules)):
        yield from _heading(cause, failed) if number == 0 else _next_heading(cause)
        yield from _lines_of([failed[id] for id in _rules_of(cause) if id in failed])
    yield from _lines_of([rule for rule in failures(backend) if rule.known])


def _rules_of(cause: Cause) -> Sequence[str]:
    return [cause.start, *cause.explains]


def _heading(cause: Cause, failed: Collection[str]) -> Iterator[Line]:
    """Where to start, of these failures, and what it looks like."""
    # A rule that blocks others may itself not have been selected.
    tells_more = cause.explains and cause.start in failed
    more = f", which probably explains {_share(cause, len(failed) - 1)}" if tells_more else ""
    yield Line(f"  start with {cause.start}{more}", "bold")
    for number, diagnosis in enumerate(cause.diagnoses):
        likeness = diagnosis.likeness
        begin = f"or {likeness.removeprefix('looks ')}" if number else f"this {likeness}"
        fit = f"({diagnosis.rule}, fits {diagnosis.fit:.0%})"
        yield Line(f"  {begin:>15}: {diagnosis.what} {fit}")


def _share(cause: Cause, others: int) -> str:
    if others == 1:
        return "the other failure"
    explained = len(cause.explains)
    share = "all" if explained == others else f"{explained} of the"
    return f"{share} {others} other failures"


def _next_heading(cause: Cause) -> Iterator[Line]:
    explained = len(cause.explains)
    more = f", which probably explains {explained} more" if explained else ""
    yield Line(f"  then look at {cause.start}{more}", "bold")


def _lines_of(failed: Sequence[RuleResult]) -> Iterator[Line]:
    """A line for each of the first rules that fail, and for each that blocks others."""
    blocked: dict[str, list[str]] = {}
    for rule in failed:
        if rule.blocked_by:
            blocked.setdefault(rule.blocked_by, []).append(rule.id)
    failing = [rule for rule in failed if not rule.blocked_by]
    for rule in failing[:_MOST_RULES]:
        known = f", which is known ({rule.known})" if rule.known else ""
        yield Line(f"  {rule.id} fails{known}: {rule.sentence}", may_be_cut=True)
    if more := failing[_MOST_RULES:]:
        verb = "does" if len(more) == 1 else "do"
        yield Line(f"  and so {verb} {', '.join(rule.id for rule in more)}")
    for blocker, rules in blocked.items():
        yield Line(f"  {blocker} blocks {', '.join(rules)}")


def _unjudged_lines(backend: BackendResult) -> Iterator[str]:
    """Why rules have not run or could not be judged, each reason once."""
    for outcome, verb in ((Outcome.NOT_RUN, "run"), (Outcome.INCONCLUSIVE, "be judged")):
        details = {rule.reason: rule.details for rule in _rules(backend, outcome)}
        for reason, count in _reasons(backend, outcome).items():
            yield f"  {counted(count, 'rule')} could not {verb}: {reason}"
            yield from (f"    {line}" for line in details[reason].splitlines())


def _problem_lines(problems: Sequence[str]) -> Iterator[str]:
    yield from (f"  {problem}" for problem in problems[:_MOST_PROBLEMS])
    if more := len(problems[_MOST_PROBLEMS:]):
        yield f"  and {more} more like these"


def _passes_that_are_known(backend: BackendResult) -> Iterator[str]:
    for rule in _rules(backend, Outcome.PASSED):
        if rule.known:
            yield f"  {rule.id} passes, though it is listed as a known failure: remove the entry"


def _matrix_lines(report: Report) -> Iterator[str]:
    """A line for each group of rules, a column for each backend: ✓ 12, or what did not pass."""
    rows = [["", *(backend.label for backend in report.backends)]]
    rows += [[group.name, *map(_cell, group.columns)] for group in matrix(report) if _ran(group)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    yield ", ".join(f"{mark} {outcome}" for outcome, mark in _marks(report))
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()


def _marks(report: Report) -> Iterator[tuple[Outcome, str]]:
    found = {rule.outcome for backend in report.backends for rule in backend.rules}
    return ((outcome, mark) for outcome, mark in OUTCOME_MARKS.items() if outcome in found)


def _ran(group: Group) -> bool:
    """Whether any rule of the group was selected."""
    return any(column.worst is not Outcome.NOT_SELECTED for column in group.columns)


def _cell(tally: Tally) -> str:
    return " ".join(f"{OUTCOME_MARKS[outcome]}{count}" for outcome, count in tally.shares)


def _verdict_line(backend: BackendResult) -> Line:
    """One line that says it all: `mine CONFORMANT 113 of 131 (5 not applicable: not durable; …)`"""
    shares = "; ".join([*_shares(backend), *_limiting_facts(backend)])
    details = f" ({shares})" if shares else ""
    return Line(f"{_verdict(backend)}{details}", _colour(backend))


def _verdict(backend: BackendResult) -> str:
    known = len([rule for rule in failures(backend) if rule.known])
    verdict = f"{backend.verdict} ({known} known)" if known else str(backend.verdict)
    passed = len(_rules(backend, Outcome.PASSED))
    return f"{backend.label} {verdict} {passed} of {len(backend.rules)}"


def _colour(backend: BackendResult) -> str:
    return _COLOURS[backend.verdict]


def _shares(backend: BackendResult) -> Iterator[str]:
    """How many rules did not pass, by outcome, with the rules or the reasons."""
    for outcome in (*FAILURES, Outcome.INCONCLUSIVE):
        if found := _rules(backend, outcome):
            yield f"{len(found)} {outcome}: {', '.join(rule.id for rule in found)}"
    for outcome in (Outcome.NOT_RUN, Outcome.NOT_APPLICABLE, Outcome.UNPROVEN):
        if reasons := _reasons(backend, outcome):
            # "no address" and "no address, refusals" have a part in common.
            parts = dict.fromkeys(part for reason in reasons for part in _parts(reason))
            yield f"{reasons.total()} {outcome}: {', '.join(parts)}"
    if not_selected := len(_rules(backend, Outcome.NOT_SELECTED)):
        yield f"{not_selected} not selected"


def _limiting_facts(backend: BackendResult) -> Iterator[str]:
    """The facts that have taken a part of some rules, while the rest of them was tried."""
    for fact, whole in _WHOLE.items():
        if (value := backend.facts.get(fact, whole)) != whole:
            yield f"{fact} = {value}"


def _parts(reason: str) -> Sequence[str]:
    """What a rule lacks, each by itself: "no address", "no refusals"."""
    first, *others = reason.split(", ")
    return [first, *(f"no {other}" for other in others)] if first.startswith("no ") else [reason]


def _rules(backend: BackendResult, outcome: Outcome) -> list[RuleResult]:
    return [rule for rule in backend.rules if rule.outcome is outcome]


def _reasons(backend: BackendResult, outcome: Outcome) -> Counter[str]:
    return Counter(rule.reason for rule in _rules(backend, outcome))
