"""A page of a listing, filtered and ordered as by the SDK's own stores.

Latest status first, tasks without a time last, and those of the same time by descending id. A page
token is the SDK's own: it carries the position of a page's last task, so that it stays valid when
that task changes or is deleted, at every replica.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from heapq import heappop, heappush

from a2a.types.a2a_pb2 import ListTasksRequest, ListTasksResponse, Task
from a2a.utils.constants import DEFAULT_LIST_TASKS_PAGE_SIZE
from a2a.utils.errors import InvalidParamsError
from a2a.utils.task import ListTasksCursor, decode_list_tasks_cursor, encode_list_tasks_cursor


async def read_page(tasks: AsyncIterator[Task], params: ListTasksRequest) -> ListTasksResponse:
    """The page that `params` ask for, of all tasks of an owner, and how many match in all.

    Holds no more tasks than the page has. Raises InvalidParamsError for a token that is not one.
    """
    before = _position(params.page_token)
    size = params.page_size or DEFAULT_LIST_TASKS_PAGE_SIZE
    total = 0
    latest: list[tuple[tuple[bool, int, str], Task]] = []  # a heap, whose first is the oldest
    async for task in tasks:
        if not _matches(task, params):
            continue
        total += 1
        position = _cursor(task).sort_key()
        if before is None or position < before:
            heappush(latest, (position, task))
        if len(latest) > size + 1:
            heappop(latest)
    page = [task for _, task in sorted(latest, key=lambda entry: entry[0], reverse=True)]
    return ListTasksResponse(
        tasks=page[:size],
        next_page_token=encode_list_tasks_cursor(_cursor(page[size - 1]))
        if len(page) > size
        else None,
        total_size=total,
        page_size=size,
    )


def _position(page_token: str) -> tuple[bool, int, str] | None:
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
