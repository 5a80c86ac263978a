"""Shared by the rules of CAS."""

from __future__ import annotations

from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import premise
from pmcp_conformance.expectations import expect_raises, expect_returns, expect_stored
from pmcp_storage import ConcurrentModificationError, TaskRecord


def expect_swap(trial: Trial, record: TaskRecord, expected: int) -> None:
    """The put_if_version succeeds, as a premise."""
    with premise("CAS-1"):
        expect_returns(expected + 1, trial.backend.put_if_version, record, expected)
        expect_stored(trial, record, expected + 1)


def expect_conflict(trial: Trial, record: TaskRecord, expected: int) -> None:
    """The put_if_version is refused; what the error reports is for CAS-2."""
    expect_raises(ConcurrentModificationError, trial.backend.put_if_version, record, expected)


def expect_conflict_at(trial: Trial, record: TaskRecord, expected: int, actual: int) -> None:
    """The put_if_version is refused, and the error reports both versions."""
    expect_raises(
        ConcurrentModificationError(record.owner_id, record.task_id, expected, actual),
        trial.backend.put_if_version,
        record,
        expected,
    )
