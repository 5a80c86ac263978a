"""Mutants of GET-2."""

from __future__ import annotations

import pickle
from typing import cast

from mutants.base import (
    Seamed,
)
from pmcp_storage import (
    InMemoryBackend,
    NotFoundError,
    TaskRecord,
    VersionedRecord,
)


class ReadsBehind(Seamed):
    """breaks GET-2: the first get after a put returns the record before it, as eventually
    consistent reads and lagging replicas do.
    """

    _before: VersionedRecord | None = None

    def _put(self, record: TaskRecord) -> int:
        if self.version((record.owner_id, record.task_id)):
            self._before = super()._get(record.owner_id, record.task_id)
        return super()._put(record)

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        before, self._before = self._before, None
        if before and (before.record.owner_id, before.record.task_id) == (owner_id, task_id):
            return before
        return super()._get(owner_id, task_id)


class ReadsAPair(InMemoryBackend):
    """breaks GET-2: get returns a plain tuple, as drivers do for a row, which behaves almost the
    same.
    """

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        found = super()._get(owner_id, task_id)
        return cast("VersionedRecord", (found.record, found.version))


class KeysArePickled(InMemoryBackend):
    """breaks GET-2: the key is the pickle of the pair, which differs by whether its halves are one
    object or two equal ones.
    """

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        two = "".join([*owner_id]), "".join([*task_id])
        if pickle.dumps((owner_id, task_id)) != pickle.dumps(two):
            raise NotFoundError(owner_id, task_id)
        return super()._get(owner_id, task_id)
