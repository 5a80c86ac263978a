"""Mutants of STORE-35."""

from __future__ import annotations

from mutants.rules_store.support import Seam, Swapping
from pmcp_storage import (
    AsyncTaskStore,
    BackendError,
    OutcomeUnknownError,
    TaskRecord,
    VersionedRecord,
)


class RetriesUnknownOutcomes(Seam):
    """breaks STORE-35: a write whose answer was lost is repeated, meets itself, and is reported as
    somebody else's.
    """

    class rules(Swapping):  # noqa: N801
        async def swap(self, found: VersionedRecord, record: TaskRecord) -> int:
            try:
                return await super().swap(found, record)
            except OutcomeUnknownError:
                return await super().swap(found, record)


class UnknownCountsAsFailed(Seam):
    """breaks STORE-35: a creation without an answer is reported as one that has failed; its caller
    starts the job again.
    """

    class rules(AsyncTaskStore):  # noqa: N801
        async def _create(self, record: TaskRecord) -> VersionedRecord:
            try:
                return await super()._create(record)
            except OutcomeUnknownError as error:
                raise BackendError("no answer") from error
