"""Names of a package that are loaded when they are first used, so that importing it is cheap."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

_REMEDIES = {
    "a2a": "pip install 'pmcp-storage[a2a]'",
    "aiohttp": "pip install 'pmcp-storage[dynamodb-async]'",
    "boto3": "pip install 'pmcp-storage[dynamodb]'",
    "botocore": "pip install 'pmcp-storage[dynamodb]'",
    "fastmcp": "pip install 'pmcp-storage[mcp]' 'fastmcp>=4.1'",
    "mcp": "pip install 'pmcp-storage[mcp]'",
    "mcp_types": "pip install 'pmcp-storage[mcp]'",
    "psycopg": "pip install 'pmcp-storage[postgres]' 'psycopg[binary]'",
    "psycopg_pool": "pip install 'pmcp-storage[postgres]' 'psycopg[binary]'",
    "redis": "pip install 'pmcp-storage[redis]'",
    "_sqlite3": "this Python was built without SQLite, so use another one",
    "sqlite3": "this Python was built without SQLite, so use another one",
}
"""What to do where a module is missing. The other backends need pydantic only."""


def on_demand(package: str, modules: Mapping[str, str]) -> Callable[[str], Any]:
    """The `__getattr__` of a package: loads a name from the module of the package that has it.

    It raises AttributeError for a name that is not in `modules`, and ModuleNotFoundError that says
    what to do where a library is missing.
    """

    def load(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        try:
            return getattr(import_module(f"{package}.{modules[name]}"), name)
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(needs(name, error), name=error.name) from error

    return load


def needs(what: str, error: ModuleNotFoundError) -> str:
    """What is missing for something, and what to do: the message for a failed import of it."""
    missing = f"{what} needs the module {error.name}, which is not installed"
    remedy = _REMEDIES.get((error.name or "").partition(".")[0])
    return f"{missing}: {remedy}" if remedy else missing
