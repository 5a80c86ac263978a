"""`pmcp-storage init | verify redis`: check that the server keeps what it acknowledges."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator

HELP = "a Redis or Valkey server"


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("url", help="redis://user:password@host:port/db")


def init(options: Namespace) -> Iterator[str]:
    """Nothing needs to be created in Redis, so this is verify."""
    yield "Redis needs no preparation"
    yield from verify(options)


def verify(options: Namespace) -> Iterator[str]:
    """Check the server's settings."""
    from pmcp_storage.backends.redis.redis_backend import RedisBackend

    with RedisBackend.from_url(options.url) as backend:
        backend.verify()
    yield "Redis is as it should be"
