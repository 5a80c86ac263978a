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
    """Creating an absent key stores the record at version 1 and returns 1.

    Why: The caller uses the returned version for its next change. If the record is really at 0 or
    at some row number, the first status update of every new task is refused as a conflict.

    Mend: Write the version explicitly as 1 in the insert, rather than by a column default, and
    return that constant; never lastrowid or a row count.
    """
    owner = trial.owner()
    record = trial.record(owner)
    expect_returns(1, trial.backend.create, record)
    expect_stored(trial, record, 1)


@rule("CRE-2")
def create_of_a_present_key(trial: Trial) -> None:
    """Creating a present key raises AlreadyExistsError and changes nothing: record, version,
    expiry.

    Why: Two requests with one id both believe that they own the task: the second silently replaces
    the first one's record, result included, or a refused create still changes its version or
    lifetime.

    Real bug: credstash 1.7 could overwrite items because its put was no longer conditional: boto2
    had refused to replace an item by default, boto3 does not.
    (https://github.com/fugue/credstash/issues/52)

    Mend: Insert only if absent, in one step: INSERT … ON CONFLICT DO NOTHING and look at the row
    count, attribute_not_exists, SET NX. Set the expiry in that same step.
    """
    owner = trial.owner()
    record = trial.store_record(owner)
    expect_create_refused(trial, record, 1)
    record = trial.record(owner)
    with premise("PUT-2"):
        expect_returns(2, trial.backend.put, record)
    expect_create_refused(trial, record, 2)
    expect_create_refused(trial, trial.store_record(trial.owner("a:b/{}#c"), "d:e/f#g"), 1)


def expect_create_refused(trial: Trial, record: TaskRecord, version: int) -> None:
    """Creating the key again is refused, by an equal record too, and what is stored stays."""
    for again in (trial.record(record.owner_id, record.task_id, expires_at=None), record):
        refused = partial(
            expect_raises,
            AlreadyExistsError(record.owner_id, record.task_id),
            trial.backend.create,
            again,
        )
        expect_unchanged(trial, record, version, refused)


@rule("CRE-3")
def create_after_a_delete(trial: Trial) -> None:
    """Creating after a delete works, at version 1, and inherits nothing from the deleted record.

    Why: A new task that reuses an id starts with the old one's variables or lifetime: data of a
    deleted task reappears, or the new task expires early. A version that goes on makes the caller's
    first change conflict.

    Real bug: In Titan (distributedio/titan) a key that was deleted and created again at once could
    end up without its TTL set properly. (https://github.com/distributedio/titan/issues/33)

    Mend: Delete everything that belongs to the key in one step: fields, expiry row, index entries,
    cached version. If you keep tombstones, let create replace the whole row and set version 1.
    """
    owner = trial.owner()
    trial.store_record_at(2, owner)
    with premise("VAL-8"):
        expect_returns(
            3, trial.backend.put, trial.sized(owner, "task", trial.target.max_record_bytes)
        )
    with premise("DEL-1"):
        trial.backend.delete(owner, "task")
        expect_absent(trial, owner, "task")
    record = trial.record(owner, variables={}, expires_at=None)
    expect_returns(1, trial.backend.create, record)
    expect_stored(trial, record, 1)
    expect_stored_expiry(trial, record)
    expect_listed(trial, owner, record)
