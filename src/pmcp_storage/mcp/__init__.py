"""Durable tasks for MCP servers and their callers: `TasksExtension` and `TasksClient`.

Needs the extra `mcp`: `pip install 'pmcp-storage[mcp]'`; `FastMCPTasks` also needs fastmcp.
"""

from typing import TYPE_CHECKING

from pmcp_storage.on_demand import on_demand

if TYPE_CHECKING:
    from pmcp_storage.mcp.client import TaskCancelledError, TasksCapability, TasksClient, TaskState
    from pmcp_storage.mcp.extension import TasksExtension
    from pmcp_storage.mcp.fastmcp import FastMCPTasks

__all__ = [
    "FastMCPTasks",
    "TaskCancelledError",
    "TaskState",
    "TasksCapability",
    "TasksClient",
    "TasksExtension",
]

__getattr__ = on_demand(
    __name__,
    {
        "FastMCPTasks": "fastmcp",
        "TaskCancelledError": "client",
        "TaskState": "client",
        "TasksCapability": "client",
        "TasksClient": "client",
        "TasksExtension": "extension",
    },
)
