"""Whose finding a failure is: the rule that brought it about fails, and the others are blocked."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import ClassVar

import pytest

from mutants.base import MutantTarget
from pmcp_conformance.catalogue import catalogue
from pmcp_conformance.engine.runner import run_rule
from pmcp_conformance.engine.target_run import TargetRun
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.report.results import Outcome, Result
from pmcp_conformance.report.verdicts import TargetReport, Verdict
from pmcp_storage import (
    AlreadyExistsError,
    BackendError,
    InMemoryBackend,
    MemoryStorage,
    NotFoundError,
    OutcomeUnknownError,
    TaskRecord,
    VersionedRecord,
)
from pmcp_storage.backends.memory import Key, Row


def results_of(target: MutantTarget, *rules: str) -> dict[str, Result]:
    """What becomes of these rules, one after the other."""
    run = TargetRun(target)
    try:
        return {rule: run_rule(catalogue()[rule], run) for rule in rules}
    finally:
        run.close()


class FullAfterForty(InMemoryBackend):
    """Takes forty records of an owner and no more."""

    def _create(self, record: TaskRecord) -> int:
        if len(self._list_by_owner(record.owner_id, limit=100, after=None)) >= 40:
            raise BackendError("too many records of one owner")
        return super()._create(record)


def test_a_rule_that_passes_blocks_no_other() -> None:
    results = results_of(MutantTarget(FullAfterForty), "CRE-1", "LIST-10")
    assert results["CRE-1"].outcome is Outcome.PASSED
    assert results["LIST-10"].outcome is Outcome.FAILED
    assert "too many records" in results["LIST-10"].reason


class FailsToList(InMemoryBackend):
    """No listing ever works."""

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        raise BackendError("no index")


def test_a_rule_is_blocked_by_the_one_that_promises_the_operation() -> None:
    results = results_of(MutantTarget(FailsToList), "LIST-11", "LIST-1", "GET-1")
    assert [result.outcome for result in results.values()] == [
        Outcome.BLOCKED,
        Outcome.FAILED,
        Outcome.PASSED,
    ]
    assert results["LIST-11"].blocked_by == "LIST-1"


class FailsOnce(InMemoryBackend):
    """One listing fails, as of a table that another worker has locked."""

    failures = 0

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        if FailsOnce.failures:
            FailsOnce.failures -= 1
            raise BackendError("busy")
        return super()._list_by_owner(owner_id, limit=limit, after=after)


def test_a_storage_that_fails_once_and_honestly_is_not_accused() -> None:
    run = TargetRun(MutantTarget(FailsOnce))
    assert run_rule(catalogue()["GET-1"], run).outcome is Outcome.PASSED
    FailsOnce.failures = 1
    result = run_rule(catalogue()["LIST-11"], run)
    run.close()
    assert (result.outcome, FailsOnce.failures) == (Outcome.PASSED, 0)


class RacesOnce(FailsOnce):
    """One listing ends in the error of a race."""

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        if FailsOnce.failures:
            FailsOnce.failures -= 1
            raise KeyError("removed meanwhile")
        return super()._list_by_owner(owner_id, limit=limit, after=after)


def test_any_other_error_has_no_second_chance() -> None:
    target = MutantTarget(RacesOnce)
    run = TargetRun(target)
    assert run_rule(catalogue()["GET-1"], run).outcome is Outcome.PASSED
    FailsOnce.failures = 1
    result = run_rule(catalogue()["LIST-11"], run)
    run.close()
    assert (result.outcome, "KeyError" in result.reason) == (Outcome.FAILED, True)


def tries_too_little(trial: Trial) -> None:
    """A rule for which there is no time."""
    trial.shortfalls += ["only 1 of 9 was tried"] * 2


def test_a_rule_that_has_tried_too_little_says_nothing() -> None:
    rule = replace(catalogue()["GET-1"], check=tries_too_little)
    run = TargetRun(MutantTarget())
    result = run_rule(rule, run)
    run.close()
    report = TargetReport(run.target.name)
    report.add(result)
    assert (result.outcome, result.reason) == (Outcome.INCONCLUSIVE, "only 1 of 9 was tried")
    assert report.verdict is Verdict.INCOMPLETE


class PoisonedStorage(MemoryStorage):
    """A line feed in an id ends up in an index that no cleanup can read from then on."""

    poisoned = False

    def write(self, key: Key, row: Row) -> None:
        self.poisoned |= "\n" in key[1]
        super().write(key, row)


class Poisoned(InMemoryBackend):
    _storage: PoisonedStorage

    def _cleanup_expired(self) -> int:
        if self._storage.poisoned:
            raise KeyError("half a line")
        return super()._cleanup_expired()


def test_what_a_rule_has_written_fails_that_rule_only() -> None:
    target = MutantTarget(Poisoned, PoisonedStorage)
    results = results_of(target, "EXP-2", "KEY-7", "EXP-3", "GET-2", "EXP-5")
    assert {rule: (result.outcome, result.blocked_by) for rule, result in results.items()} == {
        "EXP-2": (Outcome.PASSED, ""),
        "KEY-7": (Outcome.FAILED, ""),
        "EXP-3": (Outcome.BLOCKED, "KEY-7"),
        "GET-2": (Outcome.PASSED, ""),
        "EXP-5": (Outcome.BLOCKED, "KEY-7"),
    }
    assert "cleanup_expired" in results["KEY-7"].reason


class StuckStorage(MemoryStorage):
    """Guarded by a lock that one call never gives back."""

    def __init__(self) -> None:
        super().__init__()
        self.stuck = threading.Lock()
        self.released = threading.Event()


class Stuck(InMemoryBackend):
    _storage: StuckStorage

    def _create(self, record: TaskRecord) -> int:
        with self._storage.stuck:
            if "\n" in record.task_id:
                self._storage.released.wait()
            return super()._create(record)


class StuckTarget(MutantTarget):
    backend = Stuck
    storage = StuckStorage
    answer_within = 0.1

    @property
    def stuck(self) -> StuckStorage:
        assert isinstance(self._storage, StuckStorage)
        return self._storage


@contextmanager
def released(target: StuckTarget) -> Iterator[None]:
    try:
        yield
    finally:
        target.stuck.released.set()


def test_a_call_that_never_ends_fails_its_rule_only() -> None:
    target = StuckTarget()
    with released(target):
        results = results_of(target, "CRE-1", "KEY-7", "LIST-1")
    assert results["CRE-1"].outcome is Outcome.PASSED
    assert results["KEY-7"].outcome is Outcome.FAILED
    assert (results["LIST-1"].outcome, results["LIST-1"].blocked_by) == (Outcome.BLOCKED, "KEY-7")


class StopsReading(InMemoryBackend):
    """After a few reads none works any more."""

    reads = 0

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        StopsReading.reads += 1
        if StopsReading.reads > 3:
            raise BackendError("no index")
        return super()._get(owner_id, task_id)


def test_the_look_at_what_works_leaves_no_record_where_nothing_can_be_read() -> None:
    run = TargetRun(MutantTarget(StopsReading))
    for rule in ("GET-1", "CRE-1", "GET-2"):
        run_rule(catalogue()[rule], run)
    assert StopsReading.reads > 3
    assert run.finish() == []


class RefusesOften(InMemoryBackend):
    """Refuses every other request, whatever it is."""

    requests = 0

    def _refuse_some(self) -> None:
        RefusesOften.requests += 1
        if RefusesOften.requests % 2:
            raise BackendError("slow down")

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        self._refuse_some()
        return super()._get(owner_id, task_id)

    def _put(self, record: TaskRecord) -> int:
        self._refuse_some()
        return super()._put(record)


def test_a_storage_that_refuses_many_requests_still_works() -> None:
    run = TargetRun(MutantTarget(RefusesOften))
    result = run_rule(catalogue()["LIST-2"], run)
    run.close()
    assert result.outcome is Outcome.PASSED
    assert RefusesOften.requests > 3


class MissesWhatItCreates(InMemoryBackend):
    """Takes a key that is present for one that is absent, where it should be refused."""

    def _create(self, record: TaskRecord) -> int:
        try:
            return super()._create(record)
        except AlreadyExistsError:
            raise NotFoundError(record.owner_id, record.task_id) from None


def test_an_error_that_an_operation_cannot_end_with_is_what_a_history_finds() -> None:
    run = TargetRun(MutantTarget(MissesWhatItCreates))
    result = run_rule(catalogue()["CON-8"], run)
    run.close()
    assert result.outcome is Outcome.FAILED
    assert result.finding
    assert result.finding.observed.startswith("raised NotFoundError: owner ")


class AllTimeOut(InMemoryBackend):
    """Of some tasks no writer learns what became of its swap, as where all wait for each other."""

    races = 0
    undecided: ClassVar[set[str]] = set()

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        if len(self.undecided) < self.races:
            self.undecided.add(record.task_id)
        if record.task_id in self.undecided:
            raise OutcomeUnknownError("no answer in time")
        return super()._put_if_version(record, expected_version)


@pytest.mark.parametrize(("races", "outcome"), [(3, Outcome.PASSED), (9, Outcome.FAILED)])
def test_a_few_races_in_which_all_time_out_are_no_finding(
    races: int, outcome: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AllTimeOut, "races", races)
    monkeypatch.setattr(AllTimeOut, "undecided", set())
    run = TargetRun(MutantTarget(AllTimeOut))
    result = run_rule(catalogue()["CON-1"], run)
    run.close()
    assert result.outcome is outcome, (result.reason, result.finding)
