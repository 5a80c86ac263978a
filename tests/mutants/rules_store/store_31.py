"""Mutants of STORE-31."""

from __future__ import annotations

from threading import Thread, current_thread

from mutants.rules_store.support import Seam
from pmcp_storage import (
    BackendError,
    InMemoryBackend,
    MemoryStorage,
    TaskNotFoundError,
    VersionedRecord,
)


class ThreadBound(InMemoryBackend):
    """breaks STORE-31: a handle answers only the thread that used it first, while that lives."""

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._thread: Thread | None = None

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        if self._thread is None or not self._thread.is_alive():
            self._thread = current_thread()
        if current_thread() is not self._thread:
            raise BackendError("this handle was opened in another thread")
        return super()._get(owner_id, task_id)


class DeletesTwice(Seam):
    """breaks STORE-31: the blocking store reports a deletion that found nothing as an error, the
    one for event loops does not.
    """

    def delete(self, owner_id: str, task_id: str) -> bool:
        if super().delete(owner_id, task_id):
            return True
        raise TaskNotFoundError(owner_id, task_id)
