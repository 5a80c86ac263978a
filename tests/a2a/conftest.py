"""The storages under A2A's task stores. Nothing here needs a2a-sdk: the modules skip without it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest

from pmcp_storage import (
    AsyncStorageBackend,
    DynamoDbBackend,
    InMemoryBackend,
    RedisBackend,
    SqliteBackend,
    StorageBackend,
)
from support.async_memory import AsyncMemory

BACKENDS = ("memory", "async", "sqlite", "redis", "dynamodb")


@pytest.fixture
def open_backend(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Callable[[str], StorageBackend | AsyncStorageBackend]]:
    """Opens one of BACKENDS; its server starts when it is first needed."""
    kinds: dict[str, Callable[[], StorageBackend]] = {
        "memory": InMemoryBackend,
        "sqlite": lambda: SqliteBackend(tmp_path / "tasks.db"),
        "redis": lambda: RedisBackend.from_url(
            request.getfixturevalue("redis_server").url, f"test:{uuid4().hex}"
        ),
        "dynamodb": lambda: DynamoDbBackend(
            request.getfixturevalue("dynamodb_client"), request.getfixturevalue("table")
        ),
    }
    with ExitStack() as opened:
        yield lambda kind: AsyncMemory() if kind == "async" else opened.enter_context(kinds[kind]())


@pytest.fixture(params=BACKENDS)
def backend(
    request: pytest.FixtureRequest,
    open_backend: Callable[[str], StorageBackend | AsyncStorageBackend],
) -> StorageBackend | AsyncStorageBackend:
    return open_backend(request.param)


@pytest.fixture
def alice() -> str:
    """The name of a user that is the test's own: some tests share a table."""
    return f"alice {uuid4().hex}"
