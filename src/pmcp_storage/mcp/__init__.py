"""Durable tasks for MCP servers and their callers: `TasksExtension` and `TasksClient`.

Needs the extra `mcp`: `pip install 'pmcp-storage[mcp]'`.
"""

from pmcp_storage.mcp.client import TaskCancelledError, TasksCapability, TasksClient, TaskState
from pmcp_storage.mcp.extension import TasksExtension

__all__ = [
    "TaskCancelledError",
    "TaskState",
    "TasksCapability",
    "TasksClient",
    "TasksExtension",
]
