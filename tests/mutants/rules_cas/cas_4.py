"""Mutants of CAS-4."""

from __future__ import annotations

from mutants.base import (
    Seamed,
    key_of,
)
from pmcp_storage import (
    ConcurrentModificationError,
    TaskRecord,
)


class OnRefusal(Seamed):
    """Does something when put_if_version is refused."""

    def refused(self, record: TaskRecord, actual: int) -> None: ...

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        try:
            return super()._put_if_version(record, expected_version)
        except ConcurrentModificationError as error:
            self.refused(record, error.actual_version)
            raise


class WritesBeforeItChecks(OnRefusal):
    """breaks CAS-4: the record is written before its version is checked, and only the version is
    rolled back.
    """

    def refused(self, record: TaskRecord, actual: int) -> None:
        self.overwrite(key_of(record), data=record.to_json())


class RefusalSetsTheExpiry(OnRefusal):
    """breaks CAS-4: the expiry is set although the write is refused, as where EXPIRE is a command
    of its own, outside of the script that compares.
    """

    def refused(self, record: TaskRecord, actual: int) -> None:
        self.overwrite(key_of(record), expires_at=record.expires_at)


class RefusalAdvancesTheVersion(OnRefusal):
    """breaks CAS-4: the version advances although the write is refused: INCR, then compare."""

    def refused(self, record: TaskRecord, actual: int) -> None:
        self.overwrite(key_of(record), version=actual + 1)


class RefusalUnlists(OnRefusal):
    """breaks CAS-4: a refused write removes the task from the listing, as where the old index
    entry is dropped before the comparison.
    """

    def refused(self, record: TaskRecord, actual: int) -> None:
        self._storage._task_ids[record.owner_id].remove(record.task_id)
