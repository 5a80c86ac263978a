"""Tasks in the store: their creation, owners, expiry and removal, and arguments."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from pmcp_storage import (
    AnonymousOwnerError,
    GenericTaskStore,
    InMemoryBackend,
    InvalidArgumentError,
    StoreConfig,
    TaskAlreadyExistsError,
    TaskNotFoundError,
    TaskStatus,
)
from support.records import make_record
from support.store_support import NO_QUOTA, OPERATIONS, CountingBackend, expired


def test_a_new_task_is_working_and_expires_after_its_ttl(store: GenericTaskStore) -> None:
    before = datetime.now(UTC)
    made = store.create("o", "tools/call", ttl_ms=90_000, variables={"a": [1]})
    task = made.record.task
    assert (made.version, task.status, made.record.result) == (1, TaskStatus.WORKING, None)
    assert before - timedelta(milliseconds=1) <= task.created_at <= datetime.now(UTC)
    assert task.last_updated_at == task.created_at
    assert task.ttl == 90_000
    assert made.record.expires_at == task.created_at + timedelta(seconds=90)
    assert task.poll_interval == 500
    assert made.record.variables == {"a": [1]}
    assert made.record.request_method == "tools/call"
    assert store.get("o", task.task_id) == made


def test_the_default_ttl_applies_where_none_is_given() -> None:
    store = GenericTaskStore(InMemoryBackend(), StoreConfig(default_ttl_ms=5_000))
    record = store.create("o", "tools/call").record
    assert record.task.ttl == 5_000
    assert record.expires_at == record.task.created_at + timedelta(seconds=5)


def test_generated_ids_are_uuids_of_version_7_that_sort_by_creation(
    store: GenericTaskStore,
) -> None:
    ids = [store.create("o", "tools/call").record.task_id for _ in range(300)]
    assert {UUID(task_id).version for task_id in ids} == {7}
    assert sorted(set(ids)) == ids


def test_an_id_in_use_is_refused_and_its_task_stays(store: GenericTaskStore) -> None:
    first = store.create("o", "tools/call", task_id="t", variables={"a": 1})
    with pytest.raises(TaskAlreadyExistsError) as error:
        store.create("o", "tools/call", task_id="t")
    assert (error.value.owner_id, error.value.task_id) == ("o", "t")
    assert store.get("o", "t") == first
    assert store.create("another", "tools/call", task_id="t").version == 1


def test_the_id_of_an_expired_task_is_free_and_its_version_continues(
    store: GenericTaskStore, backend: CountingBackend
) -> None:
    backend.create(expired())
    made = store.create("o", "prompts/get", task_id="t")
    assert made.version == 2
    assert store.get("o", "t") == made


def test_deleting_a_task(store: GenericTaskStore, backend: CountingBackend) -> None:
    task_id = store.create("o", "tools/call").record.task_id
    assert store.delete("another", task_id) is False
    assert store.delete("o", task_id) is True
    assert store.delete("o", task_id) is False
    backend.create(expired())
    assert store.delete("o", "t") is False


def test_cleanup_removes_the_expired_tasks_of_all_owners(
    store: GenericTaskStore, backend: CountingBackend
) -> None:
    backend.create(expired("x", "one"))
    backend.create(expired("y", "two"))
    live = store.create("one", "tools/call")
    assert (store.cleanup_expired(), store.cleanup_expired()) == (2, 0)
    assert store.list("one").tasks == [live]


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_expired_foreign_and_absent_tasks_cannot_be_told_apart(
    operation: Callable[[GenericTaskStore, str], object],
) -> None:
    seen = []
    for record in (None, make_record(owner_id="another"), expired()):
        backend = CountingBackend()
        if record is not None:
            backend.create(record)
        backend.requests.clear()
        with pytest.raises(TaskNotFoundError) as error:
            operation(GenericTaskStore(backend), "o")
        cause = error.value.__cause__
        seen.append((str(error.value), error.value.args, repr(cause), dict(backend.requests)))
    assert seen == [seen[0]] * 3
    assert seen[0][-1] == {"get": 1}


@pytest.mark.parametrize("owner_id", ["", "local"])
def test_an_anonymous_owner_is_refused_unless_allowed(
    backend: CountingBackend, owner_id: str
) -> None:
    backend.create(make_record(owner_id="local"))
    backend.requests.clear()
    every: dict[str, Callable[[GenericTaskStore, str], object]] = {
        **OPERATIONS,
        "create": lambda store, owner: store.create(owner, "tools/call"),
        "list": lambda store, owner: store.list(owner),
        "delete": lambda store, owner: store.delete(owner, "t"),
    }
    for operation in every.values():
        with pytest.raises(AnonymousOwnerError) as error:
            operation(GenericTaskStore(backend), owner_id)
        assert (error.value.owner_id, error.value.code) == (owner_id, -32602)
    assert not backend.requests

    allowing = GenericTaskStore(backend, StoreConfig(allow_anonymous=True))
    made = allowing.create(owner_id, "tools/call")
    assert made.record.owner_id == "local"
    task_ids = {made.record.task_id, "t"}
    assert {found.record.task_id for found in allowing.list(owner_id).tasks} == task_ids
    assert allowing.get("local" if owner_id == "" else "", made.record.task_id) == made


def test_creating_takes_one_request_and_a_quota_one_more(backend: CountingBackend) -> None:
    GenericTaskStore(backend, NO_QUOTA).create("o", "tools/call")
    assert backend.requests == {"create": 1}
    GenericTaskStore(backend).create("o", "tools/call")
    assert backend.requests == {"create": 2, "count_by_owner": 1, "list_by_owner": 1}


@pytest.mark.parametrize(
    ("argument", "call"),
    [
        ("owner_id", lambda store: store.get(7, "t")),
        ("owner_id", lambda store: store.get("x" * 1025, "t")),
        ("owner_id", lambda store: store.list("nul\0")),
        ("task_id", lambda store: store.get("o", "")),
        ("task_id", lambda store: store.create("o", "tools/call", task_id="\ud800")),
        ("request_method", lambda store: store.create("o", None)),
        ("request_method", lambda store: store.create("o", "\ud800")),
        ("message", lambda store: store.update_status("o", "t", TaskStatus.INPUT_REQUIRED, 7)),
        (
            "message",
            lambda store: store.update_status("o", "t", TaskStatus.INPUT_REQUIRED, "\ud800"),
        ),
        ('result["a"]', lambda store: store.set_result("o", "t", {"a": {1}})),
        ("limit", lambda store: store.list("o", limit=0)),
        ("limit", lambda store: store.list("o", limit=True)),
    ],
)
def test_an_invalid_argument_is_named_and_refused_before_any_request(
    backend: CountingBackend, argument: str, call: Callable[[Any], object]
) -> None:
    with pytest.raises(InvalidArgumentError) as error:
        call(GenericTaskStore(backend))
    assert error.value.argument == argument
    assert str(error.value).startswith(f"{argument}: ")
    assert (error.value.code, dict(backend.requests)) == (-32602, {})


def test_a_store_needs_a_backend() -> None:
    backend: Any = object()
    with pytest.raises(TypeError, match="backend must be a StorageBackend"):
        GenericTaskStore(backend)


def test_every_method_has_a_docstring() -> None:
    for name in (*OPERATIONS, "create", "list", "delete", "cleanup_expired"):
        assert getattr(GenericTaskStore, name).__doc__


def test_only_generating_an_id_needs_uuid_utils(
    store: GenericTaskStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "uuid_utils", None)
    assert store.create("o", "tools/call", task_id="t").version == 1
    with pytest.raises(ModuleNotFoundError, match="needs uuid-utils: pip install uuid-utils"):
        store.create("o", "tools/call")
    code = "import sys; import pmcp_storage.store.task_store; sys.exit('uuid_utils' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
