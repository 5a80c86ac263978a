"""Taking in what the rules of a run came to, from pytest's reports."""

from __future__ import annotations

import pytest

from pmcp_conformance.catalogue import catalogue
from pmcp_conformance.plugin.workers import attached_result
from pmcp_conformance.report.verdicts import RunReport


def take_in(report: pytest.TestReport, run: RunReport) -> None:
    """Add what a report says of one of our rules: its result, or why it has none."""
    name, _, rule_id = report.nodeid.partition("::")
    if name not in run.targets or rule_id.partition("[")[0] not in catalogue():
        return
    result = attached_result(report)
    if result is not None:
        run.add(result)
    elif report.when == "call" or not report.passed:
        problem = f"{rule_id} could not run: {_last_line(report)}"
        run.targets[name].problems.append(problem)


def note_interruption(run: RunReport) -> None:
    """Say first of each target whose rules have not all run that this is why."""
    for target in run.targets.values():
        if not target.is_complete:
            target.problems.insert(0, "the run was interrupted")


def _last_line(report: pytest.TestReport) -> str:
    """The last line of what pytest has to say about a report."""
    text = str(report.longrepr[-1] if isinstance(report.longrepr, tuple) else report.longrepr)
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1][:200] if lines else report.outcome
