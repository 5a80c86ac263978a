"""The target of RedisBackend."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import subprocess
from collections.abc import Sequence
from functools import cached_property, partial
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import uuid4

from pmcp_conformance.target import BackendTarget, Refusal
from pmcp_storage import NotFoundError, StorageBackend, StorageError

if TYPE_CHECKING:
    from pmcp_storage import RedisBackend


_COMMAND = re.compile(rb"\*\d+\r\n\$\d+\r\n(\w+)\r\n")
"""How a command begins."""

_TRANSACTION = {
    b"MULTI": b"+OK",
    b"EXEC": b"-EXECABORT Transaction discarded because of previous errors.",
}


def _refuse(text: bytes, request: bytes) -> bytes:
    """The answers to all commands of a request, each of them an error of this text."""
    names = [name.upper() for name in _COMMAND.findall(request)]
    return b"".join(_TRANSACTION.get(name, b"-" + text) + b"\r\n" for name in names)


_REFUSALS = {
    "it is reading its data": b"LOADING Redis is loading the dataset in memory",
    "it is out of memory": b"OOM command not allowed when used memory > 'maxmemory'.",
    "it is a replica": b"READONLY You can't write against a read only replica.",
    "a script keeps it busy": b"BUSY Redis is busy running a script. You can only call "
    b"SCRIPT KILL or SHUTDOWN NOSAVE.",
    "this user may not": b"NOPERM this user has no permissions to run this command",
    "it cannot save its data": b"MISCONF Redis is configured to save RDB snapshots, but it is "
    b"currently unable to persist to disk.",
}


class RedisTarget(BackendTarget):
    """The Redis or Valkey server at REDIS_URL, under a prefix of the run's own.

    Durable only as far as the server is: `RedisBackend.inspect` says whether it keeps what it
    acknowledges, and a server that does not makes the target unavailable. One that does not show
    its settings is taken at its word. Where it is the run's own, PMCP_REDIS_CRASH may hold a
    command that kills it with SIGKILL and starts it again.
    """

    name = "redis"
    native_expiry = True
    answer_within = 10.0

    def __init__(self) -> None:
        self._url = os.environ.get("REDIS_URL", "")
        self._prefix = f"pmcp-conformance-{uuid4().hex}"

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_client"}

    def unavailable(self) -> str | None:
        if importlib.util.find_spec("redis") is None:
            return "redis is not installed: pip install 'pmcp-storage[redis]'"
        if not self._url:
            return "REDIS_URL names no server: set it, for example to redis://127.0.0.1:6379/0"
        try:
            with self.open() as handle:
                wrong = handle.inspect().wrong
        except (StorageError, ValueError) as error:
            return str(error)
        return "; ".join(wrong) or None

    def open(self) -> RedisBackend:
        return self._open(self._url)

    def open_misconfigured(self) -> StorageBackend:
        # A port that nobody listens on: what a wrong REDIS_URL amounts to.
        return self._open("redis://127.0.0.1:1/0")

    def open_fresh(self, token: str) -> StorageBackend:
        return self._open(self._url, f"{self._prefix}-{token}")

    def dispose_fresh(self, token: str) -> None:
        keys = self._client.scan_iter(f"{self._prefix}-{token}:*", count=1000)
        while some := list(islice(keys, 1000)):
            self._client.delete(*some)

    def stored_expiry(self, owner_id: str, task_id: str) -> float | None:
        with self.open() as handle:
            found = self._client.pexpiretime(handle.record_key(owner_id, task_id))
        if found == -2:
            raise NotFoundError(owner_id, task_id)
        return None if found == -1 else found / 1000

    def plant(self, owner_id: str, task_id: str, data: str, version: int) -> None:
        with self.open() as handle:
            ids, expiry = handle.index_keys(owner_id)
            row = {"version": str(version), "data": data}
            self._client.hset(handle.record_key(owner_id, task_id), mapping=row)
            self._client.zadd(ids, {task_id: 0})
            self._client.zadd(expiry, {task_id: float("inf")})

    def crash(self) -> None:
        subprocess.run(shlex.split(os.environ["PMCP_REDIS_CRASH"]), check=True)

    def offers(self, back_door: str) -> bool:
        if back_door == "crash":
            return "PMCP_REDIS_CRASH" in os.environ
        # The fault proxy knows plain TCP only.
        plain = urlsplit(self._url).scheme == "redis"
        return super().offers(back_door) and (plain or back_door not in ("address", "open_at"))

    def address(self) -> tuple[str, int]:
        url = urlsplit(self._url)
        return url.hostname or "127.0.0.1", url.port or 6379

    def open_at(self, host: str, port: int) -> StorageBackend:
        url = urlsplit(self._url)
        user = url.netloc.rpartition("@")[0]
        netloc = f"{user}@{host}:{port}" if user else f"{host}:{port}"
        # Short enough for every attempt to fit into answer_within.
        timeouts = "socket_timeout=1&socket_connect_timeout=1"
        return self._open(url._replace(netloc=netloc, query=timeouts).geturl())

    def refusals(self) -> Sequence[Refusal]:
        return [Refusal(why, partial(_refuse, text)) for why, text in _REFUSALS.items()]

    def _open(self, url: str, prefix: str = "") -> RedisBackend:
        from pmcp_storage import RedisBackend

        return RedisBackend.from_url(url, prefix or self._prefix)

    @cached_property
    def _client(self) -> Any:
        from redis import Redis

        return Redis.from_url(self._url)
