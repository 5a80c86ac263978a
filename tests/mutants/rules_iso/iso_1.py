"""Mutants of ISO-1."""

from __future__ import annotations

from mutants.rules_iso.support import Caching, detached
from pmcp_storage import (
    TaskRecord,
    VersionedRecord,
)


class KeepsTheCallersRecord(Caching):
    """breaks ISO-1: a cache keeps the very record that was written, as write-through caches do, so
    a later change of the caller's is read as stored.
    """

    def _create(self, record: TaskRecord) -> int:
        version = super()._create(record)
        self.keep(record, version)
        return version

    def _put(self, record: TaskRecord) -> int:
        version = super()._put(record)
        self.keep(record, version)
        return version

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        found = self.cached((owner_id, task_id))
        return detached(found) if found else super()._get(owner_id, task_id)


class SwapKeepsTheCallersRecord(Caching):
    """breaks ISO-1: only put_if_version keeps the caller's record: one path forgot to copy."""

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        version = super()._put_if_version(record, expected_version)
        self.keep(record, version)
        return version

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        found = self.cached((owner_id, task_id))
        return detached(found) if found else super()._get(owner_id, task_id)
