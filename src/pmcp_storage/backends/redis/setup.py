"""`pmcp-storage init | verify redis`: check that the server keeps what it acknowledges."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pmcp_storage.backends.redis.redis_backend import RedisBackend

HELP = "a Redis or Valkey server"


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("url", help="redis://user:password@host:port/db")


def init(options: Namespace) -> Iterator[str]:
    """Nothing needs to be created in Redis, so this checks what the server shows."""
    from pmcp_storage.backends.redis.redis_backend import RedisBackend, hidden_settings

    yield "Redis needs no preparation"
    with RedisBackend.from_url(options.url) as backend:
        found = backend.inspect()
        if found.wrong or not found.hidden:
            yield from _verified(backend)
        else:
            yield hidden_settings(found)


def verify(options: Namespace) -> Iterator[str]:
    """Check the server's settings."""
    from pmcp_storage.backends.redis.redis_backend import RedisBackend

    with RedisBackend.from_url(options.url) as backend:
        yield from _verified(backend)


def _verified(backend: RedisBackend) -> Iterator[str]:
    backend.verify()
    yield "Redis is as it should be"
