"""PUT: what an unconditional write does."""

from __future__ import annotations

from collections.abc import Callable

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.support import equal_contents, store_large, with_task
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
from pmcp_storage import TaskStatus


@rule("PUT-1")
def first_put(trial: Trial) -> None:
    """The first put of a key returns version 1.

    Why: put is create-or-overwrite. If it only updates, the first write of a key is refused or lost
    without a word; if it ends at version 2, the caller's next conditional change is refused.

    Real bug: Sugar ORM's save() chose between insert and update by the id alone and never looked at
    the row count, so saving a record that had been deleted elsewhere lost it silently.
    (https://github.com/chennaione/sugar/issues/252)

    Mend: Use one upsert that inserts version 1 (INSERT … ON CONFLICT DO UPDATE), or the base
    class's _put, and check the row count of an UPDATE. Do not use system columns such as xmin as
    the version.
    """
    owner = trial.owner()
    record = trial.record(owner)
    expect_returns(1, trial.backend.put, record)
    expect_stored(trial, record, 1)


@rule("PUT-2")
def later_puts(trial: Trial) -> None:
    """Each later put returns the previous version plus 1.

    Why: The returned version is the caller's ticket for its next change. One that is too old or too
    new makes that change fail; one that starts over lets an old ticket pass again and overwrite
    newer work.

    Mend: Compute it in the statement (version = tasks.version + 1) and return the new row
    (RETURNING, ALL_NEW). INSERT OR REPLACE resets the column, and a trigger that also counts must
    go.
    """
    owner = trial.owner()
    trial.store_record(owner)
    for version in range(2, 6):
        record = trial.record(owner)
        expect_returns(version, trial.backend.put, record)
    expect_stored(trial, record, 5)
    # What a task may still do when it has ended is none of the storage's business.
    for version, status in enumerate(TaskStatus, start=6):
        record = with_task(trial.record(owner), status=status)
        expect_returns(version, trial.backend.put, record)
        expect_stored(trial, record, version)


@rule("PUT-3")
def a_write_returns_the_stored_version(trial: Trial) -> None:
    """The version that a write returns is the version that get then reports.

    Why: A caller that continues with the returned version gets a conflict with itself, or worse,
    holds a number that another writer's record carries and overwrites it.

    Mend: Return what the write itself stored, from the same statement or script. Never count in the
    handle or take the version from a cache: other handles write too.
    """
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

    Why: Variables, a result or an expiry that the writer has removed come back: a cleared secret
    stays readable, a task that should be kept is deleted at its former expiry.

    Real bug: Admin rights could not be taken away in liwords (Woogles): GORM leaves out zero values
    when it updates from a struct. (https://github.com/woogles-io/liwords/issues/534)

    Mend: Write the record as one value and every column beside it, NULL included. No merge patch,
    no HSET over an old hash, no COALESCE(new, old), no ORM update that skips empty fields; remove
    the TTL if there is none.
    """
    owner = trial.owner()
    store_large(trial, owner)
    bare = trial.record(owner, variables={"z": 0}, expires_at=None)
    with premise("PUT-2"):
        expect_returns(2, trial.backend.put, bare)
    expect_stored(trial, bare, 2)
    expect_listed(trial, owner, bare)
    expect_stored_expiry(trial, bare)


@rule("PUT-5")
def put_of_an_identical_record(trial: Trial) -> None:
    """A put of an identical record is a write: the version advances.

    Why: A writer that stores the same record again to take part in a race, or to invalidate what
    others have read, stays invisible. Where the row count decides, it is even told that the task is
    gone.

    Real bug: In Stacks, MySQL reported 0 rows for an UPDATE that changed nothing, so soft deletes
    returned false and a team member's PATCH was answered 409.
    (https://github.com/stacksjs/stacks/issues/2639)

    Mend: Always advance the version in the write; then no update is a no-op. Switch off change
    detection and skip-if-equal; on MySQL let the driver report found rows (CLIENT_FOUND_ROWS).
    """
    owner = trial.owner()
    record = trial.store_record(owner)
    expect_returns(2, trial.backend.put, record)
    expect_stored(trial, record, 2)
    large = trial.sized(owner, "large", trial.target.max_record_bytes)
    with premise("VAL-8"):
        expect_returns(1, trial.backend.create, large)
    expect_returns(2, trial.backend.put, large)
    expect_stored(trial, large, 2)
    expect_returns(3, trial.backend.put_if_version, large, 2)
    expect_stored(trial, large, 3)


@rule("PUT-6")
def writes_change_no_other_key(trial: Trial) -> None:
    """A write changes no other key: neither the same task under another owner nor another task of
    the owner.

    Why: A change to one task changes another owner's, or makes the changes of everyone who works on
    a neighbouring task fail with conflicts that nobody caused.

    Real bug: hono-crud applied its tenant filter to single-row operations but not to batch ones:
    passing another tenant's ids to batchUpdate or batchDelete changed that tenant's rows.
    (https://github.com/kshdotdev/hono-crud/pull/82)

    Mend: Name owner and task in every WHERE and every key condition. Keep the version per record,
    not per owner, partition or document, and update indexes by entry instead of rewriting them from
    a copy.
    """
    for contents in equal_contents(trial):
        owner, other = trial.owner(), trial.owner()
        with premise("VAL-8"):
            theirs = trial.store_record(other, **contents)
            sibling = trial.store_record(owner, "sibling", **contents)
            trial.backend.create(trial.record(owner, **contents))
        trial.backend.put(trial.record(owner))
        trial.backend.put_if_version(last := trial.record(owner), 2)
        expect_stored(trial, theirs, 1)
        expect_stored(trial, sibling, 1)
        expect_listed(trial, other, theirs)
        expect_listed(trial, owner, sibling, last)


@rule("PUT-7")
def put_after_a_delete(trial: Trial) -> None:
    """A put after a delete starts again at version 1.

    Why: A writer that knows that the key is new expects version 1. If the version goes on from
    before the delete, its next conditional change is refused, or a change based on the deleted
    record still passes.

    Real bug: In jOOQ, store() on a record that had just been deleted did not work, where it should
    have created the row again. (https://github.com/jOOQ/jOOQ/issues/673)

    Mend: Let delete drop the version together with the row and clear what handles remember of it.
    Keep no counter beside the record that survives it.
    """
    owner = trial.owner()
    trial.store_record_at(3, owner)
    with premise("DEL-1"):
        trial.backend.delete(owner, "task")
        expect_absent(trial, owner, "task")
    record = trial.record(owner)
    expect_returns(1, trial.backend.put, record)
    expect_stored(trial, record, 1)
