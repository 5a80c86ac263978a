"""CRE: what creating a record does, where there is none and where there is one."""

from __future__ import annotations

from functools import partial

from pmcp_conformance.catalogue import rule
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import premise
from pmcp_conformance.expectations import (
    expect_absent,
    expect_listed,
    expect_raises,
    expect_returns,
    expect_stored,
    expect_stored_expiry,
    expect_unchanged,
)
from pmcp_storage import AlreadyExistsError, TaskRecord


@rule("CRE-1")
def create_stores_at_version_1(trial: Trial) -> None:
    """Creating an absent key stores the record at version 1 and returns 1."""
    owner = trial.owner()
    record = trial.record(owner)
    expect_returns(1, trial.backend.create, record)
    expect_stored(trial, record, 1)


@rule("CRE-2")
def create_of_a_present_key(trial: Trial) -> None:
    """Creating a present key raises AlreadyExistsError and changes nothing: record, version,
    expiry.
    """
    owner = trial.owner()
    record = trial.store_record(owner)
    expect_create_refused(trial, record, 1)
    record = trial.record(owner)
    with premise("PUT-2"):
        expect_returns(2, trial.backend.put, record)
    expect_create_refused(trial, record, 2)


def expect_create_refused(trial: Trial, record: TaskRecord, version: int) -> None:
    """Creating the key again is refused, by an equal record too, and what is stored stays."""
    for again in (trial.record(record.owner_id, expires_at=None), record):
        refused = partial(
            expect_raises,
            AlreadyExistsError(record.owner_id, "task"),
            trial.backend.create,
            again,
        )
        expect_unchanged(trial, record, version, refused)


@rule("CRE-3")
def create_after_a_delete(trial: Trial) -> None:
    """Creating after a delete works, at version 1, and inherits nothing from the deleted record."""
    owner = trial.owner()
    trial.store_record_at(3, owner)
    with premise("DEL-1"):
        trial.backend.delete(owner, "task")
        expect_absent(trial, owner, "task")
    record = trial.record(owner, variables={}, expires_at=None)
    expect_returns(1, trial.backend.create, record)
    expect_stored(trial, record, 1)
    expect_stored_expiry(trial, record)
    expect_listed(trial, owner, record)
