"""GET: what reading a key returns."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.engine.comparison import short
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation, premise
from pmcp_conformance.expectations import (
    expect,
    expect_entry,
    expect_listed,
    expect_raises,
    expect_stored,
    expect_stored_expiry,
    listed_entry,
)
from pmcp_storage import ConcurrentModificationError, NotFoundError, VersionedRecord


@rule("GET-1")
def get_of_an_absent_key(trial: Trial) -> None:
    """Getting a key that was never written raises NotFoundError with that owner_id and task_id."""
    owner = trial.owner()
    for task_id in ("task", "another"):
        expect_raises(NotFoundError(owner, task_id), trial.backend.get, owner, task_id)


@rule("GET-2")
def get_returns_what_was_written(trial: Trial) -> None:
    """Getting a key returns the record last written and its version."""
    owner = trial.owner()
    for version in (1, 2, 3):
        record = trial.store_record(owner) if version == 1 else trial.record(owner)
        if version > 1:
            with premise("PUT-2"):
                trial.backend.put(record)
        found = trial.backend.get(owner, "task")
        expect(isinstance(found, VersionedRecord), "a VersionedRecord", short(found))
        expect_entry(found, record, version)


@rule("GET-3")
def get_changes_nothing(trial: Trial) -> None:
    """Getting changes nothing: not the record, not the version, not the listing."""
    owner = trial.owner()
    record = trial.store_record(owner)
    other = trial.store_record(owner, "other")
    for _ in range(3):
        expect_stored(trial, record, 1)
    expect_raises(NotFoundError, trial.backend.get, owner, "absent")
    expect_stored(trial, record, 1)
    expect_listed(trial, owner, record, other)
    expect_stored_expiry(trial, record)


@rule("GET-4")
def versions_are_ints(trial: Trial) -> None:
    """Every operation gives a version as an int, not as a Decimal, a string, a float or a bool."""
    owner = trial.owner()
    handle = trial.backend
    versions = {
        "create": handle.create(trial.record(owner)),
        "put": handle.put(trial.record(owner)),
        "put_if_version": handle.put_if_version(trial.record(owner), 2),
        "get": handle.get(owner, "task").version,
        "list_by_owner": listed_entry(trial, owner, "task").version,
        "iter_by_owner": next(iter(handle.iter_by_owner(owner))).version,
        "put of an absent key": handle.put(trial.record(owner, "other")),
    }
    with premise("CAS-2"):
        conflict = expect_raises(
            ConcurrentModificationError, handle.put_if_version, trial.record(owner), 1
        )
    versions["the conflict of put_if_version"] = conflict.actual_version
    for operation, version in versions.items():
        if type(version) is not int:
            raise Violation(
                f"an int from {operation}", f"{short(version)}, a {type(version).__name__}"
            )
