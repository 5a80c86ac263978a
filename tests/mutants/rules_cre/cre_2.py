"""Mutants of CRE-2."""

from __future__ import annotations

from mutants.base import (
    Seamed,
    key_of,
)
from mutants.postgres import PgBackend, values
from pmcp_storage import (
    AlreadyExistsError,
    InMemoryBackend,
    TaskRecord,
)


class CreateIsAnUpsert(InMemoryBackend):
    """breaks CRE-2: create replaces what is there, as INSERT OR REPLACE, SET and PutItem without
    a condition do.
    """

    def _create(self, record: TaskRecord) -> int:
        self._put(record)
        return 1


class CreateRefusesTooLate(Seamed):
    """breaks CRE-2: create notices the present record after it has written its own expiry, as
    where EXPIRE is sent in the same pipeline as SET NX.
    """

    def _create(self, record: TaskRecord) -> int:
        try:
            return super()._create(record)
        except AlreadyExistsError:
            self.overwrite(key_of(record), expires_at=record.expires_at)
            raise


class CreateCountsRefusals(Seamed):
    """breaks CRE-2: a refused create advances the version, as ON CONFLICT DO UPDATE with a counter
    does.
    """

    def _create(self, record: TaskRecord) -> int:
        try:
            return super()._create(record)
        except AlreadyExistsError:
            key = key_of(record)
            self.overwrite(key, version=self.version(key) + 1)
            raise


class CreateIsIdempotent(Seamed):
    """breaks CRE-2: creating an equal record again reports success, as layers do that take the
    call for a retry of their own; two callers then both believe that they created it.
    """

    def _create(self, record: TaskRecord) -> int:
        row = self.row(key_of(record))
        if row is not None and row.data == record.to_json():
            return 1
        return super()._create(record)


class ConflictsDoNothing(PgBackend):
    """breaks CRE-2: INSERT ... ON CONFLICT DO NOTHING raises no error where the key is present, and
    nobody looks whether it has inserted a row.
    """

    def _create(self, record: TaskRecord) -> int:
        self.write("{insert} ON CONFLICT DO NOTHING", **values(record))
        return 1


class RefusalsSplitKeys(InMemoryBackend):
    """breaks CRE-2: the error has the ids of a joined key that was split at its first colon."""

    def _create(self, record: TaskRecord) -> int:
        try:
            return super()._create(record)
        except AlreadyExistsError as error:
            owner, _, task = f"{record.owner_id}:{record.task_id}".partition(":")
            raise AlreadyExistsError(owner, task) from error
