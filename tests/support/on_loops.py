"""Calls of AsyncDynamoDbBackend for tests, each on an event loop of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from pmcp_storage import AsyncDynamoDbBackend, TaskRecord

Call = Callable[[AsyncDynamoDbBackend], Awaitable[object]]


def run(backend: AsyncDynamoDbBackend, call: Call) -> Any:
    """What the call makes of the handle, on an event loop of its own."""

    async def work() -> object:
        async with backend:
            return await call(backend)

    return asyncio.run(work())


def writes(record: TaskRecord) -> list[Call]:
    """Each kind of write that stores a record, in an order in which each succeeds."""
    return [
        lambda backend: backend.create(record),
        lambda backend: backend.put_if_version(record, 1),
        lambda backend: backend.put(record),
    ]
