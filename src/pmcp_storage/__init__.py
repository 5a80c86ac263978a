"""Storage for MCP tasks: the task store, the backend interface, the backends and the record.

Every public name can be imported from here. The store, the async interface and the backends with a
library of their own are loaded when their names are first used, so that importing this package
needs pydantic only.

To read the code, begin with `records`, then `backend`; `backends` and `store` build on those.
"""

from typing import TYPE_CHECKING

from pmcp_storage.backend import StorageBackend, VersionedRecord, read_row
from pmcp_storage.backends.memory import InMemoryBackend, MemoryStorage
from pmcp_storage.errors import (
    AlreadyExistsError,
    BackendError,
    ConcurrentModificationError,
    CorruptRecordError,
    NotFoundError,
    OutcomeUnknownError,
    RecordTooLargeError,
    StorageError,
    StorageFullError,
)
from pmcp_storage.on_demand import on_demand
from pmcp_storage.records import Task, TaskRecord, TaskStatus
from pmcp_storage.store.change import TaskChange
from pmcp_storage.store.task_errors import (
    AnonymousOwnerError,
    InvalidArgumentError,
    InvalidCursorError,
    InvalidTransitionError,
    InvalidTtlError,
    InvalidVariablesError,
    NoResultError,
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

if TYPE_CHECKING:
    from pmcp_storage.aio.async_backend import AsyncStorageBackend
    from pmcp_storage.aio.sync_adapter import to_sync
    from pmcp_storage.backends.dynamodb.async_dynamodb_backend import (
        AsyncDynamoDbBackend as AsyncDynamoDbBackend,
    )
    from pmcp_storage.backends.dynamodb.dynamodb_backend import DynamoDbBackend as DynamoDbBackend
    from pmcp_storage.backends.postgres.async_postgres_backend import (
        AsyncPostgresBackend as AsyncPostgresBackend,
    )
    from pmcp_storage.backends.postgres.postgres_backend import PostgresBackend as PostgresBackend
    from pmcp_storage.backends.redis.redis_backend import RedisBackend as RedisBackend
    from pmcp_storage.backends.sqlite.sqlite_backend import SqliteBackend
    from pmcp_storage.store.blocking import GenericTaskStore
    from pmcp_storage.store.config import StoreConfig
    from pmcp_storage.store.paging import TaskPage
    from pmcp_storage.store.task_store import AsyncTaskStore

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
    "TaskChange",
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
    "AsyncDynamoDbBackend": "backends.dynamodb.async_dynamodb_backend",
    "AsyncPostgresBackend": "backends.postgres.async_postgres_backend",
    "AsyncStorageBackend": "aio.async_backend",
    "AsyncTaskStore": "store.task_store",
    "DynamoDbBackend": "backends.dynamodb.dynamodb_backend",
    "GenericTaskStore": "store.blocking",
    "PostgresBackend": "backends.postgres.postgres_backend",
    "RedisBackend": "backends.redis.redis_backend",
    "SqliteBackend": "backends.sqlite.sqlite_backend",
    "StoreConfig": "store.config",
    "TaskPage": "store.paging",
    "to_sync": "aio.sync_adapter",
}
"""The names that are loaded when they are first used, and their modules."""

__getattr__ = on_demand(__name__, _ON_DEMAND)
