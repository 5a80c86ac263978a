"""A synchronous handle on an asynchronous backend; and no test may leave a thread behind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pmcp_storage import StorageBackend, to_sync
from support.async_memory import AsyncMemory, running_threads


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    before = running_threads()
    yield
    assert running_threads() - before == set()


@pytest.fixture
def backend() -> Iterator[StorageBackend]:
    with to_sync(AsyncMemory()) as backend:
        yield backend
