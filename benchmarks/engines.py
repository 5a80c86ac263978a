"""The servers that benchmarks need, each started when the first of them asks for it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Self

from support import engines as dynamodb_engines
from support import postgres_server
from support.redis_server import RedisServer


class Engines:
    """Runs within a `with`, at whose end the servers end."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._found: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def folder(self) -> Path:
        """A new one, on the disk that temporary files are on."""
        return Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmark-")))

    def dynamodb(self) -> str:
        """The URL of an engine; boto3 finds it by its variables, too."""
        return self._get("dynamodb", _dynamodb)

    def redis(self) -> str:
        """The URL of a Redis that syncs every write, without a number of a database."""
        return self._get("redis", _redis)

    def postgres(self) -> str:
        """The URL of a PostgreSQL with `fsync = off`."""
        return self._get("postgres", _postgres)

    def _get(self, name: str, running: Callable[[], AbstractContextManager[str]]) -> str:
        if name not in self._found:
            self._found[name] = self._stack.enter_context(running())
        return self._found[name]


@contextmanager
def _dynamodb() -> Iterator[str]:
    with dynamodb_engines.dynamodb() as port:
        variables = dynamodb_engines.environment(port)
        os.environ.update(variables)
        yield variables["AWS_ENDPOINT_URL"]


@contextmanager
def _redis() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder, RedisServer(Path(folder)) as server:
        yield server.url.rpartition("/")[0]


@contextmanager
def _postgres() -> Iterator[str]:
    with postgres_server.running() as server:
        yield server.url()
