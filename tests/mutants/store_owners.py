"""Mutants of STORE: owners, expired tasks, and what errors tell."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from mutants.store import Seam
from pmcp_storage import (
    AsyncTaskStore,
    GenericTaskStore,
    NotFoundError,
    TaskError,
    TaskNotFoundError,
    TaskRecord,
    VersionedRecord,
)


class TellsThatATaskExists(Seam):
    """breaks STORE-16: an expired task is told from one that never was."""

    def get(self, owner_id: str, task_id: str) -> VersionedRecord:
        try:
            return super().get(owner_id, task_id)
        except TaskNotFoundError as error:
            held = self.below.list_by_owner(owner_id)
            if any(entry.record.task_id == task_id for entry in held):
                raise TaskNotFoundError(owner_id, f"{task_id} (expired)") from error.__cause__
            raise


class AsksAboutTheExpiredTwice(Seam):
    """breaks STORE-16: an expired task is removed when it is found: a request more than for one
    that never was, which shows in the time it takes.
    """

    class rules(AsyncTaskStore):  # noqa: N801
        async def _read(self, owner_id: str, task_id: str) -> VersionedRecord:
            found = await self._call(self._backend.get, owner_id, task_id)
            if found.record.is_expired(datetime.now(UTC)):
                await self._call(self._backend.delete, owner_id, task_id)
                raise NotFoundError(owner_id, task_id)
            return found


class ListsTheExpired(Seam):
    """breaks STORE-17: a listing shows what the storage has not removed yet."""

    def list(self, owner_id: str, **options: Any) -> Any:
        page = super().list(owner_id, **options)
        held = self.below.list_by_owner(owner_id)
        return type(page)(held, page.next_cursor) if not options and held else page


class ExpiredIdsAreTaken(Seam):
    """breaks STORE-17: an id stays taken until the storage has removed its expired task."""

    class rules(AsyncTaskStore):  # noqa: N801
        async def _replace_expired(self, record: TaskRecord) -> VersionedRecord | None:
            return None


class NobodyIsSomebody(Seam):
    """breaks STORE-18: anonymous owners are refused where they write and served where they read."""

    def get(self, owner_id: str, task_id: str) -> VersionedRecord:
        if owner_id in ("", "local"):
            return self.below.get("local", task_id)
        return super().get(owner_id, task_id)


class ReadsBeforeItRefuses(Seam):
    """breaks STORE-18: "" and "local" are refused after the task has been read."""

    def get(self, owner_id: str, task_id: str) -> VersionedRecord:
        if owner_id == "local":
            self.below.list_by_owner(owner_id, limit=1)
        return super().get(owner_id, task_id)


class ErrorsQuoteTheirCause(Seam):
    """breaks STORE-19: the error of a wrong value quotes it, as validation errors do."""

    def set_variables(self, owner: str, task: str, variables: Any) -> VersionedRecord:
        try:
            return super().set_variables(owner, task, variables)
        except TaskError as error:
            raise error from ValueError(f"input: {variables!r}")


class CodesAreMixedUp(Seam):
    """breaks STORE-20: a quota that is used up is told as a mistake of the caller's."""

    def create(self, *args: Any, **kwargs: Any) -> VersionedRecord:
        try:
            return super().create(*args, **kwargs)
        except TaskError as error:
            raise _as_code(error, -32602) from error.__cause__


class CausesAreLost(Seam):
    """breaks STORE-20: what the storage said is gone, and with it what an operator needs."""

    def cancel(self, owner_id: str, task_id: str) -> VersionedRecord:
        return _without_cause(lambda: GenericTaskStore.cancel(self, owner_id, task_id))


def _without_cause(call: Callable[[], VersionedRecord]) -> VersionedRecord:
    try:
        return call()
    except TaskError as error:
        raise error from None


def _as_code(error: TaskError, code: int) -> TaskError:
    error.code = code  # type: ignore[misc]
    return error
