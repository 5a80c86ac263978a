"""CON-7: records and versions belong together."""

from __future__ import annotations

import threading
from functools import partial

from pmcp_conformance.catalogue import rule
from pmcp_conformance.engine.attempt import Call, raise_unexpected, repeated
from pmcp_conformance.engine.handles import contenders
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_conformance.expectations import expect
from pmcp_conformance.interleaving.exploration import explore_crossings
from pmcp_conformance.interleaving.preemption import preempting
from pmcp_conformance.interleaving.simultaneous import call_simultaneously
from pmcp_storage import CorruptRecordError, StorageBackend, VersionedRecord

_PADDING = "x" * 9_000
"""More than the pages of most storages have room for: it gets pages of its own."""

_MANY_WRITES = 10
"""Writes after which most storages have used the space of a former record again."""


@rule("CON-7")
def records_and_versions_belong_together(trial: Trial) -> None:
    """A reader never sees a record together with another write's version.

    Why: A client that reads new data with an old version gets a needless conflict. One that reads
    old data with a new version passes the check and overwrites what it never saw.

    Real bug: MinIO fetched an object's info and its content in two steps, so a replacement in
    between could yield the old object's ETag with the new one's content.
    (https://github.com/minio/minio/issues/2912)

    Mend: Keep record and version in one row, item or file, and read both in one statement. Two
    statements under READ COMMITTED see two snapshots. Lock readers out, too, if a write takes two
    steps. Copy what a driver lends you before its transaction ends.
    """
    writer, reader = contenders(trial, 2)

    def pair(_: str) -> list[Call]:
        owner = trial.owner()
        trial.store_record(owner, variables={"version": 1})
        record = trial.record(owner, variables={"version": 2})
        return [
            partial(writer.put_if_version, record, 1),
            partial(check_own_versions, reader, owner),
        ]

    for order in (pair, lambda key: pair(key)[::-1]):
        explore_crossings(trial, order, lambda _, attempts: raise_unexpected(attempts))
    cross_many_writes(trial, writer, reader)
    read_during_writes(trial, writer, reader)


def cross_many_writes(trial: Trial, writer: StorageBackend, reader: StorageBackend) -> None:
    """Many writes enter at each yield point of a reading: what it has read is still its own, where
    the storage uses the space of former records again."""

    def pair(_: str) -> list[Call]:
        owner = trial.owner()
        trial.store_record(owner, variables={"version": 1})
        return [partial(check_own_versions, reader, owner), partial(write, owner)]

    def write(owner: str) -> None:
        for version in range(1, _MANY_WRITES + 1):
            variables = {"version": version + 1, "padding": _PADDING}
            writer.put_if_version(trial.record(owner, variables=variables), version)

    explore_crossings(trial, pair, lambda _, attempts: raise_unexpected(attempts))


def read_during_writes(trial: Trial, writer: StorageBackend, reader: StorageBackend) -> None:
    """Two threads read all the time while one writes."""
    owner = trial.owner()
    trial.store_record(owner, variables={"version": 1})
    done = threading.Event()

    def write() -> None:
        try:
            for version in range(1, 40):
                record = trial.record(owner, variables={"version": version + 1})
                repeated(partial(writer.put_if_version, record, version))
        finally:
            done.set()

    def read() -> None:
        while not done.is_set():
            repeated(partial(check_own_versions, reader, owner))

    with preempting(trial, 7):
        attempts = call_simultaneously(trial.watchdog, [write, read, read])
    raise_unexpected(attempts)


def check_own_versions(reader: StorageBackend, owner: str) -> None:
    """Each record that the reader finds comes with the version that it was written at."""
    for entry in entries_of(reader, owner):
        written_at = entry.record.variables["version"]
        observed = f"the record of version {written_at} with version {entry.version}"
        expect(written_at == entry.version, "a record and its own version", observed)


def entries_of(reader: StorageBackend, owner: str) -> list[VersionedRecord]:
    """What get and the listing find; nobody has written anything that cannot be read."""
    try:
        return [reader.get(owner, "task"), *reader.list_by_owner(owner)]
    except CorruptRecordError as error:
        raise Violation("a record that was written, and its own version", str(error)) from error
