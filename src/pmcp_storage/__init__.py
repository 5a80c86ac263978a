"""Storage for MCP tasks: the task store, the backend interface, the backends and the record.

Every public name can be imported from here. What not everybody needs, the store, the async doors
and the backends with a library of their own, is loaded when its name is first asked for, so that
importing this package needs pydantic only.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pmcp_storage.backend import StorageBackend, VersionedRecord, read_row
from pmcp_storage.backends.memory import InMemoryBackend, MemoryStorage
from pmcp_storage.errors import (
    AlreadyExistsError,
    AnonymousOwnerError,
    BackendError,
    ConcurrentModificationError,
    CorruptRecordError,
    InvalidArgumentError,
    InvalidCursorError,
    InvalidTransitionError,
    InvalidTtlError,
    InvalidVariablesError,
    NoResultError,
    NotFoundError,
    OutcomeUnknownError,
    RecordTooLargeError,
    StorageError,
    StorageFullError,
    TaskAlreadyExistsError,
    TaskBackendError,
    TaskConflictError,
    TaskEndedError,
    TaskError,
    TaskNotFoundError,
    TaskNotReadyError,
    TaskOutcomeUnknownError,
    TaskQuotaError,
    TaskStorageFullError,
    TaskTooLargeError,
)
from pmcp_storage.records import Task, TaskRecord, TaskStatus

if TYPE_CHECKING:
    from pmcp_storage.aio import AsyncStorageBackend, to_sync
    from pmcp_storage.backends.dynamodb import DynamoDbBackend as DynamoDbBackend
    from pmcp_storage.backends.postgres import AsyncPostgresBackend as AsyncPostgresBackend
    from pmcp_storage.backends.postgres import PostgresBackend as PostgresBackend
    from pmcp_storage.backends.redis import RedisBackend as RedisBackend
    from pmcp_storage.backends.sqlite import SqliteBackend
    from pmcp_storage.config import StoreConfig
    from pmcp_storage.listing import TaskPage
    from pmcp_storage.store import AsyncTaskStore, GenericTaskStore

__version__ = "0.1.0"

__all__ = [
    "AlreadyExistsError",
    "AnonymousOwnerError",
    "AsyncStorageBackend",
    "AsyncTaskStore",
    "BackendError",
    "ConcurrentModificationError",
    "CorruptRecordError",
    "GenericTaskStore",
    "InMemoryBackend",
    "InvalidArgumentError",
    "InvalidCursorError",
    "InvalidTransitionError",
    "InvalidTtlError",
    "InvalidVariablesError",
    "MemoryStorage",
    "NoResultError",
    "NotFoundError",
    "OutcomeUnknownError",
    "RecordTooLargeError",
    "SqliteBackend",
    "StorageBackend",
    "StorageError",
    "StorageFullError",
    "StoreConfig",
    "Task",
    "TaskAlreadyExistsError",
    "TaskBackendError",
    "TaskConflictError",
    "TaskEndedError",
    "TaskError",
    "TaskNotFoundError",
    "TaskNotReadyError",
    "TaskOutcomeUnknownError",
    "TaskPage",
    "TaskQuotaError",
    "TaskRecord",
    "TaskStatus",
    "TaskStorageFullError",
    "TaskTooLargeError",
    "VersionedRecord",
    "read_row",
    "to_sync",
]

_ON_DEMAND = {
    "AsyncPostgresBackend": "backends.postgres",
    "AsyncStorageBackend": "aio",
    "AsyncTaskStore": "store",
    "DynamoDbBackend": "backends.dynamodb",
    "GenericTaskStore": "store",
    "PostgresBackend": "backends.postgres",
    "RedisBackend": "backends.redis",
    "SqliteBackend": "backends.sqlite",
    "StoreConfig": "config",
    "TaskPage": "listing",
    "to_sync": "aio",
}
"""The names that are loaded when they are asked for, and their modules. A backend's module has the
name of the extra that brings its library."""


def __getattr__(name: str) -> Any:
    if name not in _ON_DEMAND:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = _ON_DEMAND[name]
    try:
        return getattr(import_module(f"{__name__}.{module}"), name)
    except ModuleNotFoundError as error:
        extra = module.removeprefix("backends.")
        hint = f"{name} needs a library that is not installed: pip install 'pmcp-storage[{extra}]'"
        raise ModuleNotFoundError(hint, name=error.name) from error
