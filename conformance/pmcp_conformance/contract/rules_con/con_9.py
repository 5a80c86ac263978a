"""CON-9: handles see each other."""

from __future__ import annotations

from functools import partial

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.support import with_task
from pmcp_conformance.engine.attempt import Attempt, Call, raise_unexpected, repeated
from pmcp_conformance.engine.handles import watched
from pmcp_conformance.engine.pacing import is_fast
from pmcp_conformance.engine.patience import Limit
from pmcp_conformance.engine.recording import RecordedBackend
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import premise
from pmcp_conformance.expectations import (
    expect,
    expect_entry,
    expect_raises,
    expect_returns,
    expect_stored,
    listed_entry,
)
from pmcp_conformance.interleaving.exploration import explore_crossings
from pmcp_conformance.interleaving.yield_points import YieldPointKind
from pmcp_storage import NotFoundError, TaskStatus

_LARGE = 100_000
"""Bytes of a record."""

_READS = 6

_MANY = 6_000
"""Writes while a handle is idle: logs are compacted and files replaced after some thousands."""

_SECONDS = 2.0
"""For so many writes."""

_HEAD_STARTS = (0, 1, 2)
"""Writes that one connection of a handle has seen before there is another."""

_BRIEFLY = 0.1
"""Seconds for the reads of two connections, where an operation takes milliseconds."""


@rule("CON-9", facts=("shared",))
def handles_see_each_other(trial: Trial) -> None:
    """What one handle has written, another handle reads at once.

    Why: The worker stores a result, the client polls through another handle and still sees
    'working', or is told that the task it has just created does not exist.

    Real bug: Couchbase Lite .NET shared one read connection: a slow query held its read transaction
    open, and another thread did not see a document that had been inserted meanwhile.
    (https://github.com/couchbase/couchbase-lite-net/issues/753)

    Mend: Commit before returning, and end the transaction after each read (autocommit), in every
    connection of a pool, or REPEATABLE READ shows an old snapshot. Ask for strongly consistent
    reads and no replica. Cache neither records nor absence.
    """
    owner = trial.owner()
    pair = [trial.open("first"), trial.open("second")]
    for reader in pair:  # whatever it may cache of this must not be returned later
        nothing_there(trial, owner, reader)
    write_in_turn(trial, owner, pair)
    what_is_read_often(trial, pair)
    what_is_created_again(trial, pair)
    for number in _HEAD_STARTS:
        what_two_connections_read(trial, pair[0], number)
    for writer, reader in (pair, pair[::-1]):
        expect_returns(True, writer.delete, owner, "task")
        nothing_there(trial, owner, reader)
        record = trial.record(owner)
        expect_returns(1, writer.create, record)
        expect_stored(trial, record, 1, reader)
        expect_returns(1, reader.count_by_owner, owner)
    if is_fast(trial):  # elsewhere so many writes take too long
        what_an_idle_handle_reads(trial, pair)


def write_in_turn(trial: Trial, owner: str, pair: list[RecordedBackend]) -> None:
    """One handle creates a record and both overwrite it, and each time the other one reads it.

    Whatever its status: some caches keep for good what has ended.
    """
    statuses = list(TaskStatus)
    for version in range(1, 9):
        writer, reader = pair[version % 2], pair[1 - version % 2]
        record = with_task(trial.record(owner), status=statuses[-version % len(statuses)])
        if version == 1:
            expect_returns(1, writer.create, record)
        else:
            reader.get(owner, "task")
            if version % 3:
                expect_returns(version, writer.put, record)
            else:
                expect_returns(version, writer.put_if_version, record, version - 1)
        expect_stored(trial, record, version, reader)
        expect_entry(listed_entry(trial, owner, "task", reader), record, version)


def what_is_read_often(trial: Trial, pair: list[RecordedBackend]) -> None:
    """A large record that one handle has read again and again is read anew after a write of the
    other: some caches keep only what is large, or often asked for.
    """
    size = min(_LARGE, trial.target.max_record_bytes)
    for writer, reader in (pair, pair[::-1]):
        owner = trial.owner()
        for version in (1, 2):
            written = trial.sized(owner, "task", size - version)
            with premise("VAL-8"):
                expect_returns(version, writer.put, written)
            for _ in range(_READS):
                expect_stored(trial, written, version, reader)
                expect_entry(listed_entry(trial, owner, "task", reader), written, version)
                expect_returns(1, reader.count_by_owner, owner)


def what_is_created_again(trial: Trial, pair: list[RecordedBackend]) -> None:
    """A record that one handle deletes and creates anew, under a key that the other has read.

    It has the version of the former one, by which alone a cache cannot tell them apart.
    """
    for writer, reader in (pair, pair[::-1]):
        owner = trial.owner()
        for task_id in ("task", "task", "another"):
            record = trial.record(owner, task_id)
            expect_returns(1, writer.create, record)
            expect_stored(trial, record, 1, reader)
            expect_entry(listed_entry(trial, owner, task_id, reader), record, 1)
            expect_returns(1, reader.count_by_owner, owner)
            with premise("DEL-1"):
                expect_returns(True, writer.delete, owner, task_id)


def what_two_connections_read(trial: Trial, writer: RecordedBackend, head_start: int) -> None:
    """Two reads at once, after each write of another handle: a handle with a pool makes them by two
    connections, of which the second is otherwise never used, and each reads what is there now.
    """
    reader = watched(trial, trial.open("two at once").unrecorded)
    owner, written = trial.owner(), [1]
    trial.store_record(owner)

    def write() -> None:
        written.append(repeated(lambda: writer.put(trial.record(owner))))

    def two_reads(_: str) -> list[Call]:
        write()
        return [partial(reader.get, owner, "task")] * 2

    def check(_: str, attempts: list[Attempt]) -> None:
        raise_unexpected(attempts)
        for found in [attempt.result for attempt in attempts if attempt.error is None]:
            observed = f"version {found.version}, by one of two that read at once"
            expect(found.version == written[-1], f"version {written[-1]} is read", observed)

    for _ in range(head_start):
        reader.get(owner, "task")
        write()
    explore_crossings(trial, two_reads, check, within=_BRIEFLY, kinds=[YieldPointKind.LINE])


def what_an_idle_handle_reads(trial: Trial, pair: list[RecordedBackend]) -> None:
    """A handle that was idle for thousands of writes reads what has changed since.

    The writer may have moved to another file meanwhile, or reused the one that the idle handle has
    read a part of; what was written once, and long before the last write, is then missed most.
    """
    (writer, idle), owner = pair, trial.owner()
    write_often(trial, writer, owner, _MANY // 20)
    before, after = [trial.record(owner, "once") for _ in range(2)]
    expect_returns(1, writer.create, before)
    expect_stored(trial, before, 1, idle)
    expect_returns(2, writer.put, after)
    write_often(trial, writer, owner, _MANY)
    written = writer.get(owner, "often")
    # First what was written last: the first read may only find what was in the former file.
    expect_stored(trial, written.record, written.version, idle)
    expect_stored(trial, after, 2, idle)


def write_often(trial: Trial, writer: RecordedBackend, owner: str, times: int) -> None:
    """Write one record that many times, or as often as there is time for."""
    record, limit = trial.record(owner, "often"), Limit(_SECONDS)
    with premise("PUT-2"):
        for _ in range(times):
            repeated(partial(writer.put, record))
            if limit.is_over:
                return


def nothing_there(trial: Trial, owner: str, reader: RecordedBackend) -> None:
    expect_raises(NotFoundError(owner, "task"), reader.get, owner, "task")
    expect_returns([], reader.list_by_owner, owner)
    expect_returns(0, reader.count_by_owner, owner)
