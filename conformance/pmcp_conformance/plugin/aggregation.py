"""Taking in what the rules of a run came to, from pytest's reports."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from pmcp_conformance.plugin.workers import attached_results, attached_rule
from pmcp_conformance.report.results import Outcome, Result
from pmcp_conformance.report.verdicts import RunReport


def take_in(report: pytest.TestReport, run: RunReport) -> None:
    """Add what a report says of one of our rules: its results, or why it has none."""
    name, _, rule_id = attached_rule(report).partition("::")
    if name not in run.targets or rule_id.partition("[")[0] not in run.contract.rules:
        return
    results = attached_results(report)
    for result in results:
        run.add(result)
    if not results and (report.when == "call" or not report.passed):
        rule, _, part = rule_id.rstrip("]").partition("[")
        run.add(Result(name, rule, Outcome.NOT_RUN, int(part or 0), _last_line(report)))


def note_stop(run: RunReport, reason: str, selected: Collection[str]) -> None:
    """Say first of each target whose rules have not all run that this is why, and of each of those
    that were selected, as `mine::CAS-2`."""
    for target in run.targets.values():
        if not target.is_complete:
            target.problems.insert(0, reason)
            target.note_not_run(reason, selected)


def note_problem(run: RunReport, problem: str) -> None:
    """Say of each target what kept rules from running, or may have."""
    for target in run.targets.values():
        target.problems.append(problem)


def _last_line(report: pytest.TestReport) -> str:
    """What pytest has to say about a report: the error, or the last line."""
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is not None:
        return str(crash.message).partition("\n")[0][:200]
    text = str(report.longrepr[-1] if isinstance(report.longrepr, tuple) else report.longrepr)
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1][:200] if lines else report.outcome
