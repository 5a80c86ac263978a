"""The life of a task in the store: creation, transitions, variables, results, owners, expiry."""

from __future__ import annotations

import itertools
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
    InvalidTransitionError,
    NoResultError,
    StoreConfig,
    TaskAlreadyExistsError,
    TaskEndedError,
    TaskNotFoundError,
    TaskNotReadyError,
    TaskStatus,
)
from support.store_support import HOUR, CountingBackend, expired, make

WORKING, INPUT = TaskStatus.WORKING, TaskStatus.INPUT_REQUIRED
ENDED = (TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED)
ALLOWED = {(WORKING, INPUT), (INPUT, WORKING), *itertools.product((WORKING, INPUT), ENDED)}
NO_QUOTA = StoreConfig(max_tasks_per_owner=None)

OPERATIONS: dict[str, Callable[[GenericTaskStore, str], object]] = {
    "get": lambda store, owner: store.get(owner, "t"),
    "update_status": lambda store, owner: store.update_status(owner, "t", INPUT),
    "set_variables": lambda store, owner: store.set_variables(owner, "t", {"a": 1}),
    "set_result": lambda store, owner: store.set_result(owner, "t", 1),
    "complete_with_result": lambda store, owner: store.complete_with_result(
        owner, "t", TaskStatus.COMPLETED, 1
    ),
    "get_result": lambda store, owner: store.get_result(owner, "t"),
    "cancel": lambda store, owner: store.cancel(owner, "t"),
}
"""The operations that raise where there is no task."""


@pytest.fixture
def backend() -> CountingBackend:
    return CountingBackend()


@pytest.fixture
def store(backend: CountingBackend) -> GenericTaskStore:
    return GenericTaskStore(backend, NO_QUOTA)


def test_a_new_task_is_working_and_expires_after_its_ttl(store: GenericTaskStore) -> None:
    before = datetime.now(UTC)
    made = store.create("o", "tools/call", ttl_ms=90_000, variables={"a": [1]})
    task = made.record.task
    assert (made.version, task.status, made.record.result) == (1, WORKING, None)
    assert before - timedelta(milliseconds=1) <= task.created_at <= datetime.now(UTC)
    assert task.last_updated_at == task.created_at
    assert task.ttl == 90_000
    assert made.record.expires_at == task.created_at + timedelta(seconds=90)
    assert task.poll_interval == 500
    assert made.record.variables == {"a": [1]}
    assert made.record.request_method == "tools/call"
    assert store.get("o", task.task_id) == made


def test_without_a_ttl_the_default_holds() -> None:
    store = GenericTaskStore(InMemoryBackend(), StoreConfig(default_ttl_ms=5_000))
    record = store.create("o", "tools/call").record
    assert record.task.ttl == 5_000
    assert record.expires_at == record.task.created_at + timedelta(seconds=5)


def test_minted_ids_are_uuids_of_version_7_that_sort_by_creation(store: GenericTaskStore) -> None:
    ids = [store.create("o", "tools/call").record.task_id for _ in range(300)]
    assert {UUID(minted).version for minted in ids} == {7}
    assert sorted(set(ids)) == ids


def test_an_id_that_is_there_is_refused_and_stays(store: GenericTaskStore) -> None:
    first = store.create("o", "tools/call", task_id="t", variables={"a": 1})
    with pytest.raises(TaskAlreadyExistsError) as error:
        store.create("o", "tools/call", task_id="t")
    assert (error.value.owner_id, error.value.task_id) == ("o", "t")
    assert store.get("o", "t") == first
    assert store.create("another", "tools/call", task_id="t").version == 1


def test_an_id_whose_task_has_expired_is_free_and_its_version_goes_on(
    store: GenericTaskStore, backend: CountingBackend
) -> None:
    backend.create(expired())
    made = store.create("o", "prompts/get", task_id="t")
    assert made.version == 2
    assert store.get("o", "t") == made


@pytest.mark.parametrize("start", TaskStatus)
@pytest.mark.parametrize("end", TaskStatus)
def test_the_state_machine(
    store: GenericTaskStore, backend: CountingBackend, start: TaskStatus, end: TaskStatus
) -> None:
    backend.create(make(status=start))
    if (start, end) in ALLOWED:
        assert store.update_status("o", "t", end).record.status is end
        assert store.get("o", "t").record.status is end
        return
    with pytest.raises(InvalidTransitionError) as error:
        store.update_status("o", "t", end)
    assert (error.value.task_id, error.value.from_status, error.value.to_status) == (
        "t",
        start,
        end,
    )
    assert set(error.value.allowed) == {to for begin, to in ALLOWED if begin == start}
    assert f"from {start.value} to {end.value}: " in str(error.value)
    assert (store.get("o", "t").version, error.value.code) == (1, -32602)


def test_a_status_changes_nothing_else_and_keeps_the_message(store: GenericTaskStore) -> None:
    made = store.create("o", "tools/call", variables={"a": 1}).record
    task_id = made.task_id
    assert store.update_status("o", task_id, INPUT, "your name?").version == 2
    kept = store.update_status("o", task_id, WORKING).record
    assert kept.task.status_message == "your name?"
    assert store.update_status("o", task_id, INPUT, "").record.task.status_message == ""
    assert (kept.variables, kept.expires_at, kept.task.ttl) == (
        made.variables,
        made.expires_at,
        made.task.ttl,
    )


def test_a_status_by_its_name_and_one_that_does_not_exist(store: GenericTaskStore) -> None:
    task_id = store.create("o", "tools/call").record.task_id
    by_name: Any = "input_required"
    assert store.update_status("o", task_id, by_name).record.status is INPUT
    unknown: Any = "paused"
    with pytest.raises(InvalidArgumentError, match=r"status: must be one of working, input_"):
        store.update_status("o", task_id, unknown)


def test_variables_are_merged_and_null_removes(store: GenericTaskStore) -> None:
    task_id = store.create("o", "tools/call", variables={"a": 1, "b": 2, "n": None}).record.task_id
    assert store.get("o", task_id).record.variables == {"a": 1, "b": 2}
    merged = store.set_variables("o", task_id, {"a": None, "c": {"d": None}, "absent": None})
    assert merged.record.variables == {"b": 2, "c": {"d": None}}
    assert store.get("o", task_id) == merged


def test_what_was_handed_in_is_copied(store: GenericTaskStore) -> None:
    variables, result = {"a": [1]}, {"b": [2]}
    task_id = store.create("o", "tools/call", variables=variables).record.task_id
    changed = store.set_variables("o", task_id, variables)
    ended = store.complete_with_result("o", task_id, TaskStatus.COMPLETED, result)
    variables["a"].append(9)
    result["b"].append(9)
    assert changed.record.variables == {"a": [1]}
    assert ended.record.result == store.get_result("o", task_id) == {"b": [2]}


@pytest.mark.parametrize("status", ENDED)
def test_a_result_and_the_end_are_one_write(
    store: GenericTaskStore, backend: CountingBackend, status: TaskStatus
) -> None:
    task_id = store.create("o", "tools/call").record.task_id
    ended = store.complete_with_result("o", task_id, status, {"content": [1]}, "done")
    assert (ended.version, backend.requests["put_if_version"]) == (2, 1)
    assert (ended.record.status, ended.record.task.status_message) == (status, "done")
    assert store.get_result("o", task_id) == {"content": [1]}


@pytest.mark.parametrize("status", [WORKING, INPUT])
def test_only_an_end_comes_with_a_result(store: GenericTaskStore, status: TaskStatus) -> None:
    task_id = store.create("o", "tools/call").record.task_id
    with pytest.raises(InvalidArgumentError, match="status: must be one of completed, failed"):
        store.complete_with_result("o", task_id, status, 1)
    assert store.get("o", task_id).version == 1


@pytest.mark.parametrize("status", ENDED)
def test_a_task_that_has_ended_takes_no_change(
    store: GenericTaskStore, backend: CountingBackend, status: TaskStatus
) -> None:
    backend.create(make(status=status, result="first"))
    with pytest.raises(TaskEndedError) as error:
        store.set_variables("o", "t", {"a": 1})
    assert (error.value.task_id, error.value.status) == ("t", status)
    with pytest.raises(TaskEndedError):
        store.set_result("o", "t", "second")
    with pytest.raises(InvalidTransitionError):
        store.complete_with_result("o", "t", TaskStatus.COMPLETED, "second")
    with pytest.raises(InvalidTransitionError):
        store.cancel("o", "t")
    assert (store.get("o", "t").version, store.get_result("o", "t")) == (1, "first")


def test_a_result_before_the_end_waits_for_it(store: GenericTaskStore) -> None:
    task_id = store.create("o", "tools/call").record.task_id
    with pytest.raises(TaskNotReadyError) as error:
        store.get_result("o", task_id)
    assert (error.value.task_id, error.value.status) == (task_id, WORKING)
    assert store.set_result("o", task_id, [0]).record.status is WORKING
    with pytest.raises(TaskNotReadyError):
        store.get_result("o", task_id)
    store.update_status("o", task_id, TaskStatus.COMPLETED)
    assert store.get_result("o", task_id) == [0]


@pytest.mark.parametrize("result", [0, False, "", [], {}])
def test_an_empty_result_is_a_result(store: GenericTaskStore, result: Any) -> None:
    task_id = store.create("o", "tools/call").record.task_id
    store.complete_with_result("o", task_id, TaskStatus.COMPLETED, result)
    assert store.get_result("o", task_id) == result


def test_a_task_that_ended_without_a_result(store: GenericTaskStore) -> None:
    task_id = store.create("o", "tools/call").record.task_id
    assert store.cancel("o", task_id).record.status is TaskStatus.CANCELLED
    with pytest.raises(NoResultError) as error:
        store.get_result("o", task_id)
    assert (error.value.task_id, error.value.status) == (task_id, "cancelled")


def test_deleting(store: GenericTaskStore, backend: CountingBackend) -> None:
    task_id = store.create("o", "tools/call").record.task_id
    assert store.delete("another", task_id) is False
    assert store.delete("o", task_id) is True
    assert store.delete("o", task_id) is False
    backend.create(expired())
    assert store.delete("o", "t") is False


def test_cleaning_up_removes_the_expired_of_all_owners(
    store: GenericTaskStore, backend: CountingBackend
) -> None:
    backend.create(expired("x", "one"))
    backend.create(expired("y", "two"))
    live = store.create("one", "tools/call")
    assert (store.cleanup_expired(), store.cleanup_expired()) == (2, 0)
    assert store.list("one").tasks == [live]


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_expired_foreign_and_absent_tasks_are_the_same(
    operation: Callable[[GenericTaskStore, str], object],
) -> None:
    seen = []
    for record in (None, make(owner_id="another"), expired()):
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
def test_nobody_owns_nothing_unless_allowed(backend: CountingBackend, owner_id: str) -> None:
    backend.create(make(owner_id="local"))
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


CHANGES = ("update_status", "set_variables", "set_result", "complete_with_result", "cancel")


@pytest.mark.parametrize("name", CHANGES)
def test_unknown_fields_survive_every_change(backend: CountingBackend, name: str) -> None:
    record = make(inputRequests={"q": [1]}, unknown_of_task={"inputResponses": {"a": None}})
    backend.create(record)
    OPERATIONS[name](GenericTaskStore(backend), "o")
    stored = backend.get("o", "t").record
    assert stored != record
    assert stored.__pydantic_extra__ == {"inputRequests": {"q": [1]}}
    assert stored.task.__pydantic_extra__ == {"inputResponses": {"a": None}}


@pytest.mark.parametrize("name", CHANGES)
def test_every_change_moves_the_time_of_update_and_no_expiry(
    backend: CountingBackend, name: str
) -> None:
    old = datetime.now(UTC) - HOUR
    backend.create(make(createdAt=old, lastUpdatedAt=old))
    before = backend.get("o", "t").record
    now = datetime.now(UTC).replace(microsecond=0)
    OPERATIONS[name](GenericTaskStore(backend), "o")
    after = backend.get("o", "t").record
    assert after.task.last_updated_at >= now
    assert (after.expires_at, after.task.created_at) == (before.expires_at, before.task.created_at)


@pytest.mark.parametrize("name", CHANGES)
def test_a_clock_that_was_set_back_moves_no_time_back(backend: CountingBackend, name: str) -> None:
    ahead = datetime.now(UTC) + HOUR / 2
    backend.create(make(lastUpdatedAt=ahead))
    before = backend.get("o", "t").record.task.last_updated_at
    OPERATIONS[name](GenericTaskStore(backend), "o")
    assert backend.get("o", "t").record.task.last_updated_at == before


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_two_requests(backend: CountingBackend, name: str) -> None:
    backend.create(make())
    backend.requests.clear()
    OPERATIONS[name](GenericTaskStore(backend), "o")
    assert backend.requests == {"get": 1, "put_if_version": 1}


def test_creating_is_one_request_and_counting_one(backend: CountingBackend) -> None:
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
        ("message", lambda store: store.update_status("o", "t", INPUT, 7)),
        ("message", lambda store: store.update_status("o", "t", INPUT, "\ud800")),
        ('result["a"]', lambda store: store.set_result("o", "t", {"a": {1}})),
        ("limit", lambda store: store.list("o", limit=0)),
        ("limit", lambda store: store.list("o", limit=True)),
    ],
)
def test_what_no_task_can_have_is_refused_by_name_before_any_request(
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


def test_every_method_says_what_it_does() -> None:
    for name in (*OPERATIONS, "create", "list", "delete", "cleanup_expired"):
        assert getattr(GenericTaskStore, name).__doc__


def test_only_minting_an_id_needs_a_library_for_it(
    store: GenericTaskStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "uuid_utils", None)
    assert store.create("o", "tools/call", task_id="t").version == 1
    with pytest.raises(ModuleNotFoundError, match="needs uuid-utils: pip install uuid-utils"):
        store.create("o", "tools/call")
    code = "import sys; import pmcp_storage.store.task_store; sys.exit('uuid_utils' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
