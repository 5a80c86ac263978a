"""The interface of an async backend: that of `StorageBackend`, with coroutines for operations.

Its operations share the code of StorageBackend's, so that both check the same. The contract is the
same, too.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import datetime
from functools import wraps
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar, cast

from pmcp_storage.backend import (
    PAGE,
    PUT_ATTEMPTS,
    StorageBackend,
    VersionedRecord,
    put_gave_up,
)
from pmcp_storage.errors import (
    AlreadyExistsError,
    ConcurrentModificationError,
    NotFoundError,
)
from pmcp_storage.records import TaskRecord

P = ParamSpec("P")
T = TypeVar("T")


def _as_coroutine(
    operation: Callable[Concatenate[StorageBackend, P], T],
) -> Callable[Concatenate[AsyncStorageBackend, P], Coroutine[Any, Any, T]]:
    """The operation of a StorageBackend, as one of an AsyncStorageBackend.

    An operation checks its arguments and then returns what the author's underscored method
    returns: here a coroutine, which remains to be awaited.
    """

    @wraps(operation)
    async def coroutine(self: AsyncStorageBackend, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return cast(T, await cast(Any, operation)(self, *args, **kwargs))

    return coroutine


class AsyncStorageBackend(ABC):
    """A handle on a storage of task records, for event loops. Close it when done.

    Every operation is a coroutine with the arguments, checks, results and errors of the
    StorageBackend's operation of that name. An author writes the underscored methods as
    coroutines, under the same contract. An operation that is cancelled while it writes may or
    may not have written.
    """

    _closed = False

    get = _as_coroutine(StorageBackend.get)
    create = _as_coroutine(StorageBackend.create)
    put_if_version = _as_coroutine(StorageBackend.put_if_version)
    put = _as_coroutine(StorageBackend.put)
    delete = _as_coroutine(StorageBackend.delete)
    list_by_owner = _as_coroutine(StorageBackend.list_by_owner)
    count_by_owner = _as_coroutine(StorageBackend.count_by_owner)
    cleanup_expired = _as_coroutine(StorageBackend.cleanup_expired)

    def iter_by_owner(self, owner_id: str) -> AsyncIterator[VersionedRecord]:
        """Yield all records of the owner in the order of `list_by_owner`, page by page.

        Raises what `list_by_owner` raises, for the arguments at once.
        """
        pages: Any = StorageBackend.iter_by_owner(cast(Any, self), owner_id)
        return cast(AsyncIterator[VersionedRecord], pages)

    async def close(self) -> None:
        """End this handle, and free what it opened itself. The second time does nothing.

        Where it raises, as where it is interrupted, it may be called again.
        """
        if not self._closed:
            try:
                self._closed = True
                await self._close()
            except BaseException:
                self._closed = False
                raise

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def _check_open(self) -> None:
        StorageBackend._check_open(cast(Any, self))

    async def _pages(self, owner_id: str) -> AsyncIterator[VersionedRecord]:
        after = None
        while True:
            page = await self.list_by_owner(owner_id, limit=PAGE, after=after)
            for found in page:
                yield found
            if len(page) < PAGE:
                return
            after = page[-1].record.task_id

    @abstractmethod
    async def _get(self, owner_id: str, task_id: str) -> VersionedRecord: ...

    @abstractmethod
    async def _create(self, record: TaskRecord) -> int: ...

    @abstractmethod
    async def _put_if_version(self, record: TaskRecord, expected_version: int) -> int: ...

    @abstractmethod
    async def _delete(self, owner_id: str, task_id: str) -> bool: ...

    @abstractmethod
    async def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]: ...

    @abstractmethod
    async def _cleanup_expired(self) -> int: ...

    async def _put(self, record: TaskRecord) -> int:
        """Read the version, then compare and swap, until one holds; see StorageBackend."""
        for _ in range(PUT_ATTEMPTS):
            try:
                return await self._put_once(record)
            except (AlreadyExistsError, ConcurrentModificationError, NotFoundError):
                continue
        raise put_gave_up(record)

    async def _put_once(self, record: TaskRecord) -> int:
        try:
            version = (await self._get(record.owner_id, record.task_id)).version
        except NotFoundError:
            return await self._create(record)
        return await self._put_if_version(record, version)

    async def _count_by_owner(
        self, owner_id: str, *, live_at: datetime | None, at_most: int | None
    ) -> int:
        count = 0
        async for found in self._pages(owner_id):
            if live_at is None or not found.record.is_expired(live_at):
                count += 1
            if count == at_most:
                break
        return count

    async def _close(self) -> None:  # noqa: B027 - many handles hold nothing to free
        """Free what the handle opened itself; called again only where it has raised."""
