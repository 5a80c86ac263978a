"""Shared by the mutants of ERR."""

from __future__ import annotations

import sqlite3
from typing import Any

from mutants.base import (
    MutantTarget,
)
from pmcp_storage import (
    BackendError,
    InMemoryBackend,
    StorageBackend,
    TaskRecord,
    VersionedRecord,
)


class Missing(InMemoryBackend):
    """A correct backend whose table is missing: every operation fails, by `fail`."""

    def fail(self, operation: str) -> Any:
        try:
            raise sqlite3.OperationalError("no such table: tasks")
        except sqlite3.Error as error:
            raise BackendError(
                "the table tasks is missing: create it with `pmcp-storage init`"
            ) from error

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        found: VersionedRecord = self.fail("get")
        return found

    def _create(self, record: TaskRecord) -> int:
        return int(self.fail("create"))

    def _put(self, record: TaskRecord) -> int:
        return int(self.fail("put"))

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        return int(self.fail("put_if_version"))

    def _delete(self, owner_id: str, task_id: str) -> bool:
        return bool(self.fail("delete"))

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        return list(self.fail("list_by_owner"))

    def _cleanup_expired(self) -> int:
        return int(self.fail("cleanup_expired"))


class MissingTarget(MutantTarget):
    """A target that can open storage whose table is missing."""

    missing: type[Missing] = Missing

    def open_misconfigured(self) -> StorageBackend:
        return self.missing()
