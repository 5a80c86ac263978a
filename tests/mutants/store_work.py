"""Mutants of STORE: limits, listings and races."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from datetime import datetime
from threading import get_ident
from time import sleep
from typing import Any

from mutants.store import Seam
from pmcp_storage import (
    AsyncTaskStore,
    BackendError,
    GenericTaskStore,
    InMemoryBackend,
    InvalidCursorError,
    InvalidVariablesError,
    MemoryStorage,
    NotFoundError,
    StoreConfig,
    TaskConflictError,
    TaskNotFoundError,
    TaskPage,
    TaskRecord,
    TaskTooLargeError,
    VersionedRecord,
)


class QuotaCountsTheExpired(InMemoryBackend):
    """breaks STORE-21: the count does not leave out the expired, and locks their owner out."""

    def _count_by_owner(
        self, owner_id: str, *, live_at: datetime | None, at_most: int | None
    ) -> int:
        return super()._count_by_owner(owner_id, live_at=None, at_most=at_most)


class QuotaCountsTheWorking(Seam):
    """breaks STORE-21: tasks that have ended do not count, so that results pile up."""

    def create(self, owner_id: str, *args: Any, **kwargs: Any) -> VersionedRecord:
        live = GenericTaskStore.list(self, owner_id).tasks
        ended = sum(found.record.status.is_terminal for found in live)
        quota = (self.config.max_tasks_per_owner or 100) + ended
        return self.lifted(max_tasks_per_owner=quota).create(owner_id, *args, **kwargs)


class QuotaIsOneOff(Seam):
    """breaks STORE-21: > in place of >=, as if the new task were counted already."""

    def create(self, *args: Any, **kwargs: Any) -> VersionedRecord:
        quota = (self.config.max_tasks_per_owner or 100) + 1
        return self.lifted(max_tasks_per_owner=quota).create(*args, **kwargs)


class CountsCharacters(Seam):
    """breaks STORE-22: the limit is of characters, and text that is not ASCII goes over it."""

    def set_result(self, owner: str, task: str, result: Any) -> VersionedRecord:
        record = self.get(owner, task).record.model_copy(update={"result": result})
        size, limit = len(record.to_json()), self.config.max_record_bytes
        if size > limit:
            raise TaskTooLargeError(size, limit)
        return self.lifted(max_record_bytes=10**6).set_result(owner, task, result)


class MeasuresTheChangeAlone(Seam):
    """breaks STORE-22: only what is handed in is measured, so that many small changes grow a task
    without bound.
    """

    def set_variables(self, owner: str, task: str, variables: Any) -> VersionedRecord:
        record = self.get(owner, task).record.model_copy(update={"variables": variables})
        size, limit = len(record.to_json().encode()), self.config.max_record_bytes
        if size > limit:
            raise TaskTooLargeError(size, limit)
        return self.lifted(max_record_bytes=10**6).set_variables(owner, task, variables)


class MessagesAreNotMeasured(Seam):
    """breaks STORE-22: a task can grow over the limit by its message."""

    def update_status(self, *args: Any) -> VersionedRecord:
        return self.lifted(max_record_bytes=10**6).update_status(*args)


class DepthOfObjectsOnly(Seam):
    """breaks STORE-23: lists do not count as levels."""

    def set_variables(self, owner: str, task: str, variables: Any) -> VersionedRecord:
        return self.lifted(max_variable_depth=5).set_variables(owner, task, variables)


class KeysAreNotMeasured(Seam):
    """breaks STORE-23: only values are held to the limit of strings."""

    def set_variables(self, owner: str, task: str, variables: Any) -> VersionedRecord:
        try:
            return super().set_variables(owner, task, variables)
        except InvalidVariablesError:
            if not any(len(key.encode()) > 20 for key in variables):
                raise
            return self.lifted(max_string_bytes=1_000).set_variables(owner, task, variables)


class ReadsBackWhatItWrote(Seam):
    """breaks STORE-24: each change is read back, a request more than it takes."""

    def cancel(self, owner_id: str, task_id: str) -> VersionedRecord:
        super().cancel(owner_id, task_id)
        return self.get(owner_id, task_id)


class CountsWithoutAQuota(Seam):
    """breaks STORE-24: create counts the owner's tasks also where nothing limits them."""

    def create(self, owner_id: str, *args: Any, **kwargs: Any) -> VersionedRecord:
        self.below.count_by_owner(owner_id)
        return super().create(owner_id, *args, **kwargs)


class OldestFirst(Seam):
    """breaks STORE-25: a page is in the order of creation."""

    def list(self, *args: Any, **kwargs: Any) -> TaskPage:
        page = super().list(*args, **kwargs)
        return TaskPage(page.tasks[::-1], page.next_cursor)


class PagesOverlap(InMemoryBackend):
    """breaks STORE-25: a page begins with the last task of the one before: >= in place of >."""

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        found = super()._list_by_owner(owner_id, limit=limit, after=after)
        return found if after is None else [self._get(owner_id, after), *found][:limit]


class ShortPages(Seam):
    """breaks STORE-25: the expired are taken out of a page after its tasks were counted, and a
    page without any task ends the listing.
    """

    def list(self, owner_id: str, **options: Any) -> TaskPage:
        page = super().list(owner_id, **options)
        return page if len(page.tasks) != 1 else TaskPage(page.tasks, None)


class CursorsNeedTheirTask(InMemoryBackend):
    """breaks STORE-26: a page begins where the cursor's task stands, and ends where it is gone."""

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        with self._storage.lock:
            gone = after is not None and (owner_id, after) not in self._storage.rows
        return [] if gone else super()._list_by_owner(owner_id, limit=limit, after=after)


class CursorsLiveInTheStore(Seam):
    """breaks STORE-26: the store remembers its cursors, and no other process knows them."""

    def __init__(self, backend: Any, config: StoreConfig | None = None) -> None:
        super().__init__(backend, config)
        self.minted: set[str | None] = {None}

    def list(self, owner_id: str, *, cursor: str | None = None, limit: int | None = None) -> Any:
        if cursor not in self.minted:
            raise InvalidCursorError
        page = super().list(owner_id, cursor=cursor, limit=limit)
        self.minted.add(page.next_cursor)
        return page


class CursorsAreBareIds(Seam):
    """breaks STORE-27: a cursor is the last id in base64, and whatever decodes is taken for one."""

    def list(self, owner_id: str, *, cursor: str | None = None, limit: int | None = None) -> Any:
        try:
            after = None if cursor is None else urlsafe_b64decode(cursor).decode() or None
        except ValueError:
            raise InvalidCursorError from None
        size = limit or 50
        tasks = self.below.list_by_owner(owner_id, limit=size, after=after)
        last = tasks[-1].record.task_id if len(tasks) == size else None
        return TaskPage(tasks, last and urlsafe_b64encode(last.encode()).decode())


class WrongCursorsStartAnew(Seam):
    """breaks STORE-27: a cursor that cannot be read is taken for none: the first page again."""

    def list(self, owner_id: str, *, cursor: str | None = None, limit: int | None = None) -> Any:
        try:
            return super().list(owner_id, cursor=cursor, limit=limit)
        except InvalidCursorError:
            return super().list(owner_id, limit=limit)


class ReadsAllForAPage(Seam):
    """breaks STORE-28: all tasks of the owner are read and the page is cut out of them."""

    def list(self, owner_id: str, *, cursor: str | None = None, limit: int | None = None) -> Any:
        self.below.list_by_owner(owner_id)
        return super().list(owner_id, cursor=cursor, limit=limit)


class RetriesConflicts(Seam):
    """breaks STORE-29: a conflict is retried unasked, though the caller decided on another
    state.
    """

    def set_variables(self, *args: Any) -> VersionedRecord:
        return _again(lambda: GenericTaskStore.set_variables(self, *args))


def _again(call: Callable[[], VersionedRecord]) -> VersionedRecord:
    try:
        return call()
    except TaskConflictError:
        return call()


class WritesBlindly(Seam):
    """breaks STORE-30: a change is written whatever is stored meanwhile: read, modify, put."""

    class rules(AsyncTaskStore):  # noqa: N801
        async def _change(
            self, owner_id: str, task_id: str, decide: Callable[[TaskRecord], TaskRecord]
        ) -> VersionedRecord:
            record = decide((await self._read(self._owner(owner_id), task_id)).record)
            return VersionedRecord(record, await self._call(self._backend.put, record))


class BringsBackTheDeleted(Seam):
    """breaks STORE-29: a change of a task that was deleted meanwhile creates it anew."""

    class rules(AsyncTaskStore):  # noqa: N801
        async def _change(
            self, owner_id: str, task_id: str, decide: Callable[[TaskRecord], TaskRecord]
        ) -> VersionedRecord:
            found = await self._read(self._owner(owner_id), task_id)
            record = decide(found.record)
            try:
                version = self._backend.put_if_version(record, found.version)
            except NotFoundError:
                version = self._backend.create(record)
            return VersionedRecord(record, version)


class SwapsInTwoSteps(InMemoryBackend):
    """breaks STORE-30: put_if_version compares first and writes afterwards; of many that compare
    at the same time all write.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        with self._storage.lock:
            row = self._storage.rows.get((record.owner_id, record.task_id))
        if row is not None and row.version == expected_version:
            sleep(0.001)  # long enough for another thread to compare
            return self._put(record)
        return super()._put_if_version(record, expected_version)


class ThreadBound(InMemoryBackend):
    """breaks STORE-31: a handle answers only the thread that used it first, as a connection of
    sqlite3 does.
    """

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._thread: int | None = None

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        self._thread = self._thread or get_ident()
        if get_ident() != self._thread:
            raise BackendError("this handle was opened in another thread")
        return super()._get(owner_id, task_id)


class DeletesTwice(Seam):
    """breaks STORE-31: the blocking store tells a deletion that found nothing as an error, the one
    for event loops does not.
    """

    def delete(self, owner_id: str, task_id: str) -> bool:
        if super().delete(owner_id, task_id):
            return True
        raise TaskNotFoundError(owner_id, task_id)
