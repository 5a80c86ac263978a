"""Mutants of CAS-14."""

from __future__ import annotations

from typing import Any

from mutants.base import (
    Seamed,
    key_of,
)
from mutants.postgres import PgBackend
from pmcp_storage import (
    MemoryStorage,
    TaskRecord,
)
from pmcp_storage.backends.memory import Key, Row


class VersionChanging(MemoryStorage):
    """Stores what `changed` makes of a version."""

    def changed(self, version: int) -> int:
        return version

    def write(self, key: Key, row: Row) -> None:
        super().write(key, row._replace(version=self.changed(row.version)))


class VersionsAsFloats(VersionChanging):
    """breaks CAS-14: versions go through a double, as in Lua, JavaScript and JSON readers, and
    2^53 + 1 becomes 2^53.
    """

    def changed(self, version: int) -> int:
        return int(float(version))


class VersionsOf32Bits(VersionChanging):
    """breaks CAS-14: a column of 32 bits wraps around."""

    def changed(self, version: int) -> int:
        return (version + 2**31) % 2**32 - 2**31


class SwapComparesFloats(Seamed):
    """breaks CAS-14: versions are exact at rest but compared as doubles, where neighbours are
    equal.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        stored: Any = self.version(key_of(record))
        if stored and float(stored) == float(expected_version):
            expected_version = stored
        return super()._put_if_version(record, expected_version)


class ExpectedVersionsAreInt4(PgBackend):
    """breaks CAS-14: the column takes 64 bits, the parameter is bound as an integer of 32."""

    swap = "{update} AND version = %(expected)s::integer"


class VersionsAreFloat8(PgBackend):
    """breaks CAS-14: versions are double precision, as in a JSON document, where from 2^53 on
    neighbours are equal.
    """

    layout = PgBackend.layout.replace("version bigint", "version double precision")
    shown = "task_id, data, version::bigint"
    upsert = f"{PgBackend.upsert}::bigint"
    swap = "{update} AND version = %(expected)s::double precision"
