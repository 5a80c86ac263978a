"""AsyncTaskStore over both kinds of backend, and GenericTaskStore over an asynchronous one."""

from __future__ import annotations

import asyncio
import threading

import pytest

from pmcp_storage import (
    AsyncTaskStore,
    GenericTaskStore,
    InMemoryBackend,
    NotFoundError,
    StorageBackend,
    TaskConflictError,
    TaskNotFoundError,
    TaskStatus,
    VersionedRecord,
)
from pmcp_storage.aio.async_adapter import run_at_once
from support.async_memory import AsyncMemory


def test_a_coroutine_that_waits_needs_an_event_loop() -> None:
    with pytest.raises(RuntimeError, match="waits for something"):
        run_at_once(asyncio.sleep(0))


async def run_task_lifecycle(store: AsyncTaskStore) -> None:
    made = await store.create("o", "tools/call", variables={"a": 1})
    task_id = made.record.task_id
    assert await store.get("o", task_id) == made
    asked = await store.update_status("o", task_id, TaskStatus.INPUT_REQUIRED, "name?")
    assert asked.record.task.status_message == "name?"
    assert (await store.set_variables("o", task_id, {"b": 2})).record.variables == {"a": 1, "b": 2}
    assert (await store.set_result("o", task_id, 1)).version == 4
    await store.complete_with_result("o", task_id, TaskStatus.COMPLETED, [1])
    assert await store.get_result("o", task_id) == [1]
    other = (await store.create("o", "tools/call")).record.task_id
    assert (await store.cancel("o", other)).record.status is TaskStatus.CANCELLED
    page = await store.list("o", limit=1)
    rest = await store.list("o", cursor=page.next_cursor)
    assert [found.record.task_id for found in page.tasks + rest.tasks] == [other, task_id]
    assert await store.delete("o", other) is True
    assert await store.cleanup_expired() == 0
    with pytest.raises(TaskNotFoundError) as error:
        await store.get("o", other)
    assert isinstance(error.value.__cause__, NotFoundError)


def test_an_async_store_over_an_async_backend_stays_on_its_loop() -> None:
    wrapped = AsyncMemory()
    asyncio.run(run_task_lifecycle(AsyncTaskStore(wrapped)))
    assert wrapped.threads == {threading.get_ident()}


def test_an_async_store_over_a_sync_backend_does_not_block_the_loop() -> None:
    used: set[int] = set()

    class Watching(InMemoryBackend):
        def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
            used.add(threading.get_ident())
            return super()._get(owner_id, task_id)

    asyncio.run(run_task_lifecycle(AsyncTaskStore(Watching())))
    assert used
    assert threading.get_ident() not in used


def test_a_blocking_store_over_an_async_backend(backend: StorageBackend) -> None:
    store = GenericTaskStore(backend)
    task_id = store.create("o", "tools/call").record.task_id
    assert store.cancel("o", task_id).version == 2
    assert store.list("o").tasks == [store.get("o", task_id)]


def test_both_stores_have_the_same_methods() -> None:
    def public(kind: type) -> set[str]:
        return {name for name in dir(kind) if not name.startswith("_")}

    assert public(GenericTaskStore) == public(AsyncTaskStore)
    for name in public(GenericTaskStore):
        assert getattr(GenericTaskStore, name).__doc__ == getattr(AsyncTaskStore, name).__doc__


def test_concurrent_changes_on_an_event_loop_lose_nothing() -> None:
    async def scenario() -> None:
        store = AsyncTaskStore(AsyncMemory())
        await store.create("o", "tools/call", task_id="t")

        async def set_one(number: int) -> None:
            while True:
                try:
                    await store.set_variables("o", "t", {str(number): number})
                    return
                except TaskConflictError:
                    continue

        await asyncio.gather(*map(set_one, range(16)))
        found = await store.get("o", "t")
        assert (found.version, len(found.record.variables)) == (17, 16)

    asyncio.run(scenario())
