"""All benchmarks, by name."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType

from benchmarks.engines import Engines
from benchmarks.results import Result
from benchmarks.scale import Scale

Run = Callable[[Engines, Scale], Iterator[Result | str]]
"""Yields what was measured, and sentences about it."""


@dataclass(frozen=True)
class Benchmark:
    """A module of this package with a function `run`; its docstring says what it measures."""

    name: str
    module: str
    title: str
    is_long: bool = False
    """Whether it runs only where it is named."""

    @property
    def run(self) -> Run:
        run: Run = self._loaded().run
        return run

    @property
    def about(self) -> str:
        """What it measures."""
        return inspect.getdoc(self._loaded()) or ""

    def _loaded(self) -> ModuleType:
        return importlib.import_module(f"benchmarks.{self.module}")


BENCHMARKS = {
    each.name: each
    for each in (
        Benchmark("memory", "memory", "InMemoryBackend"),
        Benchmark("sqlite", "sqlite", "SqliteBackend"),
        Benchmark("redis", "redis_commands", "RedisBackend"),
        Benchmark("postgres", "postgres", "PostgresBackend"),
        Benchmark("dynamodb", "dynamodb", "DynamoDbBackend"),
        Benchmark("async-dynamodb", "async_dynamodb", "AsyncDynamoDbBackend"),
        Benchmark("async-elsewhere", "async_elsewhere", "Event loops on Redis and SQLite"),
        Benchmark("adapters", "adapters", "Threads and event loops"),
        Benchmark("store", "store", "The task store"),
        Benchmark("rivals", "rivals", "What else one could take"),
        Benchmark("growth", "growth", "What grows, and how"),
        Benchmark("report-page", "report_page", "The page of a report"),
        Benchmark("kit", "kit", "A run of the contract", is_long=True),
        Benchmark("driver", "driver", "The pipe to a driver", is_long=True),
    )
}
