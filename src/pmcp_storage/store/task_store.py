"""The task store for event loops: every rule of the domain, over any backend.

`validation` accepts the arguments, `lifecycle` decides what becomes of a task, `paging` makes the
pages of a listing, and `base` reads and writes. The store keeps no state; tasks live in the
backend, which it never closes.

Every change reads the task, decides, and writes it back if nobody else wrote it in between
(compare-and-swap): two requests to the backend. A conflict goes to the caller, who alone knows
whether the change still makes sense. Nothing is repeated behind the caller's back, unless the
caller has said how to decide anew: that is `change`, which `deciding` carries out.

Another owner's task is treated like one that never existed: the same request to the storage, the
same error. So is an expired task, whether or not the storage still holds it.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from pmcp_storage.backend import VersionedRecord
from pmcp_storage.errors import (
    CorruptRecordError,
    NotFoundError,
)
from pmcp_storage.records import TaskStatus
from pmcp_storage.store import lifecycle, validation
from pmcp_storage.store.base import StoreBase, unexpired
from pmcp_storage.store.change import Decide, TaskChange
from pmcp_storage.store.deciding import Deciding
from pmcp_storage.store.paging import TaskPage, read_page
from pmcp_storage.store.task_errors import (
    InvalidArgumentError,
    NoResultError,
    TaskNotReadyError,
)
from pmcp_storage.store.translation import raises_task_errors


class AsyncTaskStore(StoreBase):
    """Tasks and the rules of their life, for event loops, over any backend.

    An AsyncStorageBackend is awaited; a StorageBackend works in threads of the event loop's
    default executor. Safe for concurrent use by tasks, threads and processes. If the awaiting task
    is cancelled during a change, the change may or may not have been made.

    Every method raises InvalidArgumentError for an argument that no task can have,
    AnonymousOwnerError for the owners "" and "local" unless the configuration allows them,
    TaskBackendError when the storage fails; those that change something raise TaskConflictError
    when somebody else changed the task at the same time, TaskOutcomeUnknownError when a change
    may or may not have been made, and TaskStorageFullError.
    """

    @raises_task_errors
    async def create(
        self,
        owner_id: str,
        request_method: str,
        *,
        ttl_ms: int | None = None,
        task_id: str | None = None,
        variables: dict[str, Any] | None = None,
    ) -> VersionedRecord:
        """Create a working task: one request, and those that count the owner's tasks.

        `request_method` is the request that the task stands for, such as "tools/call". The task
        expires `ttl_ms` milliseconds after its creation, for good (None: the configured
        default). Its id is minted unless given; with ids of another form than UUIDv7 a listing is
        no longer newest first. Variables that are null are left out, as in `set_variables`.

        Raises TaskAlreadyExistsError, TaskQuotaError, InvalidTtlError, InvalidVariablesError,
        TaskTooLargeError.
        """
        owner_id = self._owner(owner_id)
        task_id = self.mint_task_id() if task_id is None else validation.accept_task_id(task_id)
        ttl_ms = validation.accept_ttl(ttl_ms, self._config)
        method = validation.accept_text("request_method", request_method)
        given = validation.accept_variables({} if variables is None else variables, self._config)
        record = lifecycle.new_record(owner_id, task_id, method, ttl_ms, given, self._config)
        await self._check_quota(owner_id)
        return await self._create(record)

    @raises_task_errors
    async def get(self, owner_id: str, task_id: str) -> VersionedRecord:
        """Return the task and its version: one request. Raises TaskNotFoundError."""
        return await self._read(self._owner(owner_id), validation.accept_task_id(task_id))

    @raises_task_errors
    async def update_status(
        self, owner_id: str, task_id: str, status: TaskStatus, message: str | None = None
    ) -> VersionedRecord:
        """Move the task to another status; without a message it keeps its old one.

        Raises TaskNotFoundError, InvalidTransitionError, TaskTooLargeError.
        """
        change = TaskChange(
            status=validation.accept_status(status), message=validation.accept_message(message)
        )
        return await self._change(
            owner_id, task_id, lambda task: lifecycle.with_change(task, change, self._config)
        )

    @raises_task_errors
    async def set_variables(
        self, owner_id: str, task_id: str, variables: dict[str, Any]
    ) -> VersionedRecord:
        """Merge `variables` into the task's own, key by key; null removes a key.

        Raises TaskNotFoundError, TaskEndedError, InvalidVariablesError, and TaskTooLargeError
        where the merged variables would make the task too large.
        """
        change = TaskChange(variables=validation.accept_variables(variables, self._config))
        return await self._change(
            owner_id, task_id, lambda task: lifecycle.with_change(task, change, self._config)
        )

    @raises_task_errors
    async def set_result(self, owner_id: str, task_id: str, result: Any) -> VersionedRecord:
        """Store a result, any JSON value, and leave the status; None removes the result.

        Raises TaskNotFoundError, TaskEndedError, TaskTooLargeError.
        """
        given = validation.accept_result(result)
        return await self._change(
            owner_id, task_id, lambda task: lifecycle.with_result(task, given, self._config)
        )

    @raises_task_errors
    async def complete_with_result(
        self,
        owner_id: str,
        task_id: str,
        status: TaskStatus,
        result: Any,
        message: str | None = None,
    ) -> VersionedRecord:
        """End the task and store its result, any JSON value, in one write.

        `status` is completed, failed or cancelled; without a message the task keeps its old one.
        A result of None counts as no result. Raises TaskNotFoundError, InvalidTransitionError,
        TaskTooLargeError.
        """
        end = validation.accept_status(status)
        text = validation.accept_message(message)
        if not end.is_terminal:
            raise InvalidArgumentError("status", "must be one of completed, failed, cancelled")
        given = validation.accept_result(result)
        return await self._change(
            owner_id,
            task_id,
            lambda task: lifecycle.ended_with_result(task, end, text, given, self._config),
        )

    @raises_task_errors
    async def change(
        self,
        owner_id: str,
        task_id: str,
        decide: Decide,
        *,
        known: VersionedRecord | None = None,
    ) -> VersionedRecord:
        """Make the change that `decide` wants of the newest task, in one write.

        `decide` is a plain function of the task as it is now, which returns a TaskChange, or None
        to change nothing. It is asked again after each conflict, about the newest task: 12 times
        in all at most, with random pauses of up to 0.25 seconds. What it raises ends the call.

        Nothing is applied twice, also where the answer to a write is lost: the record then shows
        whether it was made (its field changeId), and `decide` is asked again only if it was not.
        Where others have changed the task more than once since, so that this cannot be seen,
        `decide` can still recognize its own work and return None; otherwise the outcome is
        unknown. So it is where the task is gone.

        Returns the task as changed; where nothing was to be changed, as found. It takes one read
        and one write if nobody interferes. `known`, the task as the caller already holds it, saves
        the read: the first decision is made on it, and a stale one costs a refused write.

        Raises TaskNotFoundError; InvalidTransitionError for a status that cannot follow, the
        present one included; TaskEndedError for a change without a status of a task that has
        ended; InvalidVariablesError, TaskTooLargeError; TaskConflictError where others were
        faster every time.
        """
        owner_id, task_id = self._owner(owner_id), validation.accept_task_id(task_id)
        deciding = Deciding(self._backend, self._config, validation.accept_decide(decide))
        if known is not None:
            known = unexpired(validation.accept_known(known, owner_id, task_id))
        return await deciding.carry_out(partial(self._read, owner_id, task_id), known)

    async def report_progress(self, owner_id: str, task_id: str, message: str) -> VersionedRecord:
        """Set the status message of a task that has not ended, and leave everything else.

        One read and one write, repeated like those of `change` where others interfere. Raises
        TaskNotFoundError, TaskEndedError, TaskTooLargeError.
        """
        progress = TaskChange(message=validation.accept_text("message", message))
        return await self.change(owner_id, task_id, lambda _: progress)

    @raises_task_errors
    async def get_result(self, owner_id: str, task_id: str) -> Any:
        """Return the result of a task that has ended: one request.

        Raises TaskNotFoundError; TaskNotReadyError before the task has ended, NoResultError if
        it ended without a result.
        """
        found = await self._read(self._owner(owner_id), validation.accept_task_id(task_id))
        if not found.record.status.is_terminal:
            raise TaskNotReadyError(task_id, found.record.status)
        if found.record.result is None:
            raise NoResultError(task_id, found.record.status)
        return found.record.result

    @raises_task_errors
    async def cancel(self, owner_id: str, task_id: str) -> VersionedRecord:
        """Cancel the task. Raises TaskNotFoundError; InvalidTransitionError once it has ended."""
        change = TaskChange(status=TaskStatus.CANCELLED)
        return await self._change(
            owner_id, task_id, lambda task: lifecycle.with_change(task, change, self._config)
        )

    @raises_task_errors
    async def list(
        self, owner_id: str, *, cursor: str | None = None, limit: int | None = None
    ) -> TaskPage:
        """Return up to `limit` of the owner's tasks (None: the configured page size), newest first.

        `cursor` is the `next_cursor` of the page before; its task need not exist any more. A
        page has fewer tasks than `limit`, and a next_cursor all the same, where very many tasks
        in a row have expired and are still stored. Usually one request, at most four, each for
        `limit` + 1 records, however many tasks there are. Raises InvalidCursorError.
        """
        owner_id = self._owner(owner_id)
        limit = validation.accept_limit(limit, self._config)
        return await read_page(self._backend, owner_id, cursor, limit)

    @raises_task_errors
    async def delete(self, owner_id: str, task_id: str) -> bool:
        """Delete the task, whatever its status; return whether there was one to delete."""
        owner_id = self._owner(owner_id)
        task_id = validation.accept_task_id(task_id)
        try:
            await self._read(owner_id, task_id)
        except NotFoundError:
            return False
        except CorruptRecordError:
            pass  # What cannot be read would otherwise fail every listing for good.
        return await self._backend.delete(owner_id, task_id)

    @raises_task_errors
    async def cleanup_expired(self) -> int:
        """Remove the expired tasks of all owners from the storage; return how many.

        A storage that removes them by itself does nothing here and returns 0.
        """
        return await self._backend.cleanup_expired()
