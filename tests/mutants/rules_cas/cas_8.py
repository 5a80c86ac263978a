"""Mutants of CAS-8."""

from __future__ import annotations

from mutants.base import (
    Merging,
    Overflowing,
    Seamed,
    key_of,
)
from pmcp_storage import (
    TaskRecord,
)


class MergingSwap(Merging):
    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        return super()._put_if_version(self.over_former(record), expected_version)


class SwapMergesVariables(MergingSwap):
    """breaks CAS-8: variables of the former record survive, as an update expression that sets one
    attribute after the other does.
    """

    def merged(self, former: TaskRecord, record: TaskRecord) -> TaskRecord:
        return record.model_copy(update={"variables": {**former.variables, **record.variables}})


class SwapKeepsTheResult(MergingSwap):
    """breaks CAS-8: an absent result leaves the former one, as COALESCE does."""

    def merged(self, former: TaskRecord, record: TaskRecord) -> TaskRecord:
        return record.model_copy(update={"result": record.result or former.result})


class SwapKeepsTheExpiry(Seamed):
    """breaks CAS-8: a record swapped in without expiry keeps the stored one, as SET without REMOVE
    of the TTL attribute does.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        row = self.row(key_of(record))
        version = super()._put_if_version(record, expected_version)
        if row is not None and record.expires_at is None:
            self.overwrite(key_of(record), expires_at=row.expires_at)
        return version


class SwapLeavesTheOverflow(Overflowing):
    """breaks CAS-8: data over 256 KB goes to another place, which is read first, and
    put_if_version of a smaller record does not remove it from there.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        version = Seamed._put_if_version(self, record, expected_version)
        if len(record.to_json()) > self.limit:
            self.note(record)
        return version
