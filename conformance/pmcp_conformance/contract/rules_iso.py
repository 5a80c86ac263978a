"""ISO: the storage shares no object with its callers."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.support import full_fields, successive_writes
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import premise
from pmcp_conformance.expectations import expect, expect_listed, expect_stored
from pmcp_storage import StorageError, TaskRecord

_RESULTS: tuple[object, ...] = ({"content": ["done"]}, ["done", ["so"]])
"""Results of both mutable kinds."""


@rule("ISO-1", facts=("in_process",))
def changes_after_writing(trial: Trial) -> None:
    """Changing a record's variables after writing it does not change what is stored.

    Why: Server code that goes on working with its variables after saving changes the stored task
    without a version, a check or a trace, and other requests see half-finished states.

    Real bug: An object kept in ASP.NET Core's IMemoryCache changed when the code that had stored it
    changed a property afterwards; by design it holds the reference.
    (https://github.com/dotnet/aspnetcore/issues/21405)

    Mend: Store the text (record.to_json()), not the object. If you keep objects in a cache, copy on
    the way in, in create, put and put_if_version alike.
    """
    for result in _RESULTS:
        owner = trial.owner()
        for version, write in enumerate(successive_writes(trial.backend), start=1):
            record = mutable_record(trial, owner, result)
            before = independent_copy(record)
            write(record)
            mutate(record)
            expect_stored(trial, before, version)
            expect_listed(trial, owner, before)


@rule("ISO-2", facts=("in_process",))
def changes_of_what_get_returned(trial: Trial) -> None:
    """Changing what get returned changes neither the stored record nor a second get.

    Why: One request prepares its answer by changing the record it got, and the next reader, perhaps
    another session, is shown that change though nobody has written it.

    Real bug: cache-manager 3.1.0 cloned objects in its memory store on set but not on get, so
    changing a fetched object changed what later fetches returned.
    (https://github.com/jaredwray/cacheable/issues/137)

    Mend: Build a new record for every get (read_row from the stored text), or deep-copy what comes
    out of a cache, with task, _meta, variables and result.
    """
    for result in _RESULTS:
        before = stored_mutable_record(trial, owner := trial.owner(), result)
        for _ in range(2):
            mutate(trial.backend.get(owner, "task").record)
            expect_stored(trial, before, 1)
        expect_listed(trial, owner, before)


@rule("ISO-3", facts=("in_process",))
def changes_of_what_a_listing_returned(trial: Trial) -> None:
    """Changing what a listing returned changes nothing stored.

    Why: A page that is filtered or decorated for display alters the stored tasks; clearing the list
    empties the owner.

    Real bug: EntityFramework-Plus returned its cached objects: a caller that summed up volumes in a
    query's results did so again on each call, until the numbers overflowed.
    (https://github.com/zzzprojects/EntityFramework-Plus/issues/503)

    Mend: Return a new list of newly built records; never the index itself, and do not fill a cache
    with the objects that you hand out.
    """
    for result in _RESULTS:
        before = stored_mutable_record(trial, owner := trial.owner(), result)
        entries = trial.backend.list_by_owner(owner)
        mutate(entries[0].record)
        entries.clear()
        mutate(next(iter(trial.backend.iter_by_owner(owner))).record)
        expect_stored(trial, before, 1)
        expect_listed(trial, owner, before)


@rule("ISO-4", facts=("in_process",))
def operations_leave_their_record_alone(trial: Trial) -> None:
    """No operation changes the record that it was given, nor one that was given or returned
    before.

    Why: A caller that retries with the same record after a conflict writes the backend's
    bookkeeping or another's data into the task, or finds fields missing.

    Real bug: MongoDB's Node.js driver adds _id to the documents it is given, so inserting the same
    objects twice fails with a duplicate key; the maintainers kept this by design.
    (https://github.com/mongodb/node-mongodb-native/pull/1306)

    Mend: Do not write into arguments: copy before adding an id or version, and use get instead of
    pop. Never 'refresh' the caller's record on a conflict.
    """
    owner = trial.owner()
    accepted = successive_writes(trial.backend)
    refused = [accepted[0], accepted[2]]
    held: list[tuple[str, TaskRecord, str]] = []
    for write in accepted + refused:
        record = mutable_record(trial, owner, _RESULTS[0])
        held.append(("given", record, record.to_json()))
        with suppress(StorageError):
            write(record)
        for how, kept, before in held:
            expect(kept.to_json() == before, f"the record as it was {how}", "it was changed")
        found = [trial.backend.get(owner, "task"), *trial.backend.list_by_owner(owner)]
        held += [("returned", entry.record, entry.record.to_json()) for entry in found]


def mutable_record(trial: Trial, owner: str, result: object) -> TaskRecord:
    """A record with something mutable wherever there can be something."""
    fields = {**full_fields(trial, owner), "result": result, "inputRequests": {"r": [1]}}
    return trial.record(owner, **fields)


def stored_mutable_record(trial: Trial, owner: str, result: object) -> TaskRecord:
    """Store one; return an equal one."""
    record = mutable_record(trial, owner, result)
    with premise("CRE-1"):
        trial.backend.create(record)
    return independent_copy(record)


def mutate(record: TaskRecord) -> None:
    """Change a record's objects in place, whichever are mutable."""
    for part in (record.variables, record.result, record.task.meta, record.model_extra):
        mutate_within(part)


def mutate_within(value: Any) -> None:
    """Change a value in place, the innermost first."""
    for child in [*value.values()] if isinstance(value, dict) else value:
        if isinstance(child, dict | list):
            mutate_within(child)
    if isinstance(value, dict):
        value["mutated"] = True
    elif isinstance(value, list):
        value.append("mutated")


def independent_copy(record: TaskRecord) -> TaskRecord:
    """An equal record that shares no object with this one, not even the task."""
    return TaskRecord.from_json(record.to_json())
