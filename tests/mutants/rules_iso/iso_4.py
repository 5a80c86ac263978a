"""Mutants of ISO-4."""

from __future__ import annotations

from contextlib import suppress

from mutants.base import (
    Seamed,
    key_of,
)
from pmcp_storage import (
    NotFoundError,
    StorageError,
    TaskRecord,
)


class WritesIntoTheRecord(Seamed):
    """breaks ISO-4: a write puts its bookkeeping into the caller's variables and leaves it there
    when the write is refused, as drivers that add an _id do.
    """

    def _create(self, record: TaskRecord) -> int:
        record.variables["_writing"] = True
        with suppress(KeyError):
            version = super()._create(clean(record))
            del record.variables["_writing"]
        return version


def clean(record: TaskRecord) -> TaskRecord:
    left = {key: value for key, value in record.variables.items() if key != "_writing"}
    return record.model_copy(update={"variables": left})


class SwapEmptiesTheRecord(Seamed):
    """breaks ISO-4: put_if_version pops the fields that it stores separately from the caller's
    own object.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        version = super()._put_if_version(record, expected_version)
        record.variables.pop("a", None)
        return version


class RefusedSwapUpdatesTheRecord(Seamed):
    """breaks ISO-4: a refused put_if_version fills the caller's record with the stored
    variables, as a convenience.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        try:
            return super()._put_if_version(record, expected_version)
        except StorageError:
            with suppress(NotFoundError):
                record.variables["stored"] = self.version(key_of(record))
            raise
