"""The task store without an event loop.

It runs the code of `task_store`: over a backend whose operations never wait, a coroutine of that
store runs to its end without an event loop.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from pmcp_storage.aio.async_adapter import at_once, run_at_once
from pmcp_storage.backend import StorageBackend
from pmcp_storage.store.config import StoreConfig
from pmcp_storage.store.task_store import AsyncTaskStore
from pmcp_storage.store.wire import wire_form

P = ParamSpec("P")
T = TypeVar("T")


def _blocking(
    method: Callable[Concatenate[AsyncTaskStore, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[GenericTaskStore, P], T]:
    """The method, without waiting for an event loop."""

    @wraps(method)
    def blocking(self: GenericTaskStore, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return run_at_once(method(self._store, *args, **kwargs))

    return blocking


class GenericTaskStore:
    """Tasks and the rules of their life, over any backend: AsyncTaskStore without an event loop.

    Every method does, returns and raises what the one of that name in AsyncTaskStore does, and
    blocks the calling thread until it is done. `to_sync` makes an async backend fit.
    """

    def __init__(self, backend: StorageBackend, config: StoreConfig | None = None) -> None:
        if not isinstance(backend, StorageBackend):
            kind = type(backend).__name__
            raise TypeError(f"backend must be a StorageBackend (see to_sync), not {kind}")
        self._given = backend
        self._store = AsyncTaskStore(at_once(backend), config)

    wire_form = staticmethod(wire_form)

    @property
    def backend(self) -> StorageBackend:
        """The backend that the store was given."""
        return self._given

    @property
    def config(self) -> StoreConfig:
        """The limits that the store keeps."""
        return self._store.config

    def mint_task_id(self) -> str:
        """A fresh id, as `create` mints one: a UUIDv7, or random bits if so configured.

        Raises ModuleNotFoundError where a UUIDv7 is to be minted without uuid-utils.
        """
        return self._store.mint_task_id()

    create = _blocking(AsyncTaskStore.create)
    get = _blocking(AsyncTaskStore.get)
    update_status = _blocking(AsyncTaskStore.update_status)
    set_variables = _blocking(AsyncTaskStore.set_variables)
    set_result = _blocking(AsyncTaskStore.set_result)
    complete_with_result = _blocking(AsyncTaskStore.complete_with_result)
    change = _blocking(AsyncTaskStore.change)
    report_progress = _blocking(AsyncTaskStore.report_progress)
    get_result = _blocking(AsyncTaskStore.get_result)
    cancel = _blocking(AsyncTaskStore.cancel)
    list = _blocking(AsyncTaskStore.list)
    delete = _blocking(AsyncTaskStore.delete)
    cleanup_expired = _blocking(AsyncTaskStore.cleanup_expired)
