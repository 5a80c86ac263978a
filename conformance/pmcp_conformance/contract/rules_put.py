"""PUT: what an unconditional write does."""

from __future__ import annotations

from collections.abc import Callable

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.support import full_fields
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import premise
from pmcp_conformance.expectations import (
    expect,
    expect_absent,
    expect_listed,
    expect_returns,
    expect_stored,
    expect_stored_expiry,
)


@rule("PUT-1")
def first_put(trial: Trial) -> None:
    """The first put of a key returns version 1."""
    owner = trial.owner()
    record = trial.record(owner)
    expect_returns(1, trial.backend.put, record)
    expect_stored(trial, record, 1)


@rule("PUT-2")
def later_puts(trial: Trial) -> None:
    """Each later put returns the previous version plus 1."""
    owner = trial.owner()
    trial.store_record(owner)
    for version in range(2, 6):
        record = trial.record(owner)
        expect_returns(version, trial.backend.put, record)
    expect_stored(trial, record, 5)


@rule("PUT-3")
def a_write_returns_the_stored_version(trial: Trial) -> None:
    """The version that a write returns is the version that get then reports."""
    owner = trial.owner()
    found = 0
    writes: list[tuple[str, Callable[[], int]]] = [
        ("create", lambda: trial.backend.create(trial.record(owner))),
        ("put", lambda: trial.backend.put(trial.record(owner))),
        ("put_if_version", lambda: trial.backend.put_if_version(trial.record(owner), found)),
        ("put again", lambda: trial.backend.put(trial.record(owner))),
    ]
    for name, write in writes:
        returned = write()
        found = trial.backend.get(owner, "task").version
        observed = f"{name} returned {returned!r}, get reports {found!r}"
        expect(returned == found, "the same version from the write and from get", observed)


@rule("PUT-4")
def put_replaces_everything(trial: Trial) -> None:
    """A put replaces the whole record: no field, variable, result or expiry of the former record
    survives.
    """
    owner = trial.owner()
    trial.store_record(owner, **full_fields(trial, owner))
    bare = trial.record(owner, variables={"z": 0}, expires_at=None)
    with premise("PUT-2"):
        expect_returns(2, trial.backend.put, bare)
    expect_stored(trial, bare, 2)
    expect_listed(trial, owner, bare)
    expect_stored_expiry(trial, bare)


@rule("PUT-5")
def put_of_an_identical_record(trial: Trial) -> None:
    """A put of an identical record is a write: the version advances."""
    owner = trial.owner()
    record = trial.store_record(owner)
    expect_returns(2, trial.backend.put, record)
    expect_stored(trial, record, 2)


@rule("PUT-6")
def writes_change_no_other_key(trial: Trial) -> None:
    """A write changes no other key: neither the same task under another owner nor another task of
    the owner.
    """
    owner, other = trial.owner(), trial.owner()
    theirs = trial.store_record(other)
    sibling = trial.store_record(owner, "sibling")
    trial.backend.create(trial.record(owner))
    trial.backend.put(trial.record(owner))
    trial.backend.put_if_version(last := trial.record(owner), 2)
    expect_stored(trial, theirs, 1)
    expect_stored(trial, sibling, 1)
    expect_listed(trial, other, theirs)
    expect_listed(trial, owner, sibling, last)


@rule("PUT-7")
def put_after_a_delete(trial: Trial) -> None:
    """A put after a delete starts again at version 1."""
    owner = trial.owner()
    trial.store_record_at(3, owner)
    with premise("DEL-1"):
        trial.backend.delete(owner, "task")
        expect_absent(trial, owner, "task")
    record = trial.record(owner)
    expect_returns(1, trial.backend.put, record)
    expect_stored(trial, record, 1)
