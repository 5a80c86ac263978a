"""Where a storage is too slow to tell, a rule is inconclusive: neither a pass nor an accusation."""

from __future__ import annotations

import pytest

from pmcp_conformance import BackendTarget
from pmcp_conformance.catalogue import catalogue
from pmcp_conformance.contract.rules_exp import exp_1
from pmcp_conformance.engine.runner import run_rule
from pmcp_conformance.engine.target_run import TargetRun
from pmcp_conformance.report.results import Outcome, Result
from pmcp_storage import BackendError, InMemoryBackend, MemoryStorage, StorageBackend
from support.servers import free_port
from support.tcp_store import TcpBackend, TcpTarget


class Overloaded(InMemoryBackend):
    """Every swap and creation of a race comes too late."""

    def _put_if_version(self, record, expected_version):  # type: ignore[no-untyped-def]
        raise BackendError("timed out")


class MemoryTarget(BackendTarget):
    name = "memory"
    interprocess = durable = False
    backend = InMemoryBackend

    def __init__(self) -> None:
        self.storage = MemoryStorage()

    def open(self) -> StorageBackend:
        return self.backend(self.storage)


class OverloadedTarget(MemoryTarget):
    backend = Overloaded


class LateTarget(MemoryTarget):
    """Nobody knows of this storage's clock whether a second is over."""

    clock_skew = 2.0


class UnreachedTarget(TcpTarget):
    """Its server is somewhere else than where it says."""

    def open(self) -> StorageBackend:
        return TcpBackend(*super().address())

    def address(self) -> tuple[str, int]:
        return "127.0.0.1", free_port()


def judged(target: BackendTarget, rule: str) -> Result:
    run = TargetRun(target)
    try:
        return run_rule(catalogue()[rule], run)
    finally:
        run.close()


def test_no_answer_within_the_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exp_1, "_ATTEMPTS", 1)
    result = judged(LateTarget(), "EXP-1")
    assert result.outcome is Outcome.INCONCLUSIVE
    assert "too slow to tell" in result.reason


def test_no_contender_was_served() -> None:
    result = judged(OverloadedTarget(), "CON-1")
    assert result.outcome is Outcome.INCONCLUSIVE
    assert "served none of 2 contenders" in result.reason
    assert "contender 0: put_if_version raised BackendError: timed out" in result.details


def test_no_answer_through_a_proxy_without_faults() -> None:
    target = UnreachedTarget()
    try:
        result = judged(target, "FLT-2")
    finally:
        target.dispose()
    assert result.outcome is Outcome.INCONCLUSIVE
    assert "no answer through a proxy without faults" in result.reason
