"""A page of a listing, filtered and ordered as by the SDK's own stores.

Latest status first, tasks without a time last, and those of the same time by descending id. A page
token is the SDK's own: it carries the position of a page's last task, so that it stays valid when
that task changes or is deleted, at every replica.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from heapq import heappop, heappush
from operator import itemgetter

from a2a.types.a2a_pb2 import ListTasksRequest, ListTasksResponse, Task
from a2a.utils.constants import DEFAULT_LIST_TASKS_PAGE_SIZE
from a2a.utils.errors import InvalidParamsError
from a2a.utils.task import ListTasksCursor, decode_list_tasks_cursor, encode_list_tasks_cursor

_Position = tuple[bool, int, str]
"""Where a task stands in a listing: a greater one comes first."""


async def read_page(tasks: AsyncIterator[Task], params: ListTasksRequest) -> ListTasksResponse:
    """The page that `params` ask for, of all tasks of an owner, and how many match in all.

    Holds one task more than the page at most. Raises InvalidParamsError for a token that is not
    one.
    """
    size = params.page_size or DEFAULT_LIST_TASKS_PAGE_SIZE
    total, latest = await _count_and_keep(tasks, params, size + 1)
    page = [task for _, task in sorted(latest, key=itemgetter(0), reverse=True)]
    more = len(page) > size
    return ListTasksResponse(
        tasks=page[:size],
        next_page_token=encode_list_tasks_cursor(_cursor(page[size - 1])) if more else None,
        total_size=total,
        page_size=size,
    )


async def _count_and_keep(
    tasks: AsyncIterator[Task], params: ListTasksRequest, most: int
) -> tuple[int, list[tuple[_Position, Task]]]:
    """How many tasks match, and the first `most` of them from where the page begins."""
    before = _begin(params.page_token)
    total = 0
    latest: list[tuple[_Position, Task]] = []  # a heap, whose first is the oldest
    async for task in tasks:
        if not _matches(task, params):
            continue
        total += 1
        position = _cursor(task).sort_key()
        if before is None or position < before:
            heappush(latest, (position, task))
        if len(latest) > most:
            heappop(latest)
    return total, latest


def _begin(page_token: str) -> _Position | None:
    """The position below which the page begins; None for the first page."""
    if not page_token:
        return None
    cursor = decode_list_tasks_cursor(page_token)
    if cursor is None:
        raise InvalidParamsError(f"Invalid page token: {page_token}")
    return cursor.sort_key()


def _cursor(task: Task) -> ListTasksCursor:
    timestamp = task.status.timestamp.ToNanoseconds() if _is_timed(task) else None
    return ListTasksCursor(timestamp_ns=timestamp, task_id=task.id)


def _is_timed(task: Task) -> bool:
    return task.HasField("status") and task.status.HasField("timestamp")


def _matches(task: Task, params: ListTasksRequest) -> bool:
    if params.context_id and task.context_id != params.context_id:
        return False
    if params.status and task.status.state != params.status:
        return False
    if not params.HasField("status_timestamp_after"):
        return True
    since = params.status_timestamp_after.ToNanoseconds()
    return _is_timed(task) and task.status.timestamp.ToNanoseconds() >= since
