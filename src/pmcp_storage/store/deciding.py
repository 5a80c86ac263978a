"""A change that is decided on the newest task, and anew for as long as others are faster.

Each call has a mark of its own, which its write leaves in the record. Where the answer to a write
was lost, the mark tells whether it was made. Only where others have written twice since can it
have been made and its mark be gone, and nothing is written then. So nothing is applied twice, and
`decide` needs no thought for lost answers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from random import random
from secrets import token_hex

from pmcp_storage.aio.async_adapter import pause
from pmcp_storage.aio.async_backend import AsyncStorageBackend
from pmcp_storage.backend import VersionedRecord
from pmcp_storage.errors import ConcurrentModificationError, OutcomeUnknownError, StorageError
from pmcp_storage.records import TaskRecord
from pmcp_storage.store import lifecycle, validation
from pmcp_storage.store.change import Decide
from pmcp_storage.store.config import StoreConfig
from pmcp_storage.store.task_errors import InvalidArgumentError

ATTEMPTS = 12
"""How often a change is decided before it gives up."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.01, 0.25
"""Seconds: the most to wait before the second attempt, which doubles with each, and at all."""


class Deciding:
    """One call of `change`, until its change is written or no longer wanted."""

    def __init__(self, backend: AsyncStorageBackend, config: StoreConfig, decide: Decide) -> None:
        self._backend = backend
        self._config = config
        self._decide = decide
        self._mark = token_hex(16)
        self._doubt: OutcomeUnknownError | None = None
        self._doubtful_version = 0

    async def carry_out(
        self,
        read: Callable[[], Awaitable[VersionedRecord]],
        known: VersionedRecord | None,
    ) -> VersionedRecord:
        """The task as the change leaves it, or as it was found where nothing is to be changed.

        `read` gets the newest task; one that is `known` needs no first reading. Raises what
        `decide` and the rules of a task's life refuse, and what the storage raises last:
        OutcomeUnknownError once a write may have been made.
        """
        try:
            return await self._until_written(read, known)
        except StorageError as error:
            if self._doubt is None or self._doubt is error:
                raise
            raise self._doubt from error

    async def _until_written(
        self,
        read: Callable[[], Awaitable[VersionedRecord]],
        known: VersionedRecord | None,
    ) -> VersionedRecord:
        for attempt in range(ATTEMPTS):
            if attempt:
                longest = min(_FIRST_PAUSE * 2 ** (attempt - 1), _LONGEST_PAUSE)
                await pause(self._backend, random() * longest)
            found = known or await read()
            known = None
            if (record := self._wanted(found)) is None:
                return found
            try:
                version = await self._backend.put_if_version(record, found.version)
                return VersionedRecord(record, version)
            except ConcurrentModificationError as error:
                last: StorageError = error
            except OutcomeUnknownError as error:
                last = self._doubt = error
                self._doubtful_version = found.version + 1
        raise last

    def _wanted(self, found: VersionedRecord) -> TaskRecord | None:
        """What to write in place of what was found; None if that is as it should be."""
        if lifecycle.mark_of(found.record) == self._mark:
            return None
        # A copy, because nobody knows what `decide` does to the task that it is given, and who else
        # holds one that is known.
        marked = self._marked(found.record)
        wanted = self._decide(found.record)
        if wanted is None:
            return None
        self._settle(found.version)
        change = validation.accept_change(wanted, self._config)
        return lifecycle.with_change(marked, change, self._config)

    def _marked(self, record: TaskRecord) -> TaskRecord:
        try:
            return lifecycle.with_mark(record, self._mark)
        except ValueError:
            raise InvalidArgumentError("known", "must be as the store returned it") from None

    def _settle(self, version: int) -> None:
        """Another's write at the version of the doubtful one shows that this was refused.

        Raises OutcomeUnknownError where others have written since, perhaps over its mark.
        """
        if self._doubt is None or version < self._doubtful_version:
            return
        if version > self._doubtful_version:
            raise self._doubt
        self._doubt = None
