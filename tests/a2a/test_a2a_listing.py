"""Listings are those of the SDK's own store in memory, page by page and token by token."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

pytest.importorskip("a2a.server", reason="a2a-sdk is not installed")

from a2a.server.tasks import InMemoryTaskStore
from a2a.types.a2a_pb2 import ListTasksRequest, ListTasksResponse, TaskState
from a2a.utils.errors import InvalidParamsError
from a2a.utils.task import encode_page_token
from google.protobuf.timestamp_pb2 import Timestamp

from pmcp_storage import AsyncStorageBackend, StorageBackend
from pmcp_storage.a2a import BackendTaskStore
from support.a2a_support import (
    CANCELED,
    COMPLETED,
    SUBMITTED,
    WORKING,
    caller,
    in_event_loop,
    make_task,
)
from support.store_support import CountingBackend

TASKS = 130
"""More than a backend gives in one page."""

UNSPECIFIED = TaskState.TASK_STATE_UNSPECIFIED
STATES = (UNSPECIFIED, SUBMITTED, WORKING, COMPLETED, CANCELED)

EPOCH = 1_800_000_000


@in_event_loop
async def test_listings_are_those_of_the_sdk(
    backend: StorageBackend | AsyncStorageBackend, alice: str
) -> None:
    random, context = Random(5), caller(alice)
    theirs, ours = InMemoryTaskStore(), BackendTaskStore(backend)
    for number in random.sample(range(TASKS), TASKS):
        task = random_task(random, f"task {number}")
        await theirs.save(task, context)
        await ours.save(task, context)
    kinds = set()
    for _ in range(16):
        params = random_request(random)
        while True:
            page = await ours.list(params, context)
            assert page == await theirs.list(params, context)
            kinds.add((bool(page.tasks), bool(page.next_page_token)))
            if not page.next_page_token:
                break
            params.page_token = page.next_page_token
    assert kinds == {(True, True), (True, False), (False, False)}, "this tries too little"


def random_task(random: Random, task_id: str) -> Any:
    task = make_task(task_id, random.choice(STATES), random.choice("abc"))
    if random.random() < 0.8:
        at = Timestamp(seconds=EPOCH + random.randrange(9), nanos=random.choice((0, 1, 10**9 - 1)))
        task.status.timestamp.CopyFrom(at)
    if random.random() < 0.1:
        task.ClearField("status")
    return task


def random_request(random: Random) -> ListTasksRequest:
    params = ListTasksRequest(page_size=random.choice((0, 7, 40, 100)))
    params.context_id = random.choice(("", "", "a", "b", "nobody's"))
    params.status = random.choice((UNSPECIFIED, UNSPECIFIED, *STATES))
    if random.random() < 0.5:
        since = random.choice((0, EPOCH + random.randrange(10)))
        params.status_timestamp_after.CopyFrom(Timestamp(seconds=since, nanos=random.randrange(2)))
    return params


@in_event_loop
async def test_a_page_token_outlives_the_task_that_it_names(alice: str) -> None:
    context, store = caller(alice), BackendTaskStore(CountingBackend())
    for name in "abcd":
        await store.save(make_task(name), context)
    first = await store.list(ListTasksRequest(page_size=2), context)
    await store.delete("c", context)
    rest = await store.list(ListTasksRequest(page_token=first.next_page_token), context)
    assert ids(first) == ["d", "c"]
    assert ids(rest) == ["b", "a"]
    assert (first.total_size, rest.total_size) == (4, 3)


@pytest.mark.parametrize("token", ["made up", "e30", encode_page_token("a")])
@in_event_loop
async def test_a_token_that_is_not_one_is_refused(alice: str, token: str) -> None:
    store = BackendTaskStore(CountingBackend())
    await store.save(make_task("a"), caller(alice))
    with pytest.raises(InvalidParamsError, match="Invalid page token"):
        await store.list(ListTasksRequest(page_token=token), caller(alice))


@in_event_loop
async def test_a_listing_takes_a_request_for_each_hundred_tasks(alice: str) -> None:
    backend = CountingBackend()
    store = BackendTaskStore(backend)
    for number in range(TASKS):
        await store.save(make_task(f"{number}"), caller(alice))
    backend.requests.clear()
    assert (await store.list(ListTasksRequest(page_size=1), caller(alice))).total_size == TASKS
    assert backend.requests == {"list_by_owner": 2}


def ids(page: ListTasksResponse) -> list[str]:
    return [task.id for task in page.tasks]
