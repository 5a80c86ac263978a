"""StorageBackend and InMemoryBackend: arguments, closing, the put loop, costs."""

from __future__ import annotations

import copy
import pickle
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

import pmcp_storage
from pmcp_storage import (
    BackendError,
    ConcurrentModificationError,
    CorruptRecordError,
    InMemoryBackend,
    MemoryStorage,
    StorageError,
    VersionedRecord,
    read_row,
)
from pmcp_storage.backends.memory import Row
from support.records import NOW, make_record


class Interrupted(InMemoryBackend):
    """The interface's own put, with another's write between its read and its write."""

    _put = pmcp_storage.StorageBackend._put
    others: int = 3

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        found = super()._get(owner_id, task_id)
        if self.others:
            self.others -= 1
            InMemoryBackend._put(self, make_record(variables={"other": self.others}))
        return found


def test_put_is_retried_until_it_succeeds() -> None:
    backend = Interrupted()
    assert backend.put(make_record()) == 1
    assert backend.put(make_record(variables={"mine": True})) == 5
    assert backend.get("o", "t") == VersionedRecord(make_record(variables={"mine": True}), 5)


def test_put_gives_up_after_many_conflicts() -> None:
    backend = Interrupted()
    backend.create(make_record())
    backend.others = 10**9
    with pytest.raises(BackendError, match="gave up: in each of 1000 attempts"):
        backend.put(make_record())


CALLS: list[tuple[Callable[[Any], object], type[Exception], str]] = [
    (lambda b: b.get(1, "t"), TypeError, "owner_id must be a str, not int"),
    (lambda b: b.get("o", ""), ValueError, "task_id must have 1 to 256 bytes of UTF-8, not 0"),
    (lambda b: b.put({"task": 1}), TypeError, "record must be a TaskRecord, not dict"),
    (lambda b: b.put_if_version(make_record(), True), TypeError, "expected_version must be an int"),
    (
        lambda b: b.put_if_version(make_record(), 0),
        ValueError,
        "expected_version must be at least 1",
    ),
    (lambda b: b.list_by_owner("o", limit=0), ValueError, "limit must be at least 1, not 0"),
    (lambda b: b.list_by_owner("o", after="\0"), ValueError, "must not contain U\\+0000"),
    (lambda b: b.iter_by_owner(""), ValueError, "owner_id must have 1 to 1024"),
    (lambda b: b.count_by_owner("o", at_most=0), ValueError, "at_most must be at least 1"),
    (lambda b: b.count_by_owner("o", live_at=NOW.replace(tzinfo=None)), ValueError, "aware"),
    (lambda b: b.count_by_owner("o", live_at=5), TypeError, "live_at must be a datetime"),
]


@pytest.mark.parametrize(("call", "kind", "message"), CALLS)
def test_bad_arguments_are_refused_by_name(
    call: Callable[[Any], object], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        call(InMemoryBackend())


def test_a_closed_handle_is_an_error_and_the_storage_stays() -> None:
    storage = MemoryStorage()
    with InMemoryBackend(storage) as first:
        first.create(make_record())
    first.close()
    with pytest.raises(BackendError, match="this InMemoryBackend is closed: open another handle"):
        first.get("o", "t")
    assert InMemoryBackend(storage).get("o", "t").version == 1


def test_a_corrupt_row_is_described_without_its_values() -> None:
    with pytest.raises(CorruptRecordError) as caught:
        read_row("o", "t", '{"task": "hidden", "ownerId": 5}', 1)
    assert "task" in str(caught.value)
    assert "ownerId" in str(caught.value)
    assert "hidden" not in str(caught.value)
    with pytest.raises(CorruptRecordError, match="names another owner or task"):
        read_row("somebody", "t", make_record().to_json(), 1)


ERRORS: list[StorageError] = [
    pmcp_storage.NotFoundError("o", "t"),
    pmcp_storage.AlreadyExistsError("o", "t"),
    ConcurrentModificationError("o", "t", 1, 2),
    pmcp_storage.RecordTooLargeError(500, 400),
    pmcp_storage.RecordTooLargeError(500, None),
    pmcp_storage.StorageFullError("full"),
    BackendError("broken"),
    CorruptRecordError("o", "t", "no record"),
    pmcp_storage.OutcomeUnknownError("who knows"),
]


@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_errors_survive_pickle_and_copy(error: StorageError) -> None:
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(again) is type(error)
        assert vars(again) == vars(error)
        assert str(again) == str(error)


def test_every_public_name_can_be_imported() -> None:
    assert pmcp_storage.DynamoDbBackend.__name__ == "DynamoDbBackend"
    for name in pmcp_storage.__all__:
        assert getattr(pmcp_storage, name)
    with pytest.raises(AttributeError, match="no attribute 'Nonsense'"):
        cast("Any", pmcp_storage).Nonsense  # noqa: B018


def test_rewriting_a_task_does_not_grow_the_storage() -> None:
    storage = MemoryStorage()
    backend = InMemoryBackend(storage)
    for number in range(2_000):
        backend.put(make_record(expires_at=NOW + timedelta(seconds=number)))
    assert len(storage._expiries) < 100


class Rows(dict[tuple[str, str], Row]):
    """Rows that count how often one of them is read."""

    reads = 0

    def __getitem__(self, key: tuple[str, str]) -> Row:
        self.reads += 1
        return super().__getitem__(key)

    def get(self, key: tuple[str, str], default: Any = None) -> Any:
        self.reads += 1
        return super().get(key, default)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        raise AssertionError("a walk over the whole store")


def filled(tasks: int) -> tuple[InMemoryBackend, Rows]:
    """A backend with ten expired tasks and that many unexpired ones, and its rows."""
    storage = MemoryStorage()
    backend = InMemoryBackend(storage)
    now = datetime.now(UTC)
    for number in range(10):
        backend.create(make_record(f"e{number}", expires_at=now - timedelta(hours=1)))
    for number in range(tasks):
        backend.create(make_record(f"t{number:04}", expires_at=now + timedelta(hours=1)))
    storage.rows = rows = Rows(storage.rows)
    return backend, rows


@pytest.mark.parametrize("tasks", [10, 2_000])
def test_a_page_costs_as_much_as_it_holds(tasks: int) -> None:
    backend, rows = filled(tasks)
    assert len(backend.list_by_owner("o", limit=5, after="t0008")) == 5
    assert rows.reads == 5


@pytest.mark.parametrize("tasks", [10, 2_000])
def test_a_cleanup_costs_as_much_as_it_removes(tasks: int) -> None:
    backend, rows = filled(tasks)
    assert backend.cleanup_expired() == 10
    assert rows.reads == 10
    assert backend.cleanup_expired() == 0
    assert rows.reads == 10


def test_threads_share_a_handle() -> None:
    backend = InMemoryBackend()
    threads = [
        threading.Thread(target=lambda: [backend.put(make_record()) for _ in range(50)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert backend.get("o", "t").version == 200
