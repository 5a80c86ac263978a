"""What the stores add to the SDK's: anonymous callers, expiry, limits, and what they ask."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

pytest.importorskip("a2a.server", reason="a2a-sdk is not installed")

from a2a.server.cluster import ConcurrentTaskModificationError, TaskVersion
from a2a.server.context import ServerCallContext
from a2a.types.a2a_pb2 import ListTasksRequest, Task
from a2a.utils.errors import InvalidParamsError, InvalidRequestError

from pmcp_storage import (
    AsyncStorageBackend,
    GenericTaskStore,
    InMemoryBackend,
    StorageBackend,
    TaskStatus,
)
from pmcp_storage.a2a import BackendTaskStore, VersionedBackendTaskStore
from support.a2a_support import CANCELED, COMPLETED, WORKING, caller, in_event_loop, make_task
from support.store_support import HOUR, CountingBackend, InterferingBackend

ALICE = caller("alice")
OWNER = "a2a:alice"
MISSING = TaskVersion.MISSING


@in_event_loop
async def test_of_many_saves_on_one_version_one_wins(
    backend: StorageBackend | AsyncStorageBackend, alice: str
) -> None:
    replicas = [VersionedBackendTaskStore(backend) for _ in range(6)]
    version = MISSING
    for _ in range(5):
        saves = [
            store.save(make_task(), prev_version=version, context=caller(alice))
            for store in replicas
        ]
        ends = await asyncio.gather(*saves, return_exceptions=True)
        [version] = [end for end in ends if isinstance(end, TaskVersion)]


@in_event_loop
async def test_the_last_save_wins_in_a_store_without_versions(
    backend: StorageBackend | AsyncStorageBackend, alice: str
) -> None:
    one, two = BackendTaskStore(backend), BackendTaskStore(backend)
    for store, state in ((one, WORKING), (two, CANCELED), (one, COMPLETED)):
        await store.save(make_task(state=state), caller(alice))
        assert await two.get("t", caller(alice)) == make_task(state=state)


@in_event_loop
async def test_anonymous_callers_are_refused_unless_allowed() -> None:
    store = BackendTaskStore(backend := CountingBackend())
    nobody = ServerCallContext()
    for call in (
        store.save(make_task(), nobody),
        store.get("t", nobody),
        store.list(ListTasksRequest(), nobody),
        store.delete("t", nobody),
    ):
        with pytest.raises(InvalidRequestError, match="authenticated callers only"):
            await call
    assert not backend.requests


@in_event_loop
async def test_allowed_anonymous_callers_share_an_owner_that_no_user_is() -> None:
    store = BackendTaskStore(InMemoryBackend(), allow_anonymous=True)
    await store.save(make_task(), ServerCallContext())
    assert await store.get("t", ServerCallContext()) == make_task()
    for name in ("local", "a2a", "a2a:", " ", "None", "alice"):
        assert await store.get("t", caller(name)) is None


@in_event_loop
async def test_an_owner_resolver_tells_agents_apart() -> None:
    backend = InMemoryBackend()

    def agent(name: str) -> BackendTaskStore:
        def owner(context: ServerCallContext) -> str:
            return f"{name}/{context.user.user_name}"

        return BackendTaskStore(backend, owner_resolver=owner)

    one, two = agent("one"), agent("two")
    await one.save(make_task(), ALICE)
    assert await two.get("t", ALICE) is None
    assert await one.get("t", ALICE) == make_task()


@pytest.mark.parametrize("name", ["x" * 1021, "nul\0"])
@in_event_loop
async def test_a_name_that_no_owner_can_have_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequestError, match="name cannot be stored: owner_id must"):
        await BackendTaskStore(InMemoryBackend()).save(make_task(), caller(name))


@pytest.mark.parametrize("task_id", ["", "x" * 257, "nul\0"])
@in_event_loop
async def test_a_task_of_an_id_that_none_can_have_is_absent(task_id: str) -> None:
    store = BackendTaskStore(InMemoryBackend())
    assert await store.get(task_id, ALICE) is None
    await store.delete(task_id, ALICE)
    with pytest.raises(InvalidParamsError, match="this task cannot be stored"):
        await store.save(make_task(task_id), ALICE)


@in_event_loop
async def test_tasks_of_an_mcp_server_on_the_same_storage_are_others() -> None:
    backend = InMemoryBackend()
    mcp, store = GenericTaskStore(backend), BackendTaskStore(backend)
    mcp.create("alice", "tools/call", task_id="mcp")
    await store.save(make_task("a2a"), ALICE)
    assert await store.get("mcp", ALICE) is None
    assert [found.record.task_id for found in mcp.list("alice").tasks] == ["mcp"]
    assert [task.id for task in (await store.list(ListTasksRequest(), ALICE)).tasks] == ["a2a"]


@in_event_loop
async def test_whoever_looks_into_the_storage_sees_the_state() -> None:
    backend = InMemoryBackend()
    await BackendTaskStore(backend).save(make_task(state=CANCELED), ALICE)
    record = backend.get(OWNER, "t").record
    assert record.status is TaskStatus.CANCELLED
    assert record.variables["status"] == {"state": "TASK_STATE_CANCELED"}


@pytest.mark.parametrize("ttl", [timedelta(days=30), HOUR, None])
@in_event_loop
async def test_each_save_lets_a_task_live_for_its_ttl(ttl: timedelta | None) -> None:
    backend = InMemoryBackend()
    default = ttl == timedelta(days=30)
    store = BackendTaskStore(backend) if default else BackendTaskStore(backend, ttl=ttl)
    for _ in range(2):
        before = datetime.now(UTC)
        await store.save(make_task(), ALICE)
        expires_at = backend.get(OWNER, "t").record.expires_at
        if ttl is None:
            assert expires_at is None
        else:
            assert expires_at is not None
            assert before <= expires_at - ttl <= datetime.now(UTC)
        expire(backend)


@in_event_loop
async def test_an_expired_task_is_absent_although_it_is_still_stored() -> None:
    backend = InMemoryBackend()
    store = VersionedBackendTaskStore(backend)
    version = await store.save(make_task(), prev_version=MISSING, context=ALICE)
    expire(backend)
    assert await store.get("t", ALICE) is None
    assert (await store.list(ListTasksRequest(), ALICE)).total_size == 0
    with pytest.raises(ConcurrentTaskModificationError):
        await store.save(make_task(state=CANCELED), prev_version=version, context=ALICE)
    anew = await store.save(make_task(context_id="new"), prev_version=MISSING, context=ALICE)
    assert anew.is_after(version), "a late save on the expired task could be taken for the new one"
    with pytest.raises(ConcurrentTaskModificationError):
        await store.save(make_task(), prev_version=MISSING, context=ALICE)


def expire(backend: InMemoryBackend) -> None:
    record = backend.get(OWNER, "t").record
    backend.put(record.model_copy(update={"expires_at": datetime.now(UTC) - HOUR}))


@in_event_loop
async def test_a_cancellation_wins_over_a_save_that_comes_in_between() -> None:
    backend = InterferingBackend()
    store = VersionedBackendTaskStore(backend)
    version = await store.save(make_task(), prev_version=MISSING, context=ALICE)
    backend.interfere = lambda other: other.put(other.get(OWNER, "t").record)
    await store.save(make_task(state=CANCELED), prev_version=version, context=ALICE)
    found = await store.get("t", ALICE)
    assert found is not None
    assert found.task.status.state == CANCELED


@in_event_loop
async def test_each_call_takes_as_many_requests_as_it_says() -> None:
    backend = CountingBackend()
    versioned, plain = VersionedBackendTaskStore(backend), BackendTaskStore(backend)

    async def requests(call: Any) -> dict[str, int]:
        backend.requests.clear()
        await call
        return dict(backend.requests)

    def save(state: Any, version: TaskVersion) -> Any:
        return versioned.save(make_task(state=state), prev_version=version, context=ALICE)

    assert await requests(save(WORKING, MISSING)) == {"create": 1}
    assert await requests(save(WORKING, TaskVersion(1))) == {"put_if_version": 1}
    assert await requests(versioned.get("t", ALICE)) == {"get": 1}
    assert await requests(save(CANCELED, MISSING)) == {"get": 1, "put_if_version": 1}
    assert await requests(plain.save(make_task(), ALICE)) == {"put": 1}
    assert await requests(plain.get("t", ALICE)) == {"get": 1}
    assert await requests(plain.delete("t", ALICE)) == {"delete": 1}


def nested(levels: int) -> Task:
    value: Any = "bottom"
    for _ in range(levels):
        value = {"k": value}
    task = make_task()
    task.metadata.update(value)
    return task


@in_event_loop
async def test_a_task_as_deep_as_a_record_can_be_is_readable() -> None:
    store = BackendTaskStore(InMemoryBackend())
    await store.save(nested(126), ALICE)
    assert await store.get("t", ALICE) == nested(126)
    with pytest.raises(InvalidParamsError, match="nested deeper than 128 levels"):
        await store.save(nested(128), ALICE)


@in_event_loop
async def test_what_json_lacks_is_refused() -> None:
    task = make_task()
    task.metadata.update({"x": float("inf")})
    with pytest.raises(InvalidParamsError, match=r"cannot be stored: .*Infinity"):
        await BackendTaskStore(InMemoryBackend()).save(task, ALICE)


@in_event_loop
async def test_a_version_of_another_store_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="is an int, not str"):
        await VersionedBackendTaskStore(InMemoryBackend()).save(
            make_task(), prev_version=TaskVersion("etag"), context=ALICE
        )


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="ttl must be above zero"):
        BackendTaskStore(InMemoryBackend(), ttl=timedelta(0))
    with pytest.raises(TypeError, match="must be a StorageBackend or an AsyncStorageBackend"):
        BackendTaskStore({})  # type: ignore[arg-type]
