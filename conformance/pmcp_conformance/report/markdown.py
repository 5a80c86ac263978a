"""A report as Markdown, for the summary of a CI job, a comment or a page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from html import escape

from pmcp_conformance.report.marks import OUTCOME_MARKS, VERDICT_MARKS
from pmcp_conformance.report.matrix import Group, Tally, failures, matrix, troubles, version_text
from pmcp_conformance.report.model import BackendResult, Finding, Report, RuleResult

_MOST_CHARACTERS = 400_000
"""Of details: GitHub takes a summary of a megabyte, and drops a larger one whole."""

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+\-.!|~&@])")


def markdown(report: Report) -> str:
    """The verdicts, the matrix of groups x backends, and each failure to be unfolded."""
    parts = [
        "# Conformance of task storage",
        _verdicts(report),
        _matrix(report.backends, matrix(report)),
        *_legend(report),
        *_findings(report.backends),
    ]
    return "\n\n".join(parts) + "\n"


def _verdicts(report: Report) -> str:
    return "\n".join(_verdict(backend) for backend in report.backends)


def _verdict(backend: BackendResult) -> str:
    tally = Tally.of(backend.rules)
    known = len([rule for rule in failures(backend) if rule.known])
    note = f" ({known} known)" if known else ""
    mark, version = VERDICT_MARKS[backend.verdict], version_text(backend.run)
    line = f"- {mark} **{_text(backend.label)}** **{backend.verdict}**{note}, contract {version}: "
    return line + "; ".join([tally.text, *map(_text, troubles(backend)[:3]), *_start(backend)])


def _start(backend: BackendResult) -> Iterator[str]:
    if backend.start:
        yield f"start with {_text(backend.start.rule)}"
    for diagnosis in backend.diagnoses[:1]:
        yield f"{diagnosis.likeness}: {_text(diagnosis.what)} (fit {diagnosis.fit:.0%})"


def _matrix(backends: Sequence[BackendResult], groups: Iterable[Group]) -> str:
    header = ["", *(_text(backend.label) for backend in backends)]
    rows = [[group.name, *map(_cell, group.columns)] for group in groups]
    lines = [header, ["---", *[":-:"] * len(backends)], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _cell(tally: Tally) -> str:
    """What to see at once of a group: ✓ 12 where all passed, or what did not."""
    shares = [f"{OUTCOME_MARKS[outcome]} {count}" for outcome, count in tally.shares]
    return " ".join(shares)


def _legend(report: Report) -> Iterator[str]:
    found = {rule.outcome for backend in report.backends for rule in backend.rules}
    marks = [f"{mark} {outcome}" for outcome, mark in OUTCOME_MARKS.items() if outcome in found]
    if marks:
        yield f"<sub>{', '.join(marks)}</sub>"


def _findings(backends: Iterable[BackendResult]) -> Iterator[str]:
    """The failures of each backend, until there is no room for more."""
    room = _MOST_CHARACTERS
    for backend in backends:
        details = [_details(rule) for rule in failures(backend)]
        if not details:
            continue
        yield f"## {_text(backend.label)}: what fails"
        shown = [text for text in details if (room := room - len(text)) > 0]
        yield from shown
        if left_out := len(details) - len(shown):
            yield f"{left_out} more, for which there is no room here: see the report as .html"


def _details(rule: RuleResult) -> str:
    known = f" (known: {rule.known})" if rule.known else ""
    title = f"{OUTCOME_MARKS[rule.outcome]} <b>{rule.id}</b> {escape(rule.sentence + known)}"
    body = "\n".join(_finding_lines(rule, rule.finding) if rule.finding else [rule.reason])
    return f"<details><summary>{title}</summary>\n\n{_fenced(body)}\n\n</details>"


def _finding_lines(rule: RuleResult, finding: Finding) -> Iterator[str]:
    if rule.blocked_by:
        yield f"blocked by {rule.blocked_by}: fix that one first"
    yield f"expected: {finding.expected}"
    yield f"observed: {finding.observed}"
    if finding.declared:
        yield f"applies because the target declares {finding.declared}"
    if finding.place:
        yield f"at {finding.place}"
    if finding.operations:
        yield from ("", *finding.operations)
    if finding.traceback:
        yield from ("", finding.traceback.rstrip())


def _fenced(text: str) -> str:
    """The text as it is, in a fence that it does not contain."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"


def _text(text: str) -> str:
    """The text on one line, none of it markup."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))
