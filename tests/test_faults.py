"""A correct client over TCP passes the fault rules; those that do not are in `mutants/network*`."""

from __future__ import annotations

from pmcp_conformance.bench import Bench
from pmcp_conformance.rules import catalogue
from pmcp_conformance.run import Outcome, run_rule
from tcp_store import TcpTarget

RULES = [rule for rule in catalogue().values() if rule.id.startswith("FLT-")]


def test_a_correct_client_passes() -> None:
    target = TcpTarget()
    bench = Bench(target)
    results = [run_rule(rule, bench) for rule in RULES]
    assert [r for r in results if r.outcome is not Outcome.PASSED] == []
    assert bench.finish() == []
    target.dispose()
