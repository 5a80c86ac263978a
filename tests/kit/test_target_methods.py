"""The methods of a target are watched, and what goes wrong in them is not the backend's failure."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from pmcp_conformance import BackendTarget
from pmcp_conformance.catalogue import catalogue
from pmcp_conformance.engine import watchdog as watchdogs
from pmcp_conformance.engine.runner import run_rule
from pmcp_conformance.engine.target_run import TargetRun
from pmcp_conformance.plugin.preparation import PreparedTargets
from pmcp_conformance.report.results import Outcome, Result
from pmcp_storage import BackendError, InMemoryBackend, MemoryStorage, StorageBackend

RULES = {
    "address": "CON-1",
    "dispose_fresh": "EXP-4",
    "open_at": "CON-1",
    "open_fresh": "EXP-4",
    "plant": "VAL-12",
    "stored_expiry": "EXP-6",
}
"""The methods that rules call, each with a rule that does."""


class Troubled(BackendTarget):
    """Memory, whose method of that name does something else first."""

    name = "troubled"
    interprocess = durable = False
    answer_within = 0.4  # so that a watchdog loses patience in two seconds

    def __init__(self, method: str, trouble: str) -> None:
        self.storage = MemoryStorage()
        self.method = method
        self.trouble = trouble

    def _meet(self, method: str) -> None:
        if method == self.method:
            getattr(self, self.trouble)()

    def hang(self) -> None:
        threading.Event().wait()

    def fail(self) -> None:
        raise OSError("the door is locked")

    def prepare(self) -> None:
        self._meet("prepare")

    def open(self) -> StorageBackend:
        self._meet("open")
        return InMemoryBackend(self.storage)

    def open_fresh(self, token: str) -> StorageBackend:
        self._meet("open_fresh")
        return InMemoryBackend()

    def dispose_fresh(self, token: str) -> None:
        self._meet("dispose_fresh")

    def stored_expiry(self, owner_id: str, task_id: str) -> float | None:
        self._meet("stored_expiry")
        return None

    def plant(self, owner_id: str, task_id: str, data: str, version: int) -> None:
        self._meet("plant")

    def address(self) -> tuple[str, int]:
        self._meet("address")
        return "127.0.0.1", 1

    def open_at(self, host: str, port: int) -> StorageBackend:
        self._meet("open_at")
        return InMemoryBackend(self.storage)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdogs, "_TARGETS_PATIENCE", 0.2)


def judged(method: str, trouble: str, rule: str) -> Result:
    return run_rule(catalogue()[rule], TargetRun(Troubled(method, trouble)))


@pytest.mark.parametrize("method", RULES)
def test_a_method_that_fails_leaves_the_rule_inconclusive(method: str) -> None:
    result = judged(method, "fail", RULES[method])
    assert result.outcome is Outcome.INCONCLUSIVE
    assert f"{method}() failed with OSError: the door is locked (at " in result.reason
    assert f"{Path(__file__).name}:{Troubled.fail.__code__.co_firstlineno + 1})" in result.reason


@pytest.mark.parametrize("method", RULES)
def test_a_method_that_hangs_leaves_the_rule_inconclusive_and_shows_where(method: str) -> None:
    result = judged(method, "hang", RULES[method])
    assert result.outcome is Outcome.INCONCLUSIVE
    assert f"{method}() of the target is at " in result.reason
    assert f"{Path(__file__).name}:{Troubled.hang.__code__.co_firstlineno + 1}" in result.reason


@pytest.mark.parametrize("trouble", ["fail", "hang"])
def test_a_target_that_cannot_be_opened_runs_no_rule(trouble: str) -> None:
    result = judged("open", trouble, "GET-1")
    assert result.outcome is Outcome.NOT_RUN
    assert f"{Path(__file__).name}:" in result.reason


@pytest.mark.parametrize("trouble", ["fail", "hang"])
def test_a_target_that_cannot_be_prepared_says_where(
    trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pmcp_conformance.plugin.preparation._SET_UP_WITHIN", -0.4)
    targets = PreparedTargets([Troubled("prepare", trouble)])
    targets.prepare()
    assert f"{Path(__file__).name}:" in targets.unavailable["troubled"]


class Refusing(InMemoryBackend):
    """A backend that refuses to be opened."""

    def __init__(self) -> None:
        raise BackendError("not today")


def test_what_a_backend_raises_while_it_is_opened_is_its_own_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Troubled, "open_fresh", lambda *_: Refusing())
    result = judged("", "", "EXP-4")
    assert result.outcome is Outcome.FAILED
    assert "not today" in result.reason


def test_three_hangs_in_a_group_stop_that_group_only() -> None:
    run = TargetRun(Troubled("", ""))
    for _ in range(3):
        run.count_hang("LIST")
    results = [run_rule(catalogue()[rule], run) for rule in ("LIST-1", "GET-2")]
    assert [result.outcome for result in results] == [Outcome.NOT_RUN, Outcome.PASSED]
    assert results[0].reason == "operations hang in 3 rules of LIST already: fix those first"
