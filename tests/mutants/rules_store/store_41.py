"""Mutants of STORE-41."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

from mutants.rules_store.support import Changing, Seam
from pmcp_storage import OutcomeUnknownError, TaskRecord, VersionedRecord
from pmcp_storage.store import lifecycle
from pmcp_storage.store.deciding import Deciding

Read = Callable[[], Awaitable[VersionedRecord]]


class RetriesWithoutAMark(Seam):
    """breaks STORE-41: after a lost answer the change is made again, as after a conflict: a payment
    counts twice.
    """

    class rules(Changing):  # noqa: N801
        class deciding(Deciding):  # noqa: N801
            def _wanted(self, found: VersionedRecord) -> TaskRecord | None:
                wanted = self._decide(found.record.model_copy())
                if wanted is None:
                    return None
                return lifecycle.with_change(found.record, wanted, self._config)


class LostCountsAsMade(Seam):
    """breaks STORE-41: a write whose answer was lost is taken for made."""

    class rules(Changing):  # noqa: N801
        class deciding(Deciding):  # noqa: N801
            async def carry_out(self, read: Read, known: VersionedRecord | None) -> VersionedRecord:
                found = await read()
                if (record := self._wanted(found)) is None:
                    return found
                with suppress(OutcomeUnknownError):
                    await self._backend.put_if_version(record, found.version)
                return VersionedRecord(record, found.version + 1)


class VersionsTellTheOutcome(Seam):
    """breaks STORE-41: a version that has moved on counts as the change's own write; another's
    counts as well.
    """

    class rules(Changing):  # noqa: N801
        class deciding(Deciding):  # noqa: N801
            def _wanted(self, found: VersionedRecord) -> TaskRecord | None:
                if self._doubt is not None and found.version >= self._doubtful_version:
                    return None
                return super()._wanted(found)


class MarksAreTheLast(Seam):
    """breaks STORE-41: a record without the mark counts as one that the change is not in, also
    where others have left their marks over it.
    """

    class rules(Changing):  # noqa: N801
        class deciding(Deciding):  # noqa: N801
            def _settle(self, version: int) -> None:
                self._doubt = None


class FailuresHideTheDoubt(Seam):
    """breaks STORE-41: what the reading after a lost answer raises is raised, as if nothing had
    been written.
    """

    class rules(Changing):  # noqa: N801
        class deciding(Deciding):  # noqa: N801
            async def carry_out(self, read: Read, known: VersionedRecord | None) -> VersionedRecord:
                return await self._until_written(read, known)


class LostIsGivenUp(Seam):
    """breaks STORE-41: a lost answer goes to the caller at once, who cannot see what the record
    shows.
    """

    class rules(Changing):  # noqa: N801
        class deciding(Deciding):  # noqa: N801
            async def _until_written(
                self, read: Read, known: VersionedRecord | None
            ) -> VersionedRecord:
                async def read_once() -> VersionedRecord:
                    if self._doubt is not None:
                        raise self._doubt
                    return await read()

                return await super()._until_written(read_once, known)
