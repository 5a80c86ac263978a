"""A key of Redis per task, written by WATCH, MULTI and EXEC; Redis expires it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from redis import Redis, RedisError, WatchError
from redis.client import Pipeline

from pmcp_storage import (
    AlreadyExistsError,
    BackendError,
    ConcurrentModificationError,
    NotFoundError,
    StorageBackend,
    TaskRecord,
    VersionedRecord,
    read_row,
)


class RedisWatchBackend(StorageBackend):
    """Tasks under a prefix, with a set of task ids for each owner."""

    def __init__(self, client: Redis, prefix: str) -> None:
        self._client = client
        self._prefix = prefix

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        with _errors():
            stored: Any = self._client.get(self.task_key(owner_id, task_id))
        return _decoded(owner_id, task_id, stored)

    def _create(self, record: TaskRecord) -> int:
        def next_version(stored: str | None) -> int:
            if stored is not None:
                raise AlreadyExistsError(record.owner_id, record.task_id)
            return 1

        return self._write(record, next_version)

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        key = record.owner_id, record.task_id

        def next_version(stored: str | None) -> int:
            version = _decoded(*key, stored).version
            if version != expected_version:
                raise ConcurrentModificationError(*key, expected_version, version)
            return version + 1

        return self._write(record, next_version)

    def _delete(self, owner_id: str, task_id: str) -> bool:
        with _errors(), self._client.pipeline() as transaction:
            transaction.delete(self.task_key(owner_id, task_id))
            transaction.srem(self.owner_key(owner_id), task_id)
            return bool(transaction.execute()[0])

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        with _errors():
            members: Any = self._client.smembers(self.owner_key(owner_id))
            ids = sorted((i for i in members if after is None or i < after), reverse=True)
            stored: Any = (
                self._client.mget([self.task_key(owner_id, i) for i in ids]) if ids else []
            )
        found = [(i, row) for i, row in zip(ids, stored, strict=True) if row is not None]
        return [_decoded(owner_id, i, row) for i, row in found[:limit]]

    def _cleanup_expired(self) -> int:
        return 0  # Redis does it by itself

    def _close(self) -> None:
        self._client.close()

    def owner_key(self, owner_id: str) -> str:
        return f"{self._prefix}:owner:{quote(owner_id, safe='')}"

    def task_key(self, owner_id: str, task_id: str) -> str:
        return f"{self._prefix}:task:{quote(owner_id, safe='')}:{quote(task_id, safe='')}"

    def _write(self, record: TaskRecord, next_version: Callable[[str | None], int]) -> int:
        key = self.task_key(record.owner_id, record.task_id)
        with _errors(), self._client.pipeline() as transaction:
            while True:
                try:
                    transaction.watch(key)  # type: ignore[no-untyped-call]
                    stored: Any = transaction.get(key)
                    version = next_version(stored)
                    self._send(transaction, key, record, version)
                    return version
                except WatchError:
                    continue  # somebody else was faster: look again

    def _send(self, transaction: Pipeline, key: str, record: TaskRecord, version: int) -> None:
        transaction.multi()
        row = json.dumps({"version": version, "data": record.to_json()})
        transaction.set(key, row, pxat=record.expires_at)
        transaction.sadd(self.owner_key(record.owner_id), record.task_id)
        transaction.execute()


def _decoded(owner_id: str, task_id: str, stored: str | None) -> VersionedRecord:
    if stored is None:
        raise NotFoundError(owner_id, task_id)
    row = json.loads(stored)
    return read_row(owner_id, task_id, row["data"], row["version"])


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except RedisError as error:
        raise BackendError(f"Redis: {error}") from error
