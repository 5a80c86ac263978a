"""The targets of the backends that pmcp_storage ships, a module for each.

A backend is added by adding its module: `shipped_targets` finds the target in it. No module here
imports its backend's library before a target is used.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

from pmcp_conformance.target import BackendTarget
from pmcp_conformance.targets.dynamodb import DynamoDbTarget
from pmcp_conformance.targets.memory import MemoryTarget
from pmcp_conformance.targets.postgres import PostgresTarget
from pmcp_conformance.targets.redis import RedisTarget
from pmcp_conformance.targets.sqlite import SqliteTarget

__all__ = [
    "DynamoDbTarget",
    "MemoryTarget",
    "PostgresTarget",
    "RedisTarget",
    "SqliteTarget",
    "shipped_targets",
]


@cache
def shipped_targets() -> dict[str, type[BackendTarget]]:
    """The targets that `--pmcp-backend` knows by name: the one that each module here defines."""
    modules = [import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__)]
    return {target.name: target for target in map(_target_of, modules)}


def _target_of(module: ModuleType) -> type[BackendTarget]:
    [target] = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, BackendTarget)
        and value.__module__ == module.__name__
    ]
    return target
