"""The servers of the mutants: one of each kind for a process and all that it starts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mutants import dynamodb_target, postgres_target, redis_target


@contextmanager
def shared_servers() -> Iterator[None]:
    """All of them, for the length of a `with`."""
    postgres_target.server_url()
    redis_target.server_url()
    dynamodb_target.engine_endpoint()
    try:
        yield
    finally:
        stop_servers()


def stop_servers() -> None:
    """End those that this process has started."""
    postgres_target.stop_server()
    redis_target.stop_server()
    dynamodb_target.stop_engine()
