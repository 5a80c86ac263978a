"""CON-11: listings during writes."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from random import Random

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.support import ManyRecords, with_task
from pmcp_conformance.engine.attempt import Call, raise_unexpected, repeated
from pmcp_conformance.engine.handles import contenders, watched
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_conformance.interleaving.exploration import CallPair, explore_crossings
from pmcp_conformance.interleaving.preemption import preempting
from pmcp_conformance.interleaving.simultaneous import call_simultaneously
from pmcp_storage import (
    BackendError,
    OutcomeUnknownError,
    StorageBackend,
    TaskRecord,
    VersionedRecord,
)

_LONG_PAGE = 1_040
"""Records: more than storages read at a time, and not more than there are."""

_LONG_PAGES = 5
"""Times that it is read."""


@rule("CON-11")
def listings_during_writes(trial: Trial) -> None:
    """A listing during writes holds every record that is there all along, each in a state that
    existed.

    Why: While one task is created or deleted, the client's list fails, lacks others that were there
    all along, or stops early, and the user believes they are gone.

    Real bug: The local file store of Apache Arrow's object_store listed names first and then asked
    for each file's metadata; a file deleted in between made the whole listing fail.
    (https://github.com/apache/arrow-rs/issues/5800)

    Mend: Read a page in one statement: WHERE task_id < after ORDER BY … LIMIT. If reading takes two
    steps, skip what has gone and read on until the page is full. Overwrite in place, not by delete
    and insert; never use OFFSET.
    """
    cross_listings(trial)
    list_during_writes(trial)
    list_many_during_writes(trial)


class StableRecords:
    """Twelve records of one owner, which are there all along and may change meanwhile."""

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        self.owner = trial.owner()
        self.ids = [f"s{number:02}" for number in range(12)]
        self._versions = dict.fromkeys(self.ids, 1)
        for task_id in self.ids:
            trial.store_record(self.owner, task_id, variables={"version": 1})

    def change(self, handle: StorageBackend, task_id: str) -> None:
        """Write one of the records; each has its version among its variables."""
        variables = {"version": self._versions[task_id] + 1}
        try:
            handle.put(self._trial.record(self.owner, task_id, variables=variables))
            self._versions[task_id] += 1
        except OutcomeUnknownError:
            self._versions[task_id] = handle.get(self.owner, task_id).version
            raise

    def passing(self, task_id: str) -> TaskRecord:
        """A record that comes and goes; a listing may hold it or not."""
        return self._trial.record(self.owner, task_id, variables={})

    def check_listing(self, listing: Sequence[VersionedRecord]) -> None:
        """Every one of the records once, and each with its own version."""
        seen = [entry.record.task_id for entry in listing]
        there = [task_id for task_id in seen if task_id in self.ids]
        if there != self.ids[::-1]:
            missing = sorted(set(self.ids) - set(there))
            observed = f"missing {missing}, in all {there}"
            raise Violation("every record that was there all along, once, in order", observed)
        for entry in listing:
            version = entry.record.variables.get("version", entry.version)
            if version != entry.version:
                observed = (
                    f"{entry.record.task_id} of version {version} listed with {entry.version}"
                )
                raise Violation("records in a state that existed", observed)

    def check_pages(self, handle: StorageBackend) -> None:
        """The same of a listing in small pages."""
        self.check_listing(list_in_pages(handle, self.owner))

    def check_count(self, handle: StorageBackend) -> None:
        """All of the records are counted, and at most one that comes or goes."""
        found, least = handle.count_by_owner(self.owner), len(self.ids)
        if not least <= found <= least + 1:
            raise Violation(f"a count of {least} or {least + 1}", f"{found}")


def cross_listings(trial: Trial) -> None:
    """A write, a delete or a creation enters at each yield point of a listing, and of a count, and
    a listing at each yield point of a write."""
    stable = StableRecords(trial)
    writer, reader = contenders(trial, 2)
    passing = stable.passing(f"{stable.ids[-2]}x")
    listing = partial(stable.check_pages, reader)
    count = partial(stable.check_count, reader)
    change = partial(stable.change, writer, stable.ids[-3])
    pairs: list[CallPair] = [
        lambda _: while_one_goes(writer, passing, listing),
        lambda _: while_one_goes(writer, passing, count),
        lambda _: while_one_comes(writer, passing, listing),
        lambda _: while_one_comes(writer, passing, count),
        lambda _: (listing, change),
        lambda _: (change, listing),
    ]
    for pair in pairs:
        explore_crossings(trial, pair, lambda _, attempts: raise_unexpected(attempts))


def while_one_goes(writer: StorageBackend, passing: TaskRecord, reading: Call) -> Sequence[Call]:
    """A reading, and the deletion of a record that was there before."""
    with suppress(BackendError):
        writer.put(passing)
    return reading, partial(writer.delete, passing.owner_id, passing.task_id)


def while_one_comes(writer: StorageBackend, passing: TaskRecord, reading: Call) -> Sequence[Call]:
    """A reading, and the creation of a record that was absent before."""
    with suppress(BackendError):
        writer.delete(passing.owner_id, passing.task_id)
    return reading, partial(writer.create, passing)


def list_during_writes(trial: Trial) -> None:
    """One thread lists all the time while another one writes."""
    stable = StableRecords(trial)
    writer, reader = contenders(trial, 2)
    done = threading.Event()

    def write() -> None:
        try:
            write_at_random(stable, writer)
        finally:
            done.set()

    def read() -> None:
        while not done.is_set():
            repeated(lambda: stable.check_listing(reader.list_by_owner(stable.owner, limit=100)))
            repeated(lambda: stable.check_listing(list(reader.iter_by_owner(stable.owner))))
            repeated(partial(stable.check_pages, reader))

    with preempting(trial, 11):
        attempts = call_simultaneously(trial.watchdog, [write, read])
    raise_unexpected(attempts)


def write_at_random(stable: StableRecords, writer: StorageBackend) -> None:
    """Change some of the records, and let others come and go between them."""
    random = Random(11)
    for number in range(50):
        repeated(partial(stable.change, writer, random.choice(stable.ids)))
        passing = stable.passing(f"{random.choice(stable.ids)}x{number % 3}")
        repeated(partial(writer.put, passing))
        repeated(partial(writer.delete, passing.owner_id, passing.task_id))


def list_many_during_writes(trial: Trial) -> None:
    """A page of more records than storages read at a time, while one ahead of them comes and goes:
    the parts in which it is read fit together."""
    if not trial.target.offers("open_fresh"):
        return
    many = trial.run.shared(ManyRecords, lambda: ManyRecords(trial))
    handle, done = watched(trial, many.handle), threading.Event()
    record = trial.record(trial.owner()).model_copy(update={"owner_id": many.owner})
    passing = with_task(record, task_id="u")

    def come_and_go() -> None:
        while not done.is_set():
            repeated(partial(handle.put, passing))
            repeated(partial(handle.delete, many.owner, "u"))

    def read() -> None:
        try:
            for _ in range(_LONG_PAGES):
                repeated(partial(check_long_page, many, handle))
        finally:
            done.set()

    raise_unexpected(call_simultaneously(trial.watchdog, [come_and_go, read]))


def check_long_page(many: ManyRecords, handle: StorageBackend) -> None:
    """The page holds the first records, with or without the one that comes and goes."""
    page = handle.list_by_owner(many.owner, limit=_LONG_PAGE)
    seen = [entry.record.task_id for entry in page if entry.record.task_id != "u"]
    if seen != many.ids[: len(seen)] or len(page) != _LONG_PAGE:
        missing = sorted(set(many.ids[: len(seen)]) - set(seen))
        observed = f"{len(page)} records, {len(set(seen))} different, missing {missing[:5]}"
        raise Violation(f"the first {_LONG_PAGE} records, each once, in order", observed)


def list_in_pages(handle: StorageBackend, owner: str) -> list[VersionedRecord]:
    found: list[VersionedRecord] = []
    while True:
        after = found[-1].record.task_id if found else None
        page = handle.list_by_owner(owner, limit=5, after=after)
        found += page
        if len(page) < 5:
            return found
