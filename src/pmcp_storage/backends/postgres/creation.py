"""Creating the schema, the table and the index of PostgresBackend where they are missing."""

from __future__ import annotations

from collections.abc import Iterator

from pmcp_storage.aio.async_adapter import run_at_once
from pmcp_storage.backends.postgres.exchange import Failure
from pmcp_storage.backends.postgres.layout import CREATE_INDEX, CREATE_TABLE
from pmcp_storage.backends.postgres.operations import Operations
from pmcp_storage.backends.postgres.pools import OwnPool
from pmcp_storage.backends.postgres.refusals import refused
from pmcp_storage.backends.postgres.settings import TIMEOUT
from pmcp_storage.backends.postgres.statements import (
    BYTEA,
    Statement,
    Statements,
    statement,
)

_MADE_MEANWHILE = ("23505", "42P06", "42P07", "42710", "XX000")
"""What one of several that create the same thing at once meets: it is there, or half there. The
last is an update of a catalog's row that another has updated ("tuple concurrently updated")."""

_TRIES = 20

_THERE = statement(
    """SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = convert_from($1, 'UTF8'))::text,
        EXISTS (SELECT FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
                WHERE nspname = convert_from($1, 'UTF8') AND relname = 'tasks')::text,
        EXISTS (SELECT FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
                WHERE nspname = convert_from($1, 'UTF8') AND relname = 'tasks_by_expiry')::text""",
    BYTEA,
)


def create_missing(url: str, schema: str) -> Iterator[str]:
    """Create schema, table and index where they are missing, and say so.

    Several may do so at once. Raises BackendError where this role may not, and as `from_url`.
    """
    names = Statements(schema)
    wanted = (
        (f"schema {names.schema}", f"CREATE SCHEMA IF NOT EXISTS {names.schema}"),
        (f"table {names.table}", CREATE_TABLE.format(table=names.table)),
        ("index tasks_by_expiry", CREATE_INDEX.format(table=names.table)),
    )
    operations = Operations(OwnPool(url, 1, TIMEOUT), schema)
    try:
        # What is there is not created again, because that takes rights which a role may lack.
        there = run_at_once(operations.read(_THERE, [schema.encode()])).rows[0]
        for (name, text), is_there in zip(wanted, there, strict=True):
            if is_there == b"true":
                yield f"{name} is there"
            else:
                _create(operations, statement(text))
                yield f"created {name}"
    finally:
        run_at_once(operations.pool.close())


def _create(operations: Operations, creation: Statement) -> None:
    for tries_left in reversed(range(_TRIES)):
        try:
            run_at_once(operations.call(creation, []))
            return
        except Failure as failure:
            if failure.error.sqlstate not in _MADE_MEANWHILE or not tries_left:
                raise refused(failure.error) from failure.error
