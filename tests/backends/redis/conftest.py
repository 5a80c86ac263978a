"""Backends on the run's Redis, directly and through a proxy, and a Redis of a test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from pmcp_storage import RedisBackend
from support.records import make_record
from support.redis_proxy import RedisProxy
from support.redis_server import RedisServer


@pytest.fixture
def prefix() -> str:
    """The prefix of all keys of the test."""
    return f"test:{uuid4().hex}"


@pytest.fixture
def backend(redis_server: RedisServer, prefix: str) -> Iterator[RedisBackend]:
    with RedisBackend.from_url(redis_server.url, prefix) as backend:
        yield backend


@pytest.fixture
def client(redis_server: RedisServer) -> Iterator[Any]:
    with redis_server.client() as client:
        yield client


@pytest.fixture
def proxy(redis_server: RedisServer) -> Iterator[RedisProxy]:
    with RedisProxy(redis_server.port) as proxy:
        yield proxy


@pytest.fixture
def through(proxy: RedisProxy, prefix: str) -> Iterator[RedisBackend]:
    """A handle on the storage of `backend` that works through the proxy."""
    with RedisBackend.from_url(proxy.url, prefix) as through:
        # The server learns the scripts, so that none of them is sent twice in a test.
        through.create(make_record("warm"))
        through.list_by_owner("o")
        through.count_by_owner("o")
        through.delete("o", "warm")
        yield through


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path) as server:
        yield server
