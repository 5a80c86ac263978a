"""AsyncStorageBackend: the operations and checks of StorageBackend, as coroutines."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from pmcp_storage import (
    AsyncStorageBackend,
    BackendError,
    ConcurrentModificationError,
    InMemoryBackend,
    StorageBackend,
    TaskRecord,
    VersionedRecord,
)
from support.async_memory import AsyncMemory
from support.records import make_record
from support.store_support import expired


def test_the_operations_of_an_async_backend() -> None:
    async def scenario() -> None:
        async with AsyncMemory() as backend:
            record = make_record()
            assert await backend.create(record) == 1
            assert await backend.get("o", "t") == VersionedRecord(record, 1)
            assert await backend.put_if_version(record, 1) == 2
            assert await backend.put(record) == 3
            assert await backend.put(make_record("new")) == 1
            with pytest.raises(ConcurrentModificationError):
                await backend.put_if_version(record, 1)
            await backend.create(expired("old"))
            listed = await backend.list_by_owner("o", limit=2)
            assert [found.record.task_id for found in listed] == ["t", "old"]
            assert [found.version async for found in backend.iter_by_owner("o")] == [3, 1, 1]
            assert await backend.count_by_owner("o") == 3
            assert await backend.count_by_owner("o", live_at=datetime.now(UTC)) == 2
            assert await backend.count_by_owner("o", at_most=1) == 1
            assert await backend.cleanup_expired() == 1
            assert await backend.delete("o", "t") is True
        assert backend.closed == 1

    asyncio.run(scenario())


def test_iterating_pages_through_all_records() -> None:
    async def scenario() -> list[str]:
        backend = AsyncMemory()
        for number in range(250):
            backend.memory.create(make_record(f"{number:03}"))
        return [found.record.task_id async for found in backend.iter_by_owner("o")]

    assert asyncio.run(scenario()) == [f"{number:03}" for number in range(249, -1, -1)]


WRONG: dict[str, Callable[[Any], Any]] = {
    "get": lambda backend: backend.get("", "t"),
    "get, type": lambda backend: backend.get(5, "t"),
    "create": lambda backend: backend.create({}),
    "put": lambda backend: backend.put(None),
    "put_if_version": lambda backend: backend.put_if_version(make_record(), 0),
    "put_if_version, bool": lambda backend: backend.put_if_version(make_record(), True),
    "delete": lambda backend: backend.delete("o", "nul\0"),
    "list_by_owner": lambda backend: backend.list_by_owner("o", limit=0),
    "list_by_owner, after": lambda backend: backend.list_by_owner("o", after=""),
    "iter_by_owner": lambda backend: backend.iter_by_owner(""),
    "count_by_owner": lambda backend: backend.count_by_owner("o", live_at=datetime(2026, 1, 1)),
}


@pytest.mark.parametrize("call", WRONG.values(), ids=WRONG)
def test_an_async_backend_checks_what_a_sync_one_checks(call: Callable[[Any], Any]) -> None:
    async def asynchronously() -> None:
        await call(AsyncMemory())

    with pytest.raises((TypeError, ValueError)) as expected:
        call(InMemoryBackend())
    with pytest.raises((TypeError, ValueError)) as observed:
        asyncio.run(asynchronously())
    assert (observed.type, str(observed.value)) == (expected.type, str(expected.value))


def test_both_kinds_of_backend_have_the_same_operations() -> None:
    public = {name for name in vars(StorageBackend) if not name.startswith("_")}
    assert public == {name for name in vars(AsyncStorageBackend) if not name.startswith("_")}
    abstract = StorageBackend.__abstractmethods__
    assert abstract == AsyncStorageBackend.__abstractmethods__
    for name in public - {"close", "iter_by_owner"}:
        assert getattr(AsyncStorageBackend, name).__doc__ == getattr(StorageBackend, name).__doc__


def test_a_closed_async_backend_refuses() -> None:
    async def scenario() -> None:
        backend = AsyncMemory()
        await backend.close()
        await backend.close()
        assert backend.closed == 1
        with pytest.raises(BackendError, match="this AsyncMemory is closed"):
            await backend.get("o", "t")

    asyncio.run(scenario())


def test_a_put_that_always_meets_a_conflict_gives_up() -> None:
    class Contended(AsyncMemory):
        async def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
            raise ConcurrentModificationError("o", "t", expected_version, expected_version + 1)

    async def scenario() -> None:
        backend = Contended()
        await backend.create(make_record())
        with pytest.raises(BackendError, match="gave up"):
            await backend.put(make_record())

    asyncio.run(scenario())
