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
    """Getting a key that was never written raises NotFoundError with that owner_id and task_id.

    Why: A client that polls a task that does not exist should be told so. With another error it
    sees a server failure and retries for ever; with swapped ids the log sends whoever investigates
    to the wrong owner.

    Mend: Turn an empty result, a missing bucket, folder or table of the owner alike into
    NotFoundError(owner_id, task_id), in this order. Do not require that the owner has ever written.
    """
    owner = trial.owner()
    for task_id in ("task", "another"):
        expect_raises(NotFoundError(owner, task_id), trial.backend.get, owner, task_id)
    odd = trial.owner("a:b/{}#c")
    expect_raises(NotFoundError(odd, "d:e/f#g"), trial.backend.get, odd, "d:e/f#g")
    # Its neighbours, also those that a search for the nearest or for a prefix would find.
    trial.store_record(owner, "task-1")
    for task_id in ("task", "task-", "task-10", "task-0", "task-2", "TASK-1"):
        expect_raises(NotFoundError(owner, task_id), trial.backend.get, owner, task_id)


@rule("GET-2")
def get_returns_what_was_written(trial: Trial) -> None:
    """Getting a key returns the record last written and its version.

    Why: A client that has just been told that its task is completed polls again and sees it
    working, or without its result. The store also decides on what get returns, so every change
    based on an old record ends in a conflict.

    Real bug: Jepsen found stale reads, dirty reads and even lost updates in VoltDB 6.3, which
    claimed strict serializability; fixes came with 6.4. (https://jepsen.io/analyses/voltdb-6-3)

    Mend: Read from the primary or with strong consistency (ConsistentRead in DynamoDB), commit
    before you return from a write, and bypass or update caches. Return a VersionedRecord, not the
    driver's row.
    """
    owner = trial.owner()
    for version in (1, 2, 3):
        record = trial.store_record(owner) if version == 1 else trial.record(owner)
        if version > 1:
            with premise("PUT-2"):
                trial.backend.put(record)
        found = trial.backend.get(owner, "task")
        expect(isinstance(found, VersionedRecord), "a VersionedRecord", short(found))
        expect_entry(found, record, version)
    with_one_object_for_both_ids(trial)


def with_one_object_for_both_ids(trial: Trial) -> None:
    """What names a key are the ids' values: whether they are one object matters to some encodings,
    such as pickle's.
    """
    owner = trial.owner()
    record = trial.store_record(owner, owner)
    expect_entry(trial.backend.get(owner, owner), record, 1)
    expect_entry(trial.backend.get(owner, "".join([*owner])), record, 1)


@rule("GET-3")
def get_changes_nothing(trial: Trial) -> None:
    """Getting changes nothing: not the record, not the version, not the listing.

    Why: Clients poll. If polling moves the expiry, a watched task never expires; if it moves the
    version, two clients that merely look make each other's changes fail; if a miss leaves an entry,
    listings show tasks that do not exist.

    Real bug: In the Erlang library fogfish/cache every get prolongs an entry to the maximum TTL;
    only the separate lookup leaves its lifetime alone. (https://github.com/fogfish/cache/issues/23)

    Mend: Make get a pure read: no sliding TTL, no GETEX or touch, no last-read column in the
    versioned row, no defaultdict and no negative cache in the same table.
    """
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
    """Every operation gives a version as an int, not as a Decimal, a string, a float or a bool.

    Why: A Decimal or float version passes unnoticed until it is serialized or compared far away:
    json.dumps fails in the server, or 1.0 and True slip through as version 1.

    Real bug: Airflow's DynamoDB-to-S3 operator failed with a TypeError because the items it handed
    to json.dumps contained Decimals. (https://github.com/apache/airflow/issues/28042)

    Mend: Convert at the edge: int(item['version']) on every path, including listings, RETURNING and
    the item that a refused condition brings along. Declare the column bigint or convert numeric.
    """
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
