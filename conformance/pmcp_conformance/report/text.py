"""One failed rule in full, as text."""

from __future__ import annotations

from collections.abc import Iterator

from pmcp_conformance.catalogue import catalogue
from pmcp_conformance.report.results import Finding, Outcome, Result
from pmcp_conformance.report.scripts import why_no_script


def failure_text(result: Result, command: str, report: str = "") -> str:
    """All that is known about a failed rule, how to mend it, and the commands that repeat it.

    `command` runs the rule, and `report` is the JSON file that the run writes, if it writes one.
    """
    rule = catalogue()[result.rule]
    lines = [f"{rule.id}  {rule.sentence}", ""]
    if result.outcome is Outcome.BLOCKED:
        lines += [f"{result.reason}, on which this rule builds: fix that one first.", ""]
    if result.finding is not None:
        lines += _finding_lines(result.finding)
    if result.calls > len(result.finding.operations if result.finding else []):
        lines += [f"{counted(result.calls, 'operation')} led there", ""]
    if result.outcome is Outcome.FAILED:
        lines += [f"what usually mends it: {rule.explanation.mend}", ""]
    lines += ["repeat it with", f"  {command}", *_reproduction(result, command, report)]
    return "\n".join(lines)


def _reproduction(result: Result, command: str, report: str) -> Iterator[str]:
    """How the failure is shown without pytest, if it can be."""
    finding = result.finding
    if finding is None or result.outcome is not Outcome.FAILED:
        return
    if finding.history:
        yield "check the recorded history again, without pytest, with"
        yield f"  python -m pmcp_conformance.history {finding.history}"
    elif not why_no_script(result.rule, finding.calls):
        yield "make a script of the few calls that show it, without pytest, with"
        if not report:
            yield f"  {command} --pmcp-report result.json"
        yield f"  pmcp-conformance reproduce {report or 'result.json'} {result.rule}"


def _finding_lines(finding: Finding) -> Iterator[str]:
    yield f"expected: {finding.expected}"
    yield f"observed: {finding.observed}"
    if finding.declared:
        yield f"this rule applies because the target declares {finding.declared}"
    yield ""
    if finding.operations:
        yield "operations, in their order (A, B … stand for owner ids):"
        yield from (f"  {line}" for line in finding.operations)
        yield ""
    if finding.traceback:
        yield finding.traceback


def counted(count: int, noun: str) -> str:
    """`1 rule`, `2 rules`"""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
