"""A store of py-key-value-aio, which has put, get and ttl, but no compare-and-swap."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from key_value.aio.errors import BaseKeyValueError
from key_value.aio.stores.redis import RedisStore
from redis import RedisError
from redis.asyncio import Redis

from pmcp_storage import (
    AlreadyExistsError,
    AsyncStorageBackend,
    BackendError,
    ConcurrentModificationError,
    NotFoundError,
    TaskRecord,
    VersionedRecord,
    read_row,
)


class KeyValueBackend(AsyncStorageBackend):
    """Tasks in a store over Redis, a collection for each owner; a lock makes writers take turns."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._store = RedisStore(client=client)
        self._lock = asyncio.Lock()

    async def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        with _errors():
            return _decoded(owner_id, task_id, await self._store.get(task_id, collection=owner_id))

    async def _create(self, record: TaskRecord) -> int:
        async with self._lock:
            with _errors():
                if await self._store.get(record.task_id, collection=record.owner_id):
                    raise AlreadyExistsError(record.owner_id, record.task_id)
            return await self._write(record, 1)

    async def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        key = record.owner_id, record.task_id
        async with self._lock:
            version = (await self._get(*key)).version
            if version != expected_version:
                raise ConcurrentModificationError(*key, expected_version, version)
            return await self._write(record, version + 1)

    async def _delete(self, owner_id: str, task_id: str) -> bool:
        async with self._lock:
            with _errors():
                return bool(await self._store.delete(task_id, collection=owner_id))

    async def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        with _errors():
            ids = await self._store.keys(collection=owner_id)
            below = sorted((i for i in ids if after is None or i < after), reverse=True)
            rows = await self._store.get_many(below, collection=owner_id)
        found = [(i, row) for i, row in zip(below, rows, strict=True) if row is not None]
        return [_decoded(owner_id, i, row) for i, row in found[:limit]]

    async def _cleanup_expired(self) -> int:
        return 0  # the store does it by itself

    async def _close(self) -> None:
        await self._client.aclose()

    async def _write(self, record: TaskRecord, version: int) -> int:
        row = {"version": version, "data": record.to_json()}
        ttl = None
        if record.expires_at is not None:
            # The store refuses a ttl of nothing, so what has expired already lives a little longer.
            ttl = max((record.expires_at - datetime.now(UTC)).total_seconds(), 0.001)
        with _errors():
            await self._store.put(record.task_id, row, collection=record.owner_id, ttl=ttl)
        return version


def _decoded(owner_id: str, task_id: str, row: dict[str, Any] | None) -> VersionedRecord:
    if row is None:
        raise NotFoundError(owner_id, task_id)
    return read_row(owner_id, task_id, row["data"], row["version"])


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except (BaseKeyValueError, RedisError) as error:
        raise BackendError(f"{type(error).__name__}: {error}") from error
