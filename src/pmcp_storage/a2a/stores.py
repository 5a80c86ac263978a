"""The task stores: `BackendTaskStore` and `VersionedBackendTaskStore`.

Both keep tasks in the same form, so that one storage can go from the one to the other. They have no
state of their own and never close the backend. Neither keeps the configurations of push
notifications, for which the SDK has stores of their own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from a2a.server.cluster import (
    ConcurrentTaskModificationError,
    StoredTask,
    TaskVersion,
    VersionedTaskStore,
)
from a2a.server.context import ServerCallContext
from a2a.server.events.event_queue import Event
from a2a.server.owner_resolver import OwnerResolver, resolve_user_scope
from a2a.server.tasks.task_store import TaskStore
from a2a.types.a2a_pb2 import ListTasksRequest, ListTasksResponse, Task, TaskState
from a2a.utils.errors import InvalidRequestError

from pmcp_storage.a2a.listing import read_page
from pmcp_storage.a2a.stored_tasks import to_record, to_task
from pmcp_storage.a2a.translation import raises_a2a_errors
from pmcp_storage.aio.async_adapter import as_async
from pmcp_storage.aio.async_backend import AsyncStorageBackend
from pmcp_storage.backend import PUT_ATTEMPTS, StorageBackend, VersionedRecord
from pmcp_storage.errors import AlreadyExistsError, ConcurrentModificationError, NotFoundError
from pmcp_storage.records import MAX_TASK_ID_BYTES, TaskRecord, check_owner_id, id_problem

DEFAULT_TTL = timedelta(days=30)

_OWNER_PREFIX = "a2a:"
"""Before the owner's name in the storage. It keeps A2A's tasks apart from those of an MCP server on
the same storage, and gives anonymous callers, whose name is empty, an owner that no user can be.
"""


class _TasksOnBackend:
    """What the two stores share: whose a task is, listing and deleting."""

    def __init__(
        self,
        backend: StorageBackend | AsyncStorageBackend,
        *,
        ttl: timedelta | None = DEFAULT_TTL,
        owner_resolver: OwnerResolver = resolve_user_scope,
        allow_anonymous: bool = False,
    ) -> None:
        """A store over a backend, which it does not close.

        `backend`: an AsyncStorageBackend is awaited; a StorageBackend works in threads of the event
        loop's default executor. Several agents can share one where `owner_resolver` tells them
        apart.

        `ttl`: how long after its last save a task expires; None means never. A task that has
        expired is absent. Memory, SQLite and PostgreSQL keep its row until somebody calls
        `cleanup_expired` of the backend.

        `owner_resolver`: the name of the caller whose tasks a request concerns; the SDK's own
        takes the user of the call context.

        `allow_anonymous`: whether callers without a name are served. They are one owner, whose
        tasks all of them share. Otherwise their requests raise InvalidRequestError.

        Raises TypeError for what is no backend, ValueError for a ttl that is not above zero.

        Every method raises InternalError when the storage fails and when a write may or may not
        have been applied, which its text says; the StorageError is the `__cause__`. A name that no
        owner can have, of more than 1,020 bytes, is an InvalidRequestError.
        """
        if ttl is not None and ttl <= timedelta(0):
            raise ValueError(f"ttl must be above zero, or None for never, not {ttl}")
        self._backend = as_async(backend)
        self._ttl = ttl
        self._owner_resolver = owner_resolver
        self._allow_anonymous = allow_anonymous

    @raises_a2a_errors
    async def list(self, params: ListTasksRequest, context: ServerCallContext) -> ListTasksResponse:
        """Return a page of the owner's tasks, as the SDK's own stores do.

        Filters by context, state and time of the status; the latest status comes first. Tasks are
        whole: the SDK's handler shortens their history and leaves out their artifacts. Each page
        reads all tasks of the owner: one request for each 100 of them, and on DynamoDB one more
        for each MB. Raises InvalidParamsError for a page token that is not one.
        """
        return await read_page(self._tasks(self._owner(context)), params)

    @raises_a2a_errors
    async def delete(self, task_id: str, context: ServerCallContext) -> None:
        """Remove the task; do nothing if the owner has no such task. One request."""
        owner_id = self._owner(context)
        if id_problem(task_id, MAX_TASK_ID_BYTES) is None:
            await self._backend.delete(owner_id, task_id)

    async def _find(self, task_id: str, context: ServerCallContext) -> StoredTask | None:
        owner_id = self._owner(context)
        if id_problem(task_id, MAX_TASK_ID_BYTES):
            return None
        try:
            found = await self._backend.get(owner_id, task_id)
        except NotFoundError:
            return None
        if _has_expired(found):
            return None
        return StoredTask(to_task(found.record), TaskVersion(found.version))

    async def _tasks(self, owner_id: str) -> AsyncIterator[Task]:
        async for found in self._backend.iter_by_owner(owner_id):
            if not _has_expired(found):
                yield to_task(found.record)

    def _record(self, task: Task, context: ServerCallContext) -> TaskRecord:
        return to_record(task, self._owner(context), self._ttl)

    def _owner(self, context: ServerCallContext) -> str:
        """The owner_id in the storage of the one whose request this is."""
        name = self._owner_resolver(context) or ""
        if not name and not self._allow_anonymous:
            raise InvalidRequestError("This agent serves authenticated callers only.")
        try:
            return check_owner_id(f"{_OWNER_PREFIX}{name}")
        except ValueError as error:
            raise InvalidRequestError(f"The caller's name cannot be stored: {error}") from error


class BackendTaskStore(_TasksOnBackend, TaskStore):
    """A `TaskStore` of the SDK over a backend, for an agent of one replica.

    The last save wins, as in the SDK's own stores of this kind: with several replicas, what one has
    written is undone by the next save of another, a cancellation too. `VersionedBackendTaskStore`
    is for them.
    """

    @raises_a2a_errors
    async def save(self, task: Task, context: ServerCallContext) -> None:
        """Store the task, whatever is stored: one or two requests.

        Raises InvalidParamsError for a task that cannot be stored.
        """
        await self._backend.put(self._record(task, context))

    @raises_a2a_errors
    async def get(self, task_id: str, context: ServerCallContext) -> Task | None:
        """Return the owner's task, or None if there is no such task: one request."""
        found = await self._find(task_id, context)
        return None if found is None else found.task


class VersionedBackendTaskStore(_TasksOnBackend, VersionedTaskStore):
    """A `VersionedTaskStore` of the SDK over a backend, for an agent of any number of replicas.

    A save on what another replica has changed meanwhile is refused, so that no replica undoes what
    it has not seen. Versions are the backend's.
    """

    @raises_a2a_errors
    async def save(
        self,
        task: Task,
        *,
        event: Event | None = None,
        prev: Task | None = None,
        prev_version: TaskVersion,
        context: ServerCallContext,
    ) -> TaskVersion:
        """Store the task if `prev_version` is the stored one, and return its new version.

        With TaskVersion.MISSING there must be no such task. A cancelled task is written over any
        version, as the SDK demands, but only over a task that has not ended. One request; two to
        cancel, and two more for each save of somebody else's in between. `event` and `prev` are
        not needed: the event is not kept for subscribers at other replicas.

        Raises ConcurrentTaskModificationError if none of this holds, having written nothing;
        InvalidParamsError for a task that cannot be stored; TypeError for a version that is no
        int.
        """
        record = self._record(task, context)
        if task.status.state == TaskState.TASK_STATE_CANCELED:
            return TaskVersion(await self._cancel(record))
        if prev_version.is_missing:
            return TaskVersion(await self._create(record))
        return TaskVersion(await self._backend.put_if_version(record, _number(prev_version)))

    @raises_a2a_errors
    async def get(self, task_id: str, context: ServerCallContext) -> StoredTask | None:
        """Return the owner's task and its version, or None if there is none: one request."""
        return await self._find(task_id, context)

    async def _create(self, record: TaskRecord) -> int:
        try:
            return await self._backend.create(record)
        except AlreadyExistsError:
            found = await self._backend.get(record.owner_id, record.task_id)
            if not _has_expired(found):
                raise
            # Not deleted and created anew: versions would begin at 1 again.
            return await self._backend.put_if_version(record, found.version)

    async def _cancel(self, record: TaskRecord) -> int:
        for _ in range(PUT_ATTEMPTS):
            found = await self._backend.get(record.owner_id, record.task_id)
            if _has_expired(found) or found.record.status.is_terminal:
                break
            with suppress(ConcurrentModificationError):
                return await self._backend.put_if_version(record, found.version)
        raise ConcurrentTaskModificationError(record.task_id)


def _has_expired(found: VersionedRecord) -> bool:
    return found.record.is_expired(datetime.now(UTC))


def _number(version: TaskVersion) -> int:
    """The backend's version in one of the SDK's, which has no public name for it."""
    number = version._value
    if not isinstance(number, int):
        raise TypeError(f"a version of this store is an int, not {type(number).__name__}")
    return number
