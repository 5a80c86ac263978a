"""A versioned store: the same tests pass on the SDK's own and over every backend."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("a2a.server", reason="a2a-sdk is not installed")

from a2a.helpers import new_data_part, new_raw_part, new_text_part, new_url_part
from a2a.server.cluster import (
    ConcurrentTaskModificationError,
    StoredTask,
    TaskVersion,
    VersionedTaskStore,
)
from a2a.types.a2a_pb2 import Artifact, ListTasksRequest, Message, Role, Task, TaskState
from google.protobuf.timestamp_pb2 import Timestamp

from pmcp_storage.a2a import VersionedBackendTaskStore
from support.a2a_support import (
    CANCELED,
    COMPLETED,
    SUBMITTED,
    WORKING,
    caller,
    in_event_loop,
    make_task,
    sdk_store,
)

MISSING = TaskVersion.MISSING
ENDED = (COMPLETED, CANCELED, TaskState.TASK_STATE_FAILED, TaskState.TASK_STATE_REJECTED)

OpenStore = Callable[[], AbstractAsyncContextManager[VersionedTaskStore]]


@pytest.fixture(params=["sdk", "memory", "async", "sqlite", "redis", "dynamodb"])
def open_store(
    request: pytest.FixtureRequest, tmp_path: Path, open_backend: Callable[[str], Any]
) -> OpenStore:
    """Opens the store, in the test's event loop."""
    if request.param == "sdk":
        return lambda: sdk_store(tmp_path)
    backend = open_backend(request.param)

    @asynccontextmanager
    async def over_backend() -> AsyncIterator[VersionedTaskStore]:
        yield VersionedBackendTaskStore(backend)

    return over_backend


def rich_task() -> Task:
    """A task with everything in it that a task can have."""
    task = make_task("rich", WORKING)
    task.status.timestamp.CopyFrom(Timestamp(seconds=1_800_000_000, nanos=123_456_000))
    task.metadata.update({"é\u2028": [1, 1.5, None, True, {"": ""}, "\U0001f40d"]})
    parts = [
        new_text_part(""),
        new_raw_part(bytes(range(256)), filename="é", media_type="a/b"),
        new_url_part("https://example.com/?q=1"),
        new_data_part({"n": -0.25, "deep": {"list": [[], {}]}}),
    ]
    asked = Message(message_id="m", role=Role.ROLE_USER, parts=parts, extensions=["x"])
    task.history.append(asked)
    task.status.message.CopyFrom(asked)
    task.artifacts.append(Artifact(artifact_id="a", name="n", parts=parts))
    return task


@in_event_loop
async def test_a_task_comes_back_as_it_was_saved(open_store: OpenStore, alice: str) -> None:
    async with open_store() as store:
        version = await save(store, rich_task(), MISSING, alice)
        found = await store.get("rich", caller(alice))
        assert found == StoredTask(rich_task(), version)


@in_event_loop
async def test_each_save_makes_a_later_version(open_store: OpenStore, alice: str) -> None:
    async with open_store() as store:
        first = await save(store, make_task(state=SUBMITTED), MISSING, alice)
        second = await save(store, make_task(state=WORKING), first, alice)
        assert first.is_after(MISSING)
        assert second.is_after(first)
        assert await store.get("t", caller(alice)) == StoredTask(make_task(), second)


@in_event_loop
async def test_a_save_on_another_version_is_refused(open_store: OpenStore, alice: str) -> None:
    async with open_store() as store:
        first = await save(store, make_task(), MISSING, alice)
        second = await save(store, make_task(context_id="new"), first, alice)
        for stale in (MISSING, first):
            with pytest.raises(ConcurrentTaskModificationError) as error:
                await save(store, make_task(state=COMPLETED), stale, alice)
            assert error.value.task_id == "t"
        with pytest.raises(ConcurrentTaskModificationError):
            await save(store, make_task("absent"), first, alice)
        assert await store.get("t", caller(alice)) == StoredTask(
            make_task(context_id="new"), second
        )


@in_event_loop
async def test_a_cancellation_needs_no_version(open_store: OpenStore, alice: str) -> None:
    async with open_store() as store:
        first = await save(store, make_task(), MISSING, alice)
        second = await save(store, make_task(state=SUBMITTED), first, alice)
        third = await save(store, make_task(state=CANCELED), first, alice)
        assert third.is_after(second)
        with pytest.raises(ConcurrentTaskModificationError):
            await save(store, make_task(state=COMPLETED), second, alice)
        assert await store.get("t", caller(alice)) == StoredTask(make_task(state=CANCELED), third)


@pytest.mark.parametrize("ended", ENDED)
@in_event_loop
async def test_what_has_ended_is_not_cancelled(
    open_store: OpenStore, alice: str, ended: TaskState
) -> None:
    task = make_task(state=ended)
    async with open_store() as store:
        version = await save(store, make_task(), MISSING, alice)
        version = await save(store, task, version, alice)
        with pytest.raises(ConcurrentTaskModificationError):
            await save(store, make_task(state=CANCELED), version, alice)
        assert await store.get("t", caller(alice)) == StoredTask(task, version)


@in_event_loop
async def test_what_is_absent_is_not_cancelled(open_store: OpenStore, alice: str) -> None:
    async with open_store() as store:
        with pytest.raises(ConcurrentTaskModificationError):
            await save(store, make_task(state=CANCELED), MISSING, alice)
        assert await store.get("t", caller(alice)) is None


@in_event_loop
async def test_a_deleted_task_is_gone(open_store: OpenStore, alice: str) -> None:
    async with open_store() as store:
        await save(store, make_task(), MISSING, alice)
        for _ in range(2):
            await store.delete("t", caller(alice))
            assert await store.get("t", caller(alice)) is None


@in_event_loop
async def test_owners_do_not_see_each_others_tasks(open_store: OpenStore, alice: str) -> None:
    bob = alice.replace("alice", "bob")
    async with open_store() as store:
        version = await save(store, make_task(), MISSING, alice)
        for other in (bob, alice.upper(), f"{alice} "):
            context = caller(other)
            assert await store.get("t", context) is None
            assert not (await store.list(ListTasksRequest(), context)).tasks
            await store.delete("t", context)
            with pytest.raises(ConcurrentTaskModificationError):
                await save(store, make_task(state=CANCELED), version, other)
        assert await store.get("t", caller(alice)) == StoredTask(make_task(), version)


async def save(
    store: VersionedTaskStore, task: Task, prev_version: TaskVersion, user: str
) -> TaskVersion:
    return await store.save(
        task, event=None, prev=None, prev_version=prev_version, context=caller(user)
    )
