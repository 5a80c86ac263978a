"""PUT: what an unconditional write does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pmcp_conformance.catalogue import rule
from pmcp_conformance.engine.trial import Trial
from pmcp_storage import Task, TaskStatus


@rule("PUT-1")
def first_put(trial: Trial) -> None:
    """The first put of a key returns version 1."""
    owner = trial.owner()
    record = trial.record(owner)
    trial.returns(1, trial.backend.put, record)
    trial.holds(record, 1)


@rule("PUT-2")
def later_puts(trial: Trial) -> None:
    """Each later put returns the previous version plus 1."""
    owner = trial.owner()
    trial.seed(owner)
    for version in range(2, 6):
        record = trial.record(owner)
        trial.returns(version, trial.backend.put, record)
    trial.holds(record, 5)


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
        told = f"{name} returned {returned!r}, get reports {found!r}"
        trial.expect(returned == found, "one and the same version from the write and get", told)


def fullest(trial: Trial, owner: str) -> dict[str, Any]:
    """Every field of a record set, as changes for `trial.record`."""
    task = trial.record(owner).task
    return {
        "task": Task(
            task_id="task",
            status=TaskStatus.INPUT_REQUIRED,
            status_message="waiting",
            created_at=task.created_at,
            last_updated_at=task.last_updated_at,
            ttl=60_000,
            poll_interval=5_000,
            meta={"progress": 0.5},
        ),
        "variables": {"a": 1, "b": {"c": [2]}},
        "result": {"content": ["done"]},
    }


@rule("PUT-4")
def put_replaces_everything(trial: Trial) -> None:
    """A put replaces the whole record: no field, variable, result or expiry of the former record
    survives.
    """
    owner = trial.owner()
    trial.seed(owner, **fullest(trial, owner))
    bare = trial.record(owner, variables={"z": 0}, expires_at=None)
    with trial.premise("PUT-2"):
        trial.returns(2, trial.backend.put, bare)
    trial.holds(bare, 2)
    trial.lists(owner, bare)
    trial.keeps_expiry(bare)


@rule("PUT-5")
def put_of_an_identical_record(trial: Trial) -> None:
    """A put of an identical record is a write: the version advances."""
    owner = trial.owner()
    record = trial.seed(owner)
    trial.returns(2, trial.backend.put, record)
    trial.holds(record, 2)


@rule("PUT-6")
def writes_change_no_other_key(trial: Trial) -> None:
    """A write changes no other key: neither the same task under another owner nor another task of
    the owner.
    """
    owner, other = trial.owner(), trial.owner()
    theirs, sibling = trial.seed(other), trial.seed(owner, "sibling")
    trial.backend.create(trial.record(owner))
    trial.backend.put(trial.record(owner))
    trial.backend.put_if_version(last := trial.record(owner), 2)
    trial.holds(theirs, 1)
    trial.holds(sibling, 1)
    trial.lists(other, theirs)
    trial.lists(owner, sibling, last)


@rule("PUT-7")
def put_after_a_delete(trial: Trial) -> None:
    """A put after a delete starts again at version 1."""
    owner = trial.owner()
    trial.seed_at(3, owner)
    with trial.premise("DEL-1"):
        trial.backend.delete(owner, "task")
        trial.absent(owner, "task")
    record = trial.record(owner)
    trial.returns(1, trial.backend.put, record)
    trial.holds(record, 1)
