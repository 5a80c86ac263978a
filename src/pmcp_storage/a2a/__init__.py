"""Task stores of the A2A Python SDK (a2a-sdk) over any storage backend.

`VersionedBackendTaskStore` is for agents of one or more replicas, `BackendTaskStore` for request
handlers that take a plain `TaskStore` only. The SDK's request handler decides what becomes of a
task; the stores here keep it, so they build on a backend, and not on the task store for MCP.

To read the code, begin with `stores`. `stored_tasks` is how a task is kept in a record, `listing`
makes a page of a listing, and `translation` says what the storage's errors mean to the SDK.
"""

from typing import TYPE_CHECKING

from pmcp_storage.on_demand import on_demand

if TYPE_CHECKING:
    from pmcp_storage.a2a.stores import BackendTaskStore, VersionedBackendTaskStore

__all__ = ["BackendTaskStore", "VersionedBackendTaskStore"]

__getattr__ = on_demand(
    __name__, {"BackendTaskStore": "stores", "VersionedBackendTaskStore": "stores"}
)
