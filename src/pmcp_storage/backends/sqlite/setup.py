"""`pmcp-storage init | verify sqlite`: create the file, and check that it is sound."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator

HELP = "a SQLite file"


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("path", help="the file")


def init(options: Namespace) -> Iterator[str]:
    """Create the file where it is missing, and what it lacks."""
    from pmcp_storage.backends.sqlite.check import complete_file

    there = os.path.exists(options.path)
    lacked = complete_file(options.path)
    if not there:
        yield f"created {options.path}"
    elif lacked:
        yield f"{options.path} {lacked}: created what was missing"
    else:
        yield f"{options.path} is there"


def verify(options: Namespace) -> Iterator[str]:
    """Check that the file is there, holds tasks, and is sound."""
    from pmcp_storage.backends.sqlite.check import check_file

    check_file(options.path)
    yield f"{options.path} is as it should be"
