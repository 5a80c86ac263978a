"""The layout of the table: how it is created, and what is missing from one or different."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from pmcp_storage.backends.postgres.operations import Operations
from pmcp_storage.backends.postgres.statements import (
    BYTEA,
    Statement,
    Statements,
    statement,
)
from pmcp_storage.errors import BackendError

CREATE_TABLE = """CREATE TABLE IF NOT EXISTS {table} (
    owner_id text COLLATE "C" NOT NULL,
    task_id text COLLATE "C" NOT NULL,
    status text NOT NULL,
    version numeric NOT NULL,
    expires_at timestamptz,
    write_id uuid,
    data text NOT NULL,
    PRIMARY KEY (owner_id, task_id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05)"""

CREATE_INDEX = """CREATE INDEX IF NOT EXISTS tasks_by_expiry ON {table} (expires_at)
    WHERE expires_at IS NOT NULL"""

RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE")

_COLUMNS = {
    "owner_id": ("text", "C"),
    "task_id": ("text", "C"),
    "status": ("text", None),
    "version": ("numeric", None),
    "expires_at": ("timestamp with time zone", None),
    "write_id": ("uuid", None),
    "data": ("text", None),
}
"""The type of each column, and its collation where that matters."""

_OLDEST = 130_000
"""PostgreSQL 13."""

_SERVER = statement(
    """SELECT current_setting('server_version_num'),
        (SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = current_database()),
        pg_is_in_recovery()::text, current_setting('transaction_read_only'),
        current_setting('fsync'), current_setting('full_page_writes'),
        current_setting('synchronous_commit')"""
)
_TABLE = statement(
    """SELECT relation.oid::text, relation.relpersistence::text,
        has_schema_privilege(namespace.oid, 'USAGE')::text,
        has_table_privilege(relation.oid, 'SELECT')::text,
        has_table_privilege(relation.oid, 'INSERT')::text,
        has_table_privilege(relation.oid, 'UPDATE')::text,
        has_table_privilege(relation.oid, 'DELETE')::text
    FROM pg_class AS relation JOIN pg_namespace AS namespace ON namespace.oid = relnamespace
    WHERE nspname = convert_from($1, 'UTF8') AND relname = 'tasks' AND relkind IN ('r', 'p')""",
    BYTEA,
)
_LAYOUT = statement(
    """SELECT attname::text, format_type(atttypid, atttypmod), collname::text
    FROM pg_attribute LEFT JOIN pg_collation ON pg_collation.oid = attcollation
    WHERE attrelid = convert_from($1, 'UTF8')::oid AND attnum > 0 AND NOT attisdropped""",
    BYTEA,
)
_INDEXES = statement(
    """SELECT (indisunique AND indpred IS NULL)::text,
        (SELECT string_agg(attname, ', ' ORDER BY place)
         FROM unnest(indkey) WITH ORDINALITY AS keys (number, place)
         JOIN pg_attribute ON attrelid = indrelid AND attnum = number)
    FROM pg_index WHERE indrelid = convert_from($1, 'UTF8')::oid AND indisvalid""",
    BYTEA,
)


def grants(statements: Statements, role: str) -> list[str]:
    """The statements that give a role the least that a server needs."""
    return [
        f"GRANT USAGE ON SCHEMA {statements.schema} TO {role};",
        f"GRANT {', '.join(RIGHTS)} ON {statements.table} TO {role};",
    ]


async def check_table(operations: Operations) -> None:
    """Raises BackendError listing all that is missing or different."""
    faults = [fault async for fault in _faults(operations)]
    if faults:
        raise BackendError(f"{operations.statements.table}: {'; '.join(faults)}")


async def _faults(operations: Operations) -> AsyncIterator[str]:
    server = await _rows(operations, _SERVER)
    for fault in _server_faults(*server[0]):
        yield fault
    name = operations.statements.schema[1:-1].replace('""', '"')
    found = await _rows(operations, _TABLE, name)
    if not found:
        yield "there is no such table: create it with pmcp-storage init postgres"
        return
    oid, persistence, *rights = found[0]
    for fault in _right_faults(operations.statements, persistence, rights):
        yield fault
    columns = {row[0]: row[1:] for row in await _rows(operations, _LAYOUT, oid)}
    indexes = await _rows(operations, _INDEXES, oid)
    for fault in (*_column_faults(columns), *_index_faults(indexes)):
        yield fault


async def _rows(operations: Operations, wanted: Statement, *names: str) -> list[list[str]]:
    answer = await operations.read(wanted, [name.encode() for name in names])
    return [[(value or b"").decode() for value in row] for row in answer.rows]


def _server_faults(
    version: str, encoding: str, standby: str, read_only: str, *durable: str
) -> Iterator[str]:
    if int(version) < _OLDEST:
        yield f"the server is older than PostgreSQL 13 (server_version_num {version}): upgrade it"
    if encoding != "UTF8":
        yield f"the encoding of the database is {encoding}, not UTF8: use another database"
    if standby == "true":
        yield (
            "the server is a standby, which takes no writes: name the primary, or all hosts and "
            "target_session_attrs=read-write"
        )
    elif read_only == "on":
        yield "transactions are read-only here: switch default_transaction_read_only off"
    names = ("fsync", "full_page_writes", "synchronous_commit")
    for setting, value in zip(names, durable, strict=True):
        if value == "off":
            yield f"{setting} is off, so that acknowledged records can be lost: switch it on"


def _right_faults(statements: Statements, persistence: str, rights: list[str]) -> Iterator[str]:
    if persistence != "p":
        yield "it is an unlogged table, which a crash empties: ALTER TABLE … SET LOGGED"
    names = (f"USAGE on schema {statements.schema}", *RIGHTS)
    missing = [name for name, has in zip(names, rights, strict=True) if has != "true"]
    if missing:
        yield f"this role lacks {', '.join(missing)}: {' '.join(grants(statements, 'the_role'))}"


def _column_faults(columns: dict[str, list[str]]) -> Iterator[str]:
    for name, (kind, collation) in _COLUMNS.items():
        if name not in columns:
            yield f"the column {name} is missing"
            continue
        found, collated = columns[name]
        if found != kind:
            yield f"the column {name} is of type {found}, not {kind}"
        elif collation is not None and collated != collation:
            yield f'the column {name} has the collation "{collated}", not "{collation}"'


def _index_faults(indexes: list[list[str]]) -> Iterator[str]:
    if ["true", "owner_id, task_id"] not in indexes:
        yield "the primary key must be (owner_id, task_id)"
    if not any(columns.split(", ")[0] == "expires_at" for _, columns in indexes):
        yield "an index on expires_at is missing, so that a cleanup reads the whole table"
