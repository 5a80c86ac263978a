"""The limits of the store, and their configuration."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Any

import pytest

from pmcp_storage import (
    GenericTaskStore,
    InMemoryBackend,
    InvalidArgumentError,
    InvalidTtlError,
    InvalidVariablesError,
    StoreConfig,
    TaskQuotaError,
    TaskRecord,
    TaskStatus,
    TaskTooLargeError,
)
from support.store_support import CountingBackend, expired


@pytest.fixture
def backend() -> CountingBackend:
    return CountingBackend()


@pytest.fixture
def store(backend: CountingBackend) -> GenericTaskStore:
    return GenericTaskStore(backend)


def nested(levels: int) -> dict[str, Any]:
    """Variables nested that many levels deep: an object, then lists and objects in turn."""
    value: Any = 1
    for level in range(levels - 1, 0, -1):
        value = [value] if level % 2 else {"k": value}
    return {"k": value}


@pytest.mark.parametrize("ttl_ms", [0, -1, 86_400_001, 10**5000], ids=["0", "-1", "over", "vast"])
def test_a_ttl_out_of_bounds_is_refused(store: GenericTaskStore, ttl_ms: int) -> None:
    with pytest.raises(InvalidTtlError, match="ttl_ms must be from 1 to 86400000 milli") as error:
        store.create("o", "tools/call", ttl_ms=ttl_ms)
    assert (error.value.ttl_ms, error.value.max_ttl_ms) == (ttl_ms, 86_400_000)
    assert store.list("o").tasks == []


@pytest.mark.parametrize("ttl_ms", [True, 1.5, "1000", float("inf")])
def test_a_ttl_that_is_no_int_is_refused(store: GenericTaskStore, ttl_ms: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="ttl_ms: must be an int, not "):
        store.create("o", "tools/call", ttl_ms=ttl_ms)


def test_the_longest_ttl_is_accepted(store: GenericTaskStore) -> None:
    assert store.create("o", "tools/call", ttl_ms=86_400_000).record.task.ttl == 86_400_000


@pytest.mark.parametrize("name", ["create", "set_variables", "set_result", "update_status"])
def test_the_size_limit_applies_to_the_whole_record_to_the_byte(name: str) -> None:
    text = "ü" * 20_000

    def grow(store: GenericTaskStore) -> TaskRecord:
        if name == "create":
            return store.create("o", "tools/call", task_id="t", variables={"é": text}).record
        store.create("o", "tools/call", task_id="t")
        if name == "set_variables":
            return store.set_variables("o", "t", {"é": text}).record
        if name == "set_result":
            return store.set_result("o", "t", text).record
        return store.update_status("o", "t", TaskStatus.INPUT_REQUIRED, text).record

    size = len(grow(GenericTaskStore(InMemoryBackend())).to_json().encode())
    fits = StoreConfig(max_record_bytes=size, max_string_bytes=40_000)
    exact = GenericTaskStore(InMemoryBackend(), fits)
    assert len(grow(exact).to_json().encode()) == size
    tight = StoreConfig(max_record_bytes=size - 1, max_string_bytes=40_000)
    less = GenericTaskStore(InMemoryBackend(), tight)
    with pytest.raises(TaskTooLargeError) as error:
        grow(less)
    assert (error.value.size, error.value.limit) == (size, size - 1)
    assert [found.version for found in less.list("o").tasks] == ([] if name == "create" else [1])


def test_variables_and_result_share_the_limit(store: GenericTaskStore) -> None:
    task_id = store.create("o", "tools/call").record.task_id
    for key in "abc":
        store.set_variables("o", task_id, {key: "x" * 60_000})
    with pytest.raises(TaskTooLargeError):
        store.complete_with_result("o", task_id, TaskStatus.COMPLETED, "x" * 200_000)
    found = store.get("o", task_id)
    assert (found.version, found.record.status) == (4, TaskStatus.WORKING)


def test_a_task_at_the_size_limit_can_be_cancelled() -> None:
    probe = GenericTaskStore(InMemoryBackend()).create("o", "tools/call", task_id="t").record
    size = len(probe.to_json().encode())
    config = StoreConfig(max_record_bytes=size, max_string_bytes=size)
    store = GenericTaskStore(InMemoryBackend(), config)
    store.create("o", "tools/call", task_id="t")
    assert store.cancel("o", "t").record.status is TaskStatus.CANCELLED


@pytest.mark.parametrize("levels", [1, 2, 9, 10, 11, 12, 50])
def test_variables_are_ten_levels_deep_at_most(store: GenericTaskStore, levels: int) -> None:
    task_id = store.create("o", "tools/call").record.task_id
    if levels <= 10:
        assert store.set_variables("o", task_id, nested(levels)).record.variables == nested(levels)
        assert store.create("o", "tools/call", variables=nested(levels)).version == 1
        return
    with pytest.raises(InvalidVariablesError, match="nested deeper than 10 levels") as error:
        store.set_variables("o", task_id, nested(levels))
    assert error.value.place.startswith('variables["k"]')
    with pytest.raises(InvalidVariablesError):
        store.create("o", "tools/call", variables=nested(levels))
    assert store.get("o", task_id).version == 1


@pytest.mark.parametrize(
    ("variables", "place"),
    [
        ({"a": ["b", "ü" * 32_769]}, 'variables["a"][1]'),
        ({"a": {"ü" * 32_769: 1}}, 'variables["a"]'),
        ({"ü" * 32_769: 1}, "variables"),
    ],
)
def test_a_string_or_key_over_the_limit_is_refused_with_its_place(
    store: GenericTaskStore, variables: dict[str, Any], place: str
) -> None:
    with pytest.raises(InvalidVariablesError, match="of 65538 bytes is over the") as error:
        store.create("o", "tools/call", variables=variables)
    assert error.value.place == place
    fitting = {"a": "ü" * 32_768, "ü" * 32_768: 1}
    assert store.create("o", "tools/call", variables=fitting).record.variables == fitting


def test_the_limit_of_strings_does_not_apply_to_results(store: GenericTaskStore) -> None:
    task_id = store.create("o", "tools/call").record.task_id
    assert store.set_result("o", task_id, "x" * 100_000).version == 2


@pytest.mark.parametrize(
    ("variables", "text"),
    [
        ([1], "variables: must be a dict, not list"),
        ({1: 2}, "variables: an object key must be a string, not int"),
        ({"a": [float("nan")]}, 'variables["a"][0]: nan is not JSON'),
        ({"a": {"b": datetime(2026, 1, 1, tzinfo=UTC)}}, 'variables["a"]["b"]: datetime is not'),
    ],
)
def test_variables_that_are_not_json_are_refused_with_the_place(
    store: GenericTaskStore, variables: Any, text: str
) -> None:
    with pytest.raises(InvalidVariablesError) as error:
        store.create("o", "tools/call", variables=variables)
    assert str(error.value).startswith(text)


def test_the_quota_counts_unexpired_tasks(backend: CountingBackend) -> None:
    store = GenericTaskStore(backend, StoreConfig(max_tasks_per_owner=2))
    for number in range(5):
        backend.create(expired(f"expired {number}"))
    store.create("o", "tools/call")
    ended = store.create("o", "tools/call").record.task_id
    store.cancel("o", ended)
    with pytest.raises(TaskQuotaError) as error:
        store.create("o", "tools/call")
    assert (error.value.owner_id, error.value.limit, error.value.code) == ("o", 2, -32603)
    assert len(store.list("o").tasks) == 2
    assert store.create("another", "tools/call").version == 1
    store.delete("o", ended)
    assert store.create("o", "tools/call").version == 1


def test_without_a_quota_any_number_of_tasks_is_accepted(backend: CountingBackend) -> None:
    store = GenericTaskStore(backend, StoreConfig(max_tasks_per_owner=None))
    for _ in range(150):
        store.create("o", "tools/call")
    assert backend.requests == {"create": 150}


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"default_ttl_ms": 86_400_001}, "must not exceed max_ttl_ms"),
        ({"max_ttl_ms": 1_000}, "must not exceed max_ttl_ms"),
        ({"max_string_bytes": 400_000}, "must not exceed max_record_bytes"),
        ({"max_ttl_ms": 10**15}, "max_ttl_ms"),
        ({"max_tasks_per_owner": 0}, "max_tasks_per_owner"),
        ({"page_size": 0}, "page_size"),
        ({"page_size": 5.0}, "page_size"),
        ({"max_record_bytes": True}, "max_record_bytes"),
        ({"max_variable_depth": 129}, "max_variable_depth"),
        ({"poll_interval_ms": -1}, "poll_interval_ms"),
        ({"allow_anonymous": "yes"}, "allow_anonymous"),
        ({"max_task_per_owner": 5}, "max_task_per_owner"),
    ],
)
def test_a_configuration_that_contradicts_itself_is_refused(
    settings: dict[str, Any], text: str
) -> None:
    with pytest.raises(ValueError, match=text):
        StoreConfig(**settings)


def test_a_configuration_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        StoreConfig().page_size = 5


def test_unfinished_tasks_have_a_quota_of_their_own(backend: CountingBackend) -> None:
    config = StoreConfig(max_unfinished_per_owner=2, max_tasks_per_owner=1_000)
    store = GenericTaskStore(backend, config)
    first = store.create("o", "tools/call", task_id="0").record.task_id
    for number in range(300):
        store.create("o", "tools/call", task_id=f"{number:03}")
        store.cancel("o", f"{number:03}")
    store.create("o", "tools/call", task_id="1")
    backend.requests.clear()
    with pytest.raises(TaskQuotaError, match="there are 2 unfinished tasks") as error:
        store.create("o", "tools/call")
    assert (error.value.limit, error.value.unfinished) == (2, True)
    assert backend.requests == {"list_by_owner": 2}
    store.cancel("o", first)
    store.create("o", "tools/call")


def test_unfinished_tasks_alone_can_have_a_quota(backend: CountingBackend) -> None:
    store = GenericTaskStore(
        backend, StoreConfig(max_unfinished_per_owner=1, max_tasks_per_owner=None)
    )
    for _ in range(150):
        store.cancel("o", store.create("o", "tools/call").record.task_id)
    store.create("o", "tools/call")
    backend.requests.clear()
    with pytest.raises(TaskQuotaError):
        store.create("o", "tools/call")
    assert backend.requests == {"list_by_owner": 1}


def test_a_quota_of_unfinished_tasks_over_that_of_all_is_refused() -> None:
    with pytest.raises(ValueError, match=r"max_unfinished_per_owner \(101\) must not exceed"):
        StoreConfig(max_unfinished_per_owner=101)


def test_a_tool_call_fits_into_its_limits() -> None:
    store = GenericTaskStore(InMemoryBackend(), StoreConfig.for_tool_calls())
    call = {"params": {"arguments": {"text": "x" * 70_000, "deep": nested(32)}}}
    assert store.create("o", "tools/call", variables=call).record.variables == call
    for _ in range(150):
        store.cancel("o", store.create("o", "tools/call").record.task_id)


def test_the_limits_for_tool_calls_can_be_changed() -> None:
    config = StoreConfig.for_tool_calls(page_size=3, max_unfinished_per_owner=None)
    assert config.page_size == 3
    assert config.max_unfinished_per_owner is None
    assert config.max_variable_depth == 64


def test_random_ids_need_no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uuid_utils", None)
    store = GenericTaskStore(InMemoryBackend(), StoreConfig(random_ids=True))
    assert len(store.create("o", "tools/call").record.task_id) == 32
    with pytest.raises(ModuleNotFoundError, match="needs uuid-utils"):
        GenericTaskStore(InMemoryBackend()).mint_task_id()
