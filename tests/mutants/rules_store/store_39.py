"""Mutants of STORE-39."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from mutants.rules_store.support import Changing, Seam
from pmcp_storage import (
    ConcurrentModificationError,
    TaskChange,
    TaskConflictError,
    TaskRecord,
    VersionedRecord,
)
from pmcp_storage.store.change import Decide
from pmcp_storage.store.deciding import Deciding


class DecidesOnce(Seam):
    """breaks STORE-39: what was decided on the first reading is written over a newer task."""

    def change(self, owner_id: str, task_id: str, decide: Decide, **known: Any) -> VersionedRecord:
        decided: list[TaskChange | None] = []

        def once(task: TaskRecord) -> TaskChange | None:
            if not decided:
                decided.append(decide(task))
            return decided[0]

        return super().change(owner_id, task_id, once, **known)


class OneAttempt(Deciding):
    """Decides once, and writes that."""

    async def _until_written(
        self, read: Callable[[], Awaitable[VersionedRecord]], known: VersionedRecord | None
    ) -> VersionedRecord:
        found = known or await read()
        if (record := self._wanted(found)) is None:
            return found
        return VersionedRecord(record, await self.write(record, found.version))

    async def write(self, record: TaskRecord, version: int) -> int:
        return await self._backend.put_if_version(record, version)


class GivesUpAtOnce(Seam):
    """breaks STORE-39: the first conflict goes to the caller, as in the other changes."""

    class rules(Changing):  # noqa: N801
        deciding = OneAttempt


class NeverGivesUp(Seam):
    """breaks STORE-39: a change that is always overtaken is tried for ever."""

    def change(self, *args: Any, **known: Any) -> VersionedRecord:
        while True:
            try:
                return super().change(*args, **known)
            except TaskConflictError:
                continue


class OverwritesInTheEnd(Seam):
    """breaks STORE-39: a change that has been overtaken is written without its condition."""

    class rules(Changing):  # noqa: N801
        class deciding(OneAttempt):  # noqa: N801
            async def write(self, record: TaskRecord, version: int) -> int:
                try:
                    return await super().write(record, version)
                except ConcurrentModificationError:
                    return await self._backend.put(record)
