"""What the storage's errors come to: the SDK's, with the storage's own as the cause."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("a2a.server", reason="a2a-sdk is not installed")

from a2a.helpers import new_text_artifact
from a2a.server.cluster import TaskVersion
from a2a.types.a2a_pb2 import ListTasksRequest
from a2a.utils.errors import InternalError

from pmcp_storage import (
    BackendError,
    CorruptRecordError,
    InMemoryBackend,
    OutcomeUnknownError,
    RecordTooLargeError,
    StorageError,
    StorageFullError,
)
from pmcp_storage.a2a import BackendTaskStore, VersionedBackendTaskStore
from support.a2a_support import CANCELED, WORKING, caller, in_event_loop, make_task
from support.records import make_record
from support.store_support import FailingBackend

ALICE = caller("alice")

FAILED = "The task storage failed: "


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (BackendError("no server"), f"{FAILED}no server"),
        (StorageFullError("no room"), f"{FAILED}no room"),
        (RecordTooLargeError(10, 5), f"{FAILED}the record takes 10 bytes, which is over"),
        (OutcomeUnknownError("lost"), "The task may or may not have been written: lost"),
    ],
)
@in_event_loop
async def test_a_failing_storage_is_an_internal_error(error: StorageError, text: str) -> None:
    backend = FailingBackend(error)
    InMemoryBackend(backend._storage).put(make_record(owner_id="a2a:alice"))
    store = VersionedBackendTaskStore(backend)
    for state, version in (
        (WORKING, TaskVersion.MISSING),
        (WORKING, TaskVersion(1)),
        (CANCELED, TaskVersion(1)),
    ):
        with pytest.raises(InternalError) as raised:
            await store.save(make_task(state=state), prev_version=version, context=ALICE)
        assert raised.value.message.startswith(text)
        assert raised.value.__cause__ is error


@in_event_loop
async def test_a_closed_backend_is_an_internal_error() -> None:
    backend = InMemoryBackend()
    store = BackendTaskStore(backend)
    backend.close()
    for call in (
        store.save(make_task(), ALICE),
        store.get("t", ALICE),
        store.list(ListTasksRequest(), ALICE),
        store.delete("t", ALICE),
    ):
        with pytest.raises(InternalError, match="is closed"):
            await call


@in_event_loop
async def test_a_record_that_holds_no_task_is_an_internal_error() -> None:
    backend = InMemoryBackend()
    backend.put(make_record(owner_id="a2a:alice", variables={"secret": 1}))
    store = BackendTaskStore(backend)
    for call in (store.get("t", ALICE), store.list(ListTasksRequest(), ALICE)):
        with pytest.raises(InternalError, match="its variables are no A2A task") as raised:
            await call
        assert "secret" not in raised.value.message
        assert isinstance(raised.value.__cause__, CorruptRecordError)


@in_event_loop
async def test_a_task_too_large_for_the_storage_is_named_and_not_stored(
    open_backend: Callable[[str], Any], alice: str
) -> None:
    store = BackendTaskStore(open_backend("dynamodb"))
    await store.save(make_task(), caller(alice))
    large = make_task()
    large.artifacts.append(new_text_artifact("text", "x" * 500_000))
    with pytest.raises(InternalError, match=r"takes 50\d{4} bytes, which is over the limit"):
        await store.save(large, caller(alice))
    assert await store.get("t", caller(alice)) == make_task()
