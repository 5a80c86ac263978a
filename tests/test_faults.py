"""The fault rules: a correct client over TCP passes them, and each has clients that it convicts."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mutants import network
from pmcp_conformance.bench import Bench
from pmcp_conformance.rules import catalogue
from pmcp_conformance.run import Outcome, run_rule
from tcp_store import TcpBackend, TcpTarget

RULES = [rule for rule in catalogue().values() if rule.id.startswith("FLT-")]
MUTANTS = [
    kind
    for kind in vars(network).values()
    if isinstance(kind, type) and kind.__module__ == network.__name__
]


def broken_rule(mutant: type[TcpBackend]) -> str:
    return (mutant.__doc__ or "").removeprefix("breaks ").partition(":")[0]


def held() -> tuple[int, int]:
    descriptors = Path("/proc/self/fd")
    files = len(os.listdir(descriptors)) if descriptors.exists() else 0
    return threading.active_count(), files


@pytest.fixture
def nothing_left() -> Iterator[None]:
    """No thread and no socket stays, neither of the proxy nor of a client that hung."""
    before = held()
    yield
    assert held() == before


@pytest.mark.usefixtures("nothing_left")
def test_a_correct_client_passes() -> None:
    target = TcpTarget()
    bench = Bench(target)
    results = [run_rule(rule, bench) for rule in RULES]
    assert [r for r in results if r.outcome is not Outcome.PASSED] == []
    assert bench.finish() == []
    target.dispose()


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda kind: f"{broken_rule(kind)}-{kind.__name__}")
def test_the_rule_convicts_the_mutant(mutant: type[TcpBackend]) -> None:
    target = TcpTarget(mutant)
    bench = Bench(target)
    result = run_rule(catalogue()[broken_rule(mutant)], bench)
    bench.finish()
    target.dispose()
    assert result.outcome is Outcome.FAILED, f"{result.outcome} {result.reason}: {result.finding}"
    assert result.finding is not None
    assert result.finding.expected != "no error here", result.finding.traceback


def test_every_rule_has_a_mutant() -> None:
    assert {rule.id for rule in RULES} == {broken_rule(mutant) for mutant in MUTANTS}
