"""The target of mutants on Redis: keys of its own on the server of all tests."""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import Any

import redis

from pmcp_conformance.targets.redis import RedisTarget
from pmcp_storage import OutcomeUnknownError, RedisBackend, TaskRecord
from pmcp_storage.backends.redis import hashes
from support.redis_server import RedisServer

URL = "PMCP_MUTANTS_REDIS_URL"
"""The environment variable that names the server, for the processes that this one starts."""

_server = ExitStack()


def server_url() -> str:
    """Where the server listens; started with the first call, and for all processes that follow."""
    if URL not in os.environ:
        folder = Path(_server.enter_context(tempfile.TemporaryDirectory()))
        os.environ[URL] = _server.enter_context(RedisServer(folder)).url
        _server.callback(os.environ.pop, URL)
    return os.environ[URL]


def stop_server() -> None:
    """End the server, if this process has started it."""
    _server.close()


class RedisMutantTarget(RedisTarget):
    """The shipped target, with another backend in it."""

    name = "redis-mutant"

    def __init__(self, backend: type[RedisBackend] = RedisBackend) -> None:
        super().__init__()
        self._url = server_url()
        # By its name, because a child cannot import the tests' modules before it has this state.
        self._backend = backend.__module__, backend.__name__

    def _open(self, url: str, prefix: str = "") -> RedisBackend:
        module, name = self._backend
        backend: type[RedisBackend] = getattr(import_module(module), name)
        return backend.from_url(url, prefix or self._prefix)


class ExpiringAfterwards(RedisBackend):
    """Gives a record its expiry in a second step, and a third."""

    def _write(self, record: TaskRecord, expected_version: int) -> Any:
        written = super()._write(record, expected_version)
        key = self.record_key(record.owner_id, record.task_id)
        try:
            if written.applied and record.expires_at is not None:
                self._client.persist(key)
                self._client.pexpireat(key, hashes.milliseconds(record.expires_at))
        except redis.RedisError as error:
            raise OutcomeUnknownError("the record may lack its expiry") from error
        return written
