"""Mutants of STORE-20."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mutants.rules_store.support import Seam
from pmcp_storage import (
    GenericTaskStore,
    TaskError,
    VersionedRecord,
)


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
