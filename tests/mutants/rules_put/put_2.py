"""Mutants of PUT-2."""

from __future__ import annotations

from mutants.base import (
    Seamed,
    key_of,
)
from mutants.postgres import PgBackend
from pmcp_storage import (
    InMemoryBackend,
    TaskRecord,
)


class PutReturnsTheFormerVersion(InMemoryBackend):
    """breaks PUT-2: put returns the previous version, as ALL_OLD and RETURNING of an older row
    do.
    """

    def _put(self, record: TaskRecord) -> int:
        return max(1, super()._put(record) - 1)


class PutStartsOver(Seamed):
    """breaks PUT-2: every put sets the version to 1, as INSERT OR REPLACE with a column's default
    does.
    """

    def _put(self, record: TaskRecord) -> int:
        self._storage.remove(key_of(record))
        return super()._put(record)


class TriggerBumpsTheVersionToo(PgBackend):
    """breaks PUT-2: a trigger of the table's advances the version, and so do the statements."""

    layout = (
        PgBackend.layout
        + """; CREATE FUNCTION {table}_bump() RETURNS trigger LANGUAGE plpgsql AS
        $$BEGIN NEW.version := NEW.version + 1; RETURN NEW; END$$;
        CREATE TRIGGER bump BEFORE UPDATE ON {table}
        FOR EACH ROW EXECUTE FUNCTION {table}_bump()"""
    )


class PutOfAnEndedTaskIsDropped(Seamed):
    """breaks PUT-2: a put over a task that has ended does nothing, and says that it is done."""

    def _put(self, record: TaskRecord) -> int:
        row = self.row(key_of(record))
        if row is not None and TaskRecord.from_json(row.data).status.is_terminal:
            return row.version
        return super()._put(record)
