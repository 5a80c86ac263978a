"""Mutants of STORE-20."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from mutants.rules_store.support import Seam
from pmcp_storage import (
    AsyncTaskStore,
    BackendError,
    GenericTaskStore,
    TaskError,
    TaskPage,
    VersionedRecord,
)
from pmcp_storage.store import validation
from pmcp_storage.store.paging import read_page


class CodesAreMixedUp(Seam):
    """breaks STORE-20: a quota that is used up is reported as the caller's mistake."""

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


class QuotaFailsOpen(Seam):
    """breaks STORE-20: where the tasks cannot be counted, the quota is passed over, to stay
    available.
    """

    class rules(AsyncTaskStore):  # noqa: N801
        async def _check_quota(self, owner_id: str) -> None:
            with suppress(BackendError):
                await super()._check_quota(owner_id)


class ListingsLetErrorsThrough(Seam):
    """breaks STORE-20: a listing raises the storage's own error, which has no code: one method
    lacks the decorator.
    """

    class rules(AsyncTaskStore):  # noqa: N801
        async def list(self, owner_id: str, *, cursor: Any = None, limit: Any = None) -> TaskPage:
            owner, size = self._owner(owner_id), validation.accept_limit(limit, self._config)
            return await read_page(self._backend, owner, cursor, size)
