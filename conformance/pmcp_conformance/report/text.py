"""Text from results: pure functions, without any knowledge of pytest."""

from __future__ import annotations

from collections.abc import Iterator

from pmcp_conformance.catalogue import CONTRACT_VERSION, catalogue
from pmcp_conformance.report.results import Finding, Outcome, Result
from pmcp_conformance.report.verdicts import RunReport, TargetReport, Verdict

_MOST_TROUBLES = 8
"""Lines: a backend that cannot delete leaves something behind under every owner."""


def failure_text(result: Result, sentence: str, command: str) -> str:
    """All that is known about a failed rule, and how to see it again."""
    lines = [f"{result.rule}  {sentence}", ""]
    if result.outcome is Outcome.BLOCKED:
        lines += [f"{result.reason}, on which this rule builds: mend that one first.", ""]
    if result.finding is not None:
        lines += finding_lines(result.finding)
    if result.calls:
        lines += [f"{result.calls:,} operations led there", ""]
    lines += ["repeat it with", f"  {command}"]
    return "\n".join(lines)


def finding_lines(finding: Finding) -> Iterator[str]:
    yield f"expected: {finding.expected}"
    yield f"observed: {finding.observed}"
    if finding.declared:
        yield f"this rule concerns the target because it declares {finding.declared}"
    yield ""
    if finding.operations:
        yield "operations, in their order (A, B … stand for owner ids):"
        yield from (f"  {line}" for line in finding.operations)
        yield ""
    if finding.traceback:
        yield finding.traceback


def summary_lines(report: RunReport) -> Iterator[str]:
    """The verdicts, and below each what is wrong; for the top of the results."""
    for target in report.targets.values():
        yield verdict_line(target)
        for result in target.rules(Outcome.FAILED):
            yield f"  {result.rule} fails: {catalogue()[result.rule].sentence}"
            if result.finding is not None:
                yield f"    expected {result.finding.expected}"
                yield f"    observed {result.finding.observed}"
                if result.finding.declared:
                    yield f"    though the target declares {result.finding.declared}"
            if result.known:
                yield f"    known: {result.known}"
        for reason, count in target.reasons(Outcome.NOT_RUN).items():
            yield f"  {count} rules could not run: {reason}"
        yield from trouble_lines(target.troubles)
        for rule_id in target.outlived(report.known):
            yield (
                f"  {rule_id} passes, though {report.known.path} lists it as a known failure: "
                "remove the entry"
            )


def trouble_lines(troubles: list[str]) -> Iterator[str]:
    yield from (f"  {trouble}" for trouble in troubles[:_MOST_TROUBLES])
    if more := len(troubles[_MOST_TROUBLES:]):
        yield f"  and {more} more like these"


def verdict_line(target: TargetReport) -> str:
    """One line that says all: `mine CONFORMANT 113 of 131 (5 not applicable: not durable; …)`."""
    passed = len(target.rules(Outcome.PASSED))
    parts = []
    for outcome in (Outcome.FAILED, Outcome.BLOCKED):
        if found := target.rules(outcome):
            parts.append(f"{len(found)} {outcome}: {', '.join(r.rule for r in found)}")
    for outcome in (Outcome.NOT_RUN, Outcome.NOT_APPLICABLE, Outcome.UNPROVEN):
        if reasons := target.reasons(outcome):
            parts.append(f"{reasons.total()} {outcome}: {', '.join(reasons)}")
    if not_selected := len(catalogue()) - len(target.results):
        parts.append(f"{not_selected} not selected")
    details = f" ({'; '.join(parts)})" if parts else ""
    known = len([r for r in target.rules(Outcome.FAILED, Outcome.BLOCKED) if r.known])
    verdict = f"{target.verdict} ({known} known)" if known else str(target.verdict)
    return f"{target.name} {verdict} {passed} of {len(catalogue())}{details}"


def closing_lines(report: RunReport) -> Iterator[str]:
    """The verdicts once more, for the end of the output."""
    yield f"contract version {CONTRACT_VERSION}"
    for target in report.targets.values():
        if target.calls:
            yield f"{target.name} was called {target.calls.total():,} times, {most_called(target)}"
    yield from (verdict_line(target) for target in report.targets.values())


def most_called(target: TargetReport) -> str:
    """The rules that take the most operations."""
    told = [f"{calls:,} by {rule_id}" for rule_id, calls in target.calls.most_common(3)]
    return ", ".join(told)


def worst(report: RunReport) -> Verdict:
    """The worst verdict of the run."""
    return max((t.verdict for t in report.targets.values()), key=list(Verdict).index)
