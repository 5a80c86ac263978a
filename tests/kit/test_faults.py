"""A correct client over TCP passes the fault rules; those that do not are the mutants of FLT."""

from __future__ import annotations

from mutants.harness import run_parts
from pmcp_conformance.catalogue import Rule, catalogue
from pmcp_conformance.engine.target_run import TargetRun
from pmcp_conformance.report.results import Outcome, Result
from support.tcp_server import Message
from support.tcp_store import Reply, TcpBackend, TcpTarget

RULES = [rule for rule in catalogue().values() if rule.id.startswith("FLT-")]


def judged(target: TcpTarget, rules: list[Rule]) -> list[Result]:
    """What comes of these rules on a target that leaves nothing behind."""
    run = TargetRun(target)
    try:
        results = [run_parts(rule, run) for rule in rules]
        assert run.finish() == []
    finally:
        target.dispose()
    return results


def test_a_correct_client_passes() -> None:
    results = judged(TcpTarget(), RULES)
    assert [r for r in results if r.outcome is not Outcome.PASSED] == []


class LateOnce(TcpBackend):
    """The first answer of all comes too late, as on a machine with more to do than it can."""

    late: list[str]

    def exchange(self, request: Message) -> Reply:
        if self.late:
            raise TimeoutError(self.late.pop())
        return super().exchange(request)


def test_an_answer_that_is_late_without_a_fault_is_no_finding() -> None:
    LateOnce.late = ["one"]
    (result,) = judged(TcpTarget(LateOnce), [catalogue()["FLT-11"]])
    assert (result.outcome, LateOnce.late) == (Outcome.PASSED, []), result.finding
