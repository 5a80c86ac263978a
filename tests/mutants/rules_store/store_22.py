"""Mutants of STORE-22."""

from __future__ import annotations

from typing import Any

from mutants.rules_store.support import Seam
from pmcp_storage import (
    TaskTooLargeError,
    VersionedRecord,
)


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
