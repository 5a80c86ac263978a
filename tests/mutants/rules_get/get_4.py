"""Mutants of GET-4."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, cast

from mutants.postgres import PgBackend
from pmcp_storage import (
    ConcurrentModificationError,
    InMemoryBackend,
    TaskRecord,
    VersionedRecord,
)


def retyped(found: VersionedRecord, kind: Any) -> VersionedRecord:
    return VersionedRecord(found.record, kind(found.version))


class DecimalVersions(InMemoryBackend):
    """breaks GET-4: versions are Decimals in a listing, as DynamoDB's resource interface gives
    them; json.dumps fails on them far away.
    """

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        found = super()._list_by_owner(owner_id, limit=limit, after=after)
        return [retyped(entry, Decimal) for entry in found]


class FloatVersions(InMemoryBackend):
    """breaks GET-4: get reports the version as a float, as Lua and JavaScript hold numbers."""

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        return retyped(super()._get(owner_id, task_id), float)


class BoolFromCreate(InMemoryBackend):
    """breaks GET-4: create returns True, a driver's way to say that a row was inserted."""

    def _create(self, record: TaskRecord) -> int:
        return bool(super()._create(record))


class DecimalInAConflict(InMemoryBackend):
    """breaks GET-4: a conflict reports the stored version as a Decimal, read from the item that
    the refusal brings with it.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        try:
            return super()._put_if_version(record, expected_version)
        except ConcurrentModificationError as error:
            error.actual_version = cast("int", Decimal(error.actual_version))
            raise


class NumpyLikeVersions(InMemoryBackend):
    """breaks GET-4: put_if_version returns a subclass of int, as column types of data libraries
    do, which pickles and prints differently.
    """

    class Int64(int):
        pass

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        return self.Int64(super()._put_if_version(record, expected_version))


class VersionsAreNumeric(PgBackend):
    """breaks GET-4: the column of the versions is of type numeric, which the driver turns into a
    Decimal.
    """

    layout = PgBackend.layout.replace("version bigint", "version numeric")
