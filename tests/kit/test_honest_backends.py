"""Backends that are correct in ways of their own: no rule may accuse them.

What storages do that the shipped backends do not: they hide what has expired, expire at whole
seconds, or lend one connection to whoever comes first. Those of servers are in
`test_honest_servers`.
"""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from mutants.base import MutantTarget
from pmcp_conformance.report.results import Outcome
from pmcp_storage import (
    AsyncTaskStore,
    BackendError,
    InMemoryBackend,
    MemoryStorage,
    NotFoundError,
    TaskRecord,
    VersionedRecord,
)
from pmcp_storage.backend import read_row
from pmcp_storage.backends.memory import Key, Row
from support.honest import accused, rules_of

GROUPS_ON_ONE_HANDLE = (
    *("GET", "CRE", "PUT", "CAS", "DEL", "LIST", "KEY", "VAL", "ISO", "EXP", "ERR", "MOD", "STORE"),
)


class HidingStorage(MemoryStorage):
    """To every operation an expired row is absent; it stays until a cleanup, which counts it."""

    @staticmethod
    def is_gone(row: Row | None) -> bool:
        return row is None or (row.expires_at is not None and row.expires_at <= datetime.now(UTC))

    def drop_hidden(self, key: Key) -> None:
        """Make room for a record where an expired one is in the way."""
        if key in self.rows and self.is_gone(self.rows[key]):
            self.remove(key)

    def live_page(self, owner_id: str, after: str | None) -> Iterator[tuple[str, Row]]:
        for task_id, row in self.page(owner_id, sys.maxsize, after):
            if not self.is_gone(row):
                yield task_id, row


class HidesTheExpired(InMemoryBackend):
    """As a table whose every statement says `AND expires_at > now()`."""

    _storage: HidingStorage

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        with self._storage.lock:
            if self._storage.is_gone(self._storage.rows.get((owner_id, task_id))):
                raise NotFoundError(owner_id, task_id)
            return super()._get(owner_id, task_id)

    def _create(self, record: TaskRecord) -> int:
        with self._storage.lock:
            self._storage.drop_hidden((record.owner_id, record.task_id))
            return super()._create(record)

    def _put(self, record: TaskRecord) -> int:
        with self._storage.lock:
            self._storage.drop_hidden((record.owner_id, record.task_id))
            return super()._put(record)

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        with self._storage.lock:
            self._get(record.owner_id, record.task_id)
            return super()._put_if_version(record, expected_version)

    def _delete(self, owner_id: str, task_id: str) -> bool:
        with self._storage.lock:
            gone = self._storage.is_gone(self._storage.rows.get((owner_id, task_id)))
            return not gone and super()._delete(owner_id, task_id)

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        with self._storage.lock:
            ids = [task_id for task_id, _ in self._storage.live_page(owner_id, after)][:limit]
            found = [self._storage.rows[owner_id, task_id] for task_id in ids]
        pairs = zip(ids, found, strict=True)
        return [read_row(owner_id, task_id, row.data, row.version) for task_id, row in pairs]


def test_a_backend_may_hide_what_has_expired_until_a_cleanup() -> None:
    target = MutantTarget(HidesTheExpired, HidingStorage)
    assert accused(target, rules_of(*GROUPS_ON_ONE_HANDLE)) == {}


class ExpiresBySeconds(HidesTheExpired):
    """Leaves what has expired to the storage."""

    def _cleanup_expired(self) -> int:
        return 0


class WholeSeconds(HidingStorage):
    """Knows expiries in whole seconds, rounded up."""

    def write(self, key: Key, row: Row) -> None:
        super().write(key, row._replace(expires_at=rounded_up(row.expires_at)))


class ExpiringTarget(MutantTarget):
    native_expiry = True
    backend = ExpiresBySeconds
    storage = WholeSeconds


def rounded_up(instant: datetime | None) -> datetime | None:
    """The instant, or the first whole second after it; none after the last year."""
    if instant is None or instant.year == 9999:
        return instant
    return datetime.fromtimestamp(math.ceil(instant.timestamp()), UTC)


def test_a_storage_may_expire_records_at_whole_seconds() -> None:
    assert accused(ExpiringTarget(), rules_of("EXP", "STORE-17", "STORE-25")) == {}


class Exacting(InMemoryBackend):
    """Its driver takes text and numbers, and nothing that is derived from them."""

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        return super()._get(*map(exact, (owner_id, task_id)))

    def _create(self, record: TaskRecord) -> int:
        exact(record.task_id)
        return super()._create(record)

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        exact(record.task_id)
        return super()._put_if_version(record, expected_version)

    def _delete(self, owner_id: str, task_id: str) -> bool:
        return super()._delete(*map(exact, (owner_id, task_id)))


def exact(value: str) -> str:
    """The value. Raises BackendError if it is of a kind that the driver does not know."""
    if type(value) is not str:
        raise BackendError(f"can't adapt type {type(value).__name__!r}")
    return value


def test_every_id_is_plain_text() -> None:
    rules = rules_of(*GROUPS_ON_ONE_HANDLE)
    assert accused(MutantTarget(Exacting), rules) == {}


class BusyError(BackendError):
    """The storage does nothing for whoever asks now; its own kind of a BackendError."""


class LendingStorage(MemoryStorage):
    """Lends so many connections, and none to those who come when all are out."""

    connections = 1
    patience = 0.0
    """Seconds for which they may wait."""

    def __init__(self) -> None:
        super().__init__()
        self._free = threading.Semaphore(self.connections)

    @contextmanager
    def lent(self) -> Iterator[None]:
        if not self._free.acquire(timeout=self.patience):
            raise BusyError("no connection is free")
        try:
            yield
        finally:
            self._free.release()


def lending(name: str) -> Callable[..., Any]:
    """The operation of this name, by a connection that is lent to it."""

    def operation(self: Any, *args: Any, **options: Any) -> Any:
        with self._storage.lent():
            return getattr(InMemoryBackend, name)(self, *args, **options)

    return operation


class Lending(InMemoryBackend):
    """Works by connections that are lent; fails at once, and honestly, where there is none."""

    _get = lending("_get")
    _create = lending("_create")
    _put = lending("_put")
    _put_if_version = lending("_put_if_version")
    _delete = lending("_delete")
    _list_by_owner = lending("_list_by_owner")
    _cleanup_expired = lending("_cleanup_expired")


class LendsOnRequest(LendingStorage):
    """The same, where they may wait for a moment."""

    connections = 2
    patience = 0.01


CONCURRENT = rules_of("CON", "EXP-4", "EXP-10", "STORE-30", "RES")


def test_a_pool_may_refuse_those_for_whom_it_has_no_connection() -> None:
    assert accused(MutantTarget(Lending, LendingStorage), CONCURRENT) == {}


@pytest.mark.parametrize("rule", ["CON-1", "CON-4", "CON-6", "CON-12", "STORE-30"])
def test_a_pool_may_refuse_those_who_have_waited(rule: str) -> None:
    assert accused(MutantTarget(Lending, LendsOnRequest), [rule]) == {}


class OneWriter(InMemoryBackend):
    """Refuses a write while another one is under way, as a file that is locked."""

    _create = lending("_create")
    _put = lending("_put")
    _put_if_version = lending("_put_if_version")
    _delete = lending("_delete")
    _cleanup_expired = lending("_cleanup_expired")


def test_a_storage_may_refuse_all_writers_but_one() -> None:
    rules = rules_of("CON-1", "CON-3", "CON-5", "CON-6", "CON-11", "EXP-4", "EXP-10")
    assert accused(MutantTarget(OneWriter, LendingStorage), rules) == {}


class Ascending(InMemoryBackend):
    """Lists upwards, which is wrong, and all that is."""

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        found = super()._list_by_owner(owner_id, limit=10_000, after=None)[::-1]
        return [entry for entry in found if after is None or entry.record.task_id > after][:limit]


def test_a_wrong_order_is_no_finding_of_rules_on_something_else() -> None:
    found = accused(MutantTarget(Ascending), rules_of("GET", "CRE", "PUT", "DEL", "KEY", "LIST-4"))
    failed = [rule for rule, result in found.items() if result.outcome is Outcome.FAILED]
    assert failed == ["LIST-4"]
    assert {result.blocked_by for result in found.values()} == {"", "LIST-4"}


def test_the_store_for_event_loops_is_judged_like_the_other_one() -> None:
    assert accused(MutantTarget(async_store=AsyncTaskStore), rules_of("STORE")) == {}
