"""ISO: the storage shares no object with its callers."""

from __future__ import annotations

from contextlib import suppress

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.support import full_fields, successive_writes
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect, expect_listed, expect_stored
from pmcp_storage import StorageError, TaskRecord


@rule("ISO-1")
def changes_after_writing(trial: Trial) -> None:
    """Changing a record's variables after writing it does not change what is stored."""
    owner = trial.owner()
    for version, write in enumerate(successive_writes(trial.backend), start=1):
        record = trial.record(owner, **full_fields(trial, owner))
        before = independent_copy(record)
        write(record)
        mutate(record)
        expect_stored(trial, before, version)
        expect_listed(trial, owner, before)


@rule("ISO-2")
def changes_of_what_get_returned(trial: Trial) -> None:
    """Changing what get returned changes neither the stored record nor a second get."""
    owner = trial.owner()
    record = trial.store_record(owner, **full_fields(trial, owner))
    before = independent_copy(record)
    for _ in range(2):
        mutate(trial.backend.get(owner, "task").record)
        expect_stored(trial, before, 1)
    expect_listed(trial, owner, before)


@rule("ISO-3")
def changes_of_what_a_listing_returned(trial: Trial) -> None:
    """Changing what a listing returned changes nothing stored."""
    owner = trial.owner()
    record = trial.store_record(owner, **full_fields(trial, owner))
    before = independent_copy(record)
    entries = trial.backend.list_by_owner(owner)
    mutate(entries[0].record)
    entries.clear()
    mutate(next(iter(trial.backend.iter_by_owner(owner))).record)
    expect_stored(trial, before, 1)
    expect_listed(trial, owner, before)


@rule("ISO-4")
def operations_leave_their_record_alone(trial: Trial) -> None:
    """No operation changes the record that it was given."""
    owner = trial.owner()
    accepted = successive_writes(trial.backend)
    refused = [accepted[0], accepted[2]]
    for write in accepted + refused:
        record = trial.record(owner, **full_fields(trial, owner))
        before = record.to_json()
        with suppress(StorageError):
            write(record)
        expect(record.to_json() == before, "the record as it was given", "it was changed")


def mutate(record: TaskRecord) -> None:
    """Change a record's objects in place, where they are mutable."""
    record.variables["mutated"] = True
    if record.task.meta is not None:
        record.task.meta["mutated"] = True
    record.variables.get("b", {}).setdefault("c", []).append("mutated")
    if isinstance(record.result, dict):
        record.result["mutated"] = True
        record.result.get("content", []).clear()


def independent_copy(record: TaskRecord) -> TaskRecord:
    """An equal record that shares no object with this one, not even the task."""
    return TaskRecord.from_json(record.to_json())
