"""Mutants of PUT-6."""

from __future__ import annotations

import json
from typing import Any

from mutants.base import (
    Seamed,
    SharedBlobs,
    key_of,
)
from pmcp_storage import (
    TaskRecord,
)


class PutByTaskAlone(Seamed):
    """breaks PUT-6: a put advances the version of every owner's task of that id: the owner is
    missing from the WHERE.
    """

    def _put(self, record: TaskRecord) -> int:
        version = super()._put(record)
        for owner_id, task_id in list(self._storage.rows):
            if task_id == record.task_id and owner_id != record.owner_id:
                self.overwrite((owner_id, task_id), version=version)
        return version


class SwapTouchesSiblings(Seamed):
    """breaks PUT-6: put_if_version advances all tasks of the owner, as where the version belongs
    to the partition or the document that holds them all.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        version = super()._put_if_version(record, expected_version)
        for key in list(self._storage.rows):
            if key[0] == record.owner_id and key != key_of(record):
                self.overwrite(key, version=self.version(key) + 1)
        return version


class CreateTrimsTheOwner(Seamed):
    """breaks PUT-6: creating a task drops the owner's other tasks from its listing, as an index
    that is written as a whole from a stale copy does.
    """

    def _create(self, record: TaskRecord) -> int:
        version = super()._create(record)
        if record.task_id == "task":
            others = [k for k in self._storage.rows if k[0] == record.owner_id]
            for key in others:
                if key != key_of(record):
                    self._storage.remove(key)
        return version


class WritesShareContents(Seamed):
    """breaks PUT-6: equal contents are stored once, and a put overwrites them for all who share
    them.
    """

    def _put(self, record: TaskRecord) -> int:
        former = self.row(key_of(record))
        version = super()._put(record)
        if former is not None:
            self._rewrite(json.loads(former.data)["variables"], record.variables)
        return version

    def _rewrite(self, before: Any, after: Any) -> None:
        for key, row in list(self._storage.rows.items()):
            fields = json.loads(row.data)
            if before and fields["variables"] == before:
                self.overwrite(key, data=json.dumps({**fields, "variables": after}))


class OverwriteRemovesASharedBlob(SharedBlobs):
    """breaks PUT-6: an overwrite removes the former blob, which another record with the same
    large contents still needs.
    """

    def _put(self, record: TaskRecord) -> int:
        former = self.row(key_of(record))
        version = super()._put(record)
        self.drop(former)
        return version
