"""`pmcp-storage init | verify postgres`: the table, and whether it is as it should be."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator

HELP = "a table in PostgreSQL"


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "url", nargs="?", default="", help="postgresql://user@host/database (default: PGHOST etc.)"
    )
    parser.add_argument("--schema", default="pmcp", help="the table's schema (default: pmcp)")


def init(options: Namespace) -> Iterator[str]:
    """Create schema, table and index where they are missing; say what a server's role needs."""
    from pmcp_storage.backends.postgres.creation import create_missing
    from pmcp_storage.backends.postgres.layout import grants
    from pmcp_storage.backends.postgres.statements import Statements

    yield from create_missing(options.url, options.schema)
    yield "the least that the role of a server needs (here called app):"
    yield from (f"  {line}" for line in grants(Statements(options.schema), "app"))
    yield from verify(options)


def verify(options: Namespace) -> Iterator[str]:
    """Check layout, rights, and that the server keeps what it acknowledges."""
    from pmcp_storage.backends.postgres.postgres_backend import PostgresBackend
    from pmcp_storage.backends.postgres.statements import Statements

    with PostgresBackend.from_url(options.url, options.schema, connections=1) as backend:
        backend.verify()
    yield f"table {Statements(options.schema).table} is as it should be"
