"""The targets of the adapters over Redis: the server at REDIS_URL."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import uuid4

from adapters.targets.installed import missing
from pmcp_conformance import BackendTarget

if TYPE_CHECKING:
    from redis import Redis

    from adapters.key_value_store import KeyValueBackend
    from adapters.redis_watch import RedisWatchBackend


class _OnRedis(BackendTarget):
    """What the adapters over Redis share: the server at REDIS_URL."""

    native_expiry = True

    def __init__(self) -> None:
        self._url = os.environ.get("REDIS_URL", "")
        self._prefix = f"{self.name}-{uuid4().hex}"

    def unavailable(self) -> str | None:
        if not self._url:
            return "REDIS_URL names no server: set it, for example to redis://127.0.0.1:6379/0"
        return missing("redis", "redis")

    def address(self) -> tuple[str, int]:
        url = urlsplit(self._url)
        return url.hostname or "127.0.0.1", url.port or 6379

    def _client(self) -> Redis:
        from redis import Redis

        return Redis.from_url(self._url, decode_responses=True)

    def _expiry(self, key: str) -> float | None:
        with self._client() as client:
            found: Any = client.pexpiretime(key)
        return found / 1000 if found >= 0 else None


class RedisWatchTarget(_OnRedis):
    name = "redis-watch"

    def open(self) -> RedisWatchBackend:
        return self._open(self._url, self._prefix)

    def open_fresh(self, token: str) -> RedisWatchBackend:
        return self._open(self._url, f"{self._prefix}-{token}")

    def open_misconfigured(self) -> RedisWatchBackend:
        return self._open("redis://127.0.0.1:1", self._prefix)

    def open_at(self, host: str, port: int) -> RedisWatchBackend:
        return self._open(
            f"redis://{host}:{port}?socket_timeout=1&socket_connect_timeout=1", self._prefix
        )

    def stored_expiry(self, owner_id: str, task_id: str) -> float | None:
        with self.open() as backend:
            return self._expiry(backend.task_key(owner_id, task_id))

    def plant(self, owner_id: str, task_id: str, data: str, version: int) -> None:
        with self.open() as backend, self._client() as client:
            row = json.dumps({"version": version, "data": data})
            client.set(backend.task_key(owner_id, task_id), row)
            client.sadd(backend.owner_key(owner_id), task_id)

    def _open(self, url: str, prefix: str) -> RedisWatchBackend:
        from redis import Redis

        from adapters.redis_watch import RedisWatchBackend

        return RedisWatchBackend(Redis.from_url(url, decode_responses=True), prefix)


class KeyValueTarget(_OnRedis):
    name = "py-key-value"

    def unavailable(self) -> str | None:
        return super().unavailable() or missing("key_value", "py-key-value-aio[redis]")

    def open(self) -> KeyValueBackend:
        return self._open(self._url)

    def open_misconfigured(self) -> KeyValueBackend:
        return self._open("redis://127.0.0.1:1")

    def open_at(self, host: str, port: int) -> KeyValueBackend:
        return self._open(f"redis://{host}:{port}?socket_timeout=1&socket_connect_timeout=1")

    def stored_expiry(self, owner_id: str, task_id: str) -> float | None:
        return self._expiry(f"{owner_id}::{task_id}")

    def plant(self, owner_id: str, task_id: str, data: str, version: int) -> None:
        entry = {"value": {"version": version, "data": data}}
        with self._client() as client:
            client.set(f"{owner_id}::{task_id}", json.dumps(entry))

    def _open(self, url: str) -> KeyValueBackend:
        from redis.asyncio import Redis

        from adapters.key_value_store import KeyValueBackend

        return KeyValueBackend(Redis.from_url(url, decode_responses=True))
