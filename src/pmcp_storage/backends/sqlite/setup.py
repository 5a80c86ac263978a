"""`pmcp-storage init | verify sqlite`: create the file, and check that it is sound."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path

from pmcp_storage.errors import BackendError

HELP = "a SQLite file"


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("path", help="the file")


def init(options: Namespace) -> Iterator[str]:
    """Create the file where it is missing."""
    there = Path(options.path).exists()
    _verify(options.path)
    yield f"{options.path} is there" if there else f"created {options.path}"


def verify(options: Namespace) -> Iterator[str]:
    """Check that the file is there, holds tasks, and is sound."""
    if not Path(options.path).exists():
        raise BackendError(
            f"{options.path} does not exist: create it with 'pmcp-storage init sqlite "
            f"{options.path}'"
        )
    _verify(options.path)
    yield f"{options.path} is as it should be"


def _verify(path: str) -> None:
    from pmcp_storage.backends.sqlite.sqlite_backend import SqliteBackend

    with SqliteBackend(path) as backend:
        backend.verify()
