"""Text from results: pure functions, without any knowledge of pytest."""

from __future__ import annotations

from collections.abc import Iterator

from pmcp_conformance.catalogue import CONTRACT_VERSION, catalogue
from pmcp_conformance.report.results import FAILURES, Finding, Outcome, Result
from pmcp_conformance.report.verdicts import RunReport, TargetReport

_MOST_PROBLEMS = 8
"""Lines: a backend that cannot delete leaves something behind under every owner."""


def failure_text(result: Result, command: str) -> str:
    """All that is known about a failed rule, and the command that repeats it."""
    lines = [f"{result.rule}  {catalogue()[result.rule].sentence}", ""]
    if result.outcome is Outcome.BLOCKED:
        lines += [f"{result.reason}, on which this rule builds: fix that one first.", ""]
    if result.finding is not None:
        lines += _finding_lines(result.finding)
    if result.calls:
        lines += [f"{_counted(result.calls, 'operation')} led there", ""]
    lines += ["repeat it with", f"  {command}"]
    return "\n".join(lines)


def summary_lines(report: RunReport) -> Iterator[str]:
    """The verdicts, and below each what is wrong; for the top of the results."""
    for target in report.targets.values():
        yield _verdict_line(target)
        for result in target.rules(Outcome.FAILED):
            yield from _failure_lines(result)
        for reason, count in target.reasons(Outcome.NOT_RUN).items():
            yield f"  {_counted(count, 'rule')} could not run: {reason}"
        yield from _problem_lines(target.problems)
        for rule_id in target.unexpected_passes(report.known):
            yield (
                f"  {rule_id} passes, though {report.known.path} lists it as a known failure: "
                "remove the entry"
            )


def closing_lines(report: RunReport) -> Iterator[str]:
    """The verdicts once more, for the end of the output."""
    yield f"contract version {CONTRACT_VERSION}"
    for target in report.targets.values():
        if target.calls:
            total, busiest = target.calls.total(), target.calls.most_common(3)
            shares = ", ".join(f"{calls:,} by {rule_id}" for rule_id, calls in busiest)
            yield f"{target.name} was called {_counted(total, 'time')}, {shares}"
    yield from (_verdict_line(target) for target in report.targets.values())


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


def _failure_lines(result: Result) -> Iterator[str]:
    yield f"  {result.rule} fails: {catalogue()[result.rule].sentence}"
    if result.finding is not None:
        yield f"    expected {result.finding.expected}"
        yield f"    observed {result.finding.observed}"
        if result.finding.declared:
            yield f"    though the target declares {result.finding.declared}"
    if result.known:
        yield f"    known: {result.known}"


def _problem_lines(problems: list[str]) -> Iterator[str]:
    yield from (f"  {problem}" for problem in problems[:_MOST_PROBLEMS])
    if more := len(problems[_MOST_PROBLEMS:]):
        yield f"  and {more} more like these"


def _verdict_line(target: TargetReport) -> str:
    """One line that says it all: `mine CONFORMANT 113 of 131 (5 not applicable: not durable; …)`"""
    failures = target.rules(*FAILURES)
    known = len([result for result in failures if result.known])
    verdict = f"{target.verdict} ({known} known)" if known else str(target.verdict)
    passed = len(target.rules(Outcome.PASSED))
    shares = "; ".join(_shares(target))
    details = f" ({shares})" if shares else ""
    return f"{target.name} {verdict} {passed} of {len(catalogue())}{details}"


def _shares(target: TargetReport) -> Iterator[str]:
    """How many rules did not pass, by outcome, with the rules or the reasons."""
    for outcome in FAILURES:
        if found := target.rules(outcome):
            yield f"{len(found)} {outcome}: {', '.join(result.rule for result in found)}"
    for outcome in (Outcome.NOT_RUN, Outcome.NOT_APPLICABLE, Outcome.UNPROVEN):
        if reasons := target.reasons(outcome):
            yield f"{reasons.total()} {outcome}: {', '.join(reasons)}"
    if not_selected := len(catalogue()) - len(target.results):
        yield f"{not_selected} not selected"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
