"""Listings: order, pages, cursors, and tasks that have expired or gone in between."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from pmcp_storage import (
    GenericTaskStore,
    InMemoryBackend,
    InvalidArgumentError,
    InvalidCursorError,
    StoreConfig,
    VersionedRecord,
)
from support.records import make_record
from support.store_support import CountingBackend, expired


def pages(store: GenericTaskStore, limit: int | None = None) -> list[list[VersionedRecord]]:
    page = store.list("o", limit=limit)
    found = [page.tasks]
    while page.next_cursor is not None:
        page = store.list("o", limit=limit, cursor=page.next_cursor)
        found.append(page.tasks)
    return found


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 6, 7, None])
def test_pages_hold_every_task_once_newest_first(store: GenericTaskStore, limit: int) -> None:
    made = [store.create("o", "tools/call") for _ in range(6)]
    store.create("another", "tools/call")
    found = pages(store, limit)
    assert [task for page in found for task in page] == made[::-1]
    assert [len(page) for page in found[:-1]] == [limit] * (len(found) - 1)
    assert len(found) == (1 if limit is None else -(-6 // limit))


def test_the_page_size_is_configured(backend: CountingBackend) -> None:
    store = GenericTaskStore(backend, StoreConfig(page_size=3))
    for _ in range(4):
        store.create("o", "tools/call")
    assert [len(page) for page in pages(store)] == [3, 1]
    assert len(GenericTaskStore(backend).list("o").tasks) == 4


def test_an_owner_without_tasks_has_one_empty_page(store: GenericTaskStore) -> None:
    assert pages(store) == [[]]


def test_expired_tasks_are_left_out_and_no_other_is(
    store: GenericTaskStore, backend: CountingBackend
) -> None:
    for number in range(40):
        backend.create((expired if number % 3 else make_record)(f"{number:02}"))
    for limit in (1, 2, 5, 14, 50):
        found = [task.record.task_id for page in pages(store, limit) for task in page]
        assert found == [f"{number:02}" for number in range(39, -1, -3)]


def test_a_page_costs_few_requests_however_many_tasks_have_expired(
    store: GenericTaskStore, backend: CountingBackend
) -> None:
    backend.create(make_record("000"))
    for number in range(1, 100):
        backend.create(expired(f"{number:03}"))
    backend.requests.clear()
    first = store.list("o", limit=5)
    assert first.tasks == []
    assert first.next_cursor is not None
    assert backend.requests == {"list_by_owner": 4}
    assert [task.record.task_id for page in pages(store, 5) for task in page] == ["000"]


def test_a_page_is_read_with_one_request_for_little_more_than_itself(
    store: GenericTaskStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    genuine = InMemoryBackend._list_by_owner

    def listing(self: InMemoryBackend, owner_id: str, **bounds: Any) -> list[VersionedRecord]:
        asked.append(bounds["limit"])
        return genuine(self, owner_id, **bounds)

    monkeypatch.setattr(CountingBackend, "_list_by_owner", listing)
    for _ in range(300):
        store.create("o", "tools/call")
    page = store.list("o", limit=5)
    store.list("o", limit=5, cursor=page.next_cursor)
    assert asked == [6, 6]


def test_a_cursor_works_after_its_task_has_been_deleted(
    store: GenericTaskStore, backend: CountingBackend
) -> None:
    made = [store.create("o", "tools/call") for _ in range(4)]
    page = store.list("o", limit=2)
    store.delete("o", page.tasks[-1].record.task_id)
    newer = store.create("o", "tools/call")
    rest = GenericTaskStore(backend).list("o", cursor=page.next_cursor)
    assert rest.tasks == made[1::-1]
    assert newer not in rest.tasks


def test_a_cursor_for_another_owner_is_refused(store: GenericTaskStore) -> None:
    for owner_id in ("o", "another"):
        for _ in range(2):
            store.create(owner_id, "tools/call")
    cursor = store.list("another", limit=1).next_cursor
    with pytest.raises(InvalidCursorError, match="did not come from a listing of this owner"):
        store.list("o", cursor=cursor)
    assert len(store.list("another", cursor=cursor).tasks) == 1


def test_a_damaged_or_invented_cursor_is_refused(
    store: GenericTaskStore, backend: CountingBackend
) -> None:
    for _ in range(2):
        store.create("o", "tools/call")
    page = store.list("o", limit=1)
    cursor, task_id = page.next_cursor, page.tasks[0].record.task_id
    assert cursor is not None
    damaged = {cursor[:place] + "-" + cursor[place + 1 :] for place in range(len(cursor))}
    invented = {"", " ", "x", "é", "\0", cursor + "=", cursor + " ", cursor[:-4], cursor * 2}
    invented |= {task_id, base64.urlsafe_b64encode(task_id.encode()).decode(), "A" * 10_000}
    backend.requests.clear()
    for wrong in (damaged | invented) - {cursor}:
        with pytest.raises(InvalidCursorError):
            store.list("o", cursor=wrong)
    assert not backend.requests


def test_a_cursor_that_is_no_str_is_refused(store: GenericTaskStore) -> None:
    cursor: Any = 5
    with pytest.raises(InvalidArgumentError, match="cursor: must be a str, not int"):
        store.list("o", cursor=cursor)


def test_a_cursor_works_for_any_id(store: GenericTaskStore) -> None:
    ids = ["é" * 128, "a\nb", "\U0010ffff", " "]
    for task_id in ids:
        store.create("o", "tools/call", task_id=task_id)
    found = [task.record.task_id for page in pages(store, 1) for task in page]
    assert found == sorted(ids, reverse=True)
