"""The SQL of every operation, and its parameters as they go over the wire.

Texts travel as bytes of UTF-8, numbers as digits, instants and tokens in binary: so nothing
depends on the session's encoding, time zone, date style or search path, nor on the types that the
caller's connections are adapted to. The layout of the table is in `setup`.

A write that is refused writes nothing, and says which version refused it. That version is not
always the one of the statement's snapshot: under READ COMMITTED an UPDATE that waited for
another's lock goes on with the row as it is now, while the statement's subqueries still see the
old one. A swap that is refused although the snapshot has the expected version has met this, and
locks the row to read its version: a lock follows the row to what it is now, as an UPDATE does.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from pmcp_storage.records import TaskRecord

BYTEA, INT8, TIMESTAMPTZ, NUMERIC, UUID = 17, 20, 1184, 1700, 2950
"""The object ids of types of PostgreSQL's own, which never change (its file pg_type.dat)."""

Values = Sequence[bytes | None]
Key = tuple[bytes, bytes]

_KEY = "owner_id = convert_from($1, 'UTF8') AND task_id = convert_from($2, 'UTF8')"
_OWNER = "owner_id = convert_from($1, 'UTF8')"

_ROW_TYPES = (BYTEA, BYTEA, BYTEA, TIMESTAMPTZ, UUID, BYTEA)
_INSERT = """INSERT INTO {tasks} AS stored
    (owner_id, task_id, status, version, expires_at, write_id, data)
    VALUES (convert_from($1, 'UTF8'), convert_from($2, 'UTF8'), convert_from($3, 'UTF8'), 1,
            $4, $5, convert_from($6, 'UTF8'))
    ON CONFLICT (owner_id, task_id)"""


class Statement(NamedTuple):
    """A statement and the types of its parameters."""

    text: bytes
    types: list[int]
    formats: list[int]
    """1: binary, 0: text."""


class Statements:
    """The statements on the table of one schema."""

    def __init__(self, schema: str) -> None:
        """`schema` is its name as it stands in the catalog, without quotes.

        Raises ValueError unless it has 1 to 63 printable characters of ASCII.
        """
        if not (1 <= len(schema) <= 63 and schema.isascii() and schema.isprintable()):
            raise ValueError(
                f"schema must have 1 to 63 printable characters of ASCII, not {schema!r}"
            )
        self.schema = quoted(schema)
        self.table = f"{self.schema}.tasks"
        self.get = self._made(
            f"SELECT version::text, convert_to(data, 'UTF8') FROM {{tasks}} WHERE {_KEY}",
            BYTEA,
            BYTEA,
        )
        self.proof = self._made(
            f"SELECT version::text FROM {{tasks}} WHERE {_KEY} AND write_id = $3",
            BYTEA,
            BYTEA,
            UUID,
        )
        self.create = self._made(f"{_INSERT} DO NOTHING", *_ROW_TYPES)
        self.put = self._made(_PUT, *_ROW_TYPES)
        self.put_if_version = self._made(_PUT_IF_VERSION, *_ROW_TYPES, NUMERIC)
        self.delete = self._made(f"DELETE FROM {{tasks}} WHERE {_KEY}", BYTEA, BYTEA)
        self.first_page = self._made(_page(""), BYTEA, INT8)
        self.next_page = self._made(
            _page("AND task_id < convert_from($3, 'UTF8')"), BYTEA, INT8, BYTEA
        )
        self.count = self._made(_count(""), BYTEA, INT8)
        self.count_live = self._made(
            _count("AND (expires_at IS NULL OR expires_at > $3)"), BYTEA, INT8, TIMESTAMPTZ
        )
        self.cleanup = self._made(_CLEANUP, TIMESTAMPTZ, INT8)

    def _made(self, text: str, *types: int) -> Statement:
        return statement(text.replace("{tasks}", self.table), *types)


def statement(text: str, *types: int) -> Statement:
    """A statement of plain ASCII."""
    return Statement(text.encode("ascii"), [*types], [int(each != NUMERIC) for each in types])


def quoted(name: str) -> str:
    """A name as an identifier of SQL."""
    return '"' + name.replace('"', '""') + '"'


_PUT = f"""{_INSERT} DO UPDATE SET
    status = excluded.status, version = stored.version + 1, expires_at = excluded.expires_at,
    write_id = excluded.write_id, data = excluded.data
    RETURNING version::text"""

_PUT_IF_VERSION = f"""WITH written AS (
        UPDATE {{tasks}} AS stored SET
            status = convert_from($3, 'UTF8'), version = stored.version + 1, expires_at = $4,
            write_id = $5, data = convert_from($6, 'UTF8')
        WHERE {_KEY} AND version = $7
        RETURNING version
    ), seen AS (
        SELECT version FROM {{tasks}} WHERE {_KEY}
    ), held AS (
        SELECT version FROM {{tasks}} WHERE {_KEY}
            AND NOT EXISTS (SELECT FROM written) AND (SELECT version FROM seen) = $7
        FOR NO KEY UPDATE
    )
    SELECT (SELECT version::text FROM written), (SELECT version::text FROM held),
           (SELECT version::text FROM seen), (SELECT version = $7 FROM seen)"""
"""The version written, the one that was locked, the one of the snapshot, and whether that was the
expected one. Where it was not, nothing is locked or written."""

# A row that another transaction holds is left to it, or to the next cleanup: so cleanups never
# wait for each other or for writers, and what is removed had expired when it was locked.
_CLEANUP = """WITH expired AS MATERIALIZED (
        SELECT owner_id, task_id FROM {tasks} WHERE expires_at <= $1
        ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED
    )
    DELETE FROM {tasks} AS stored USING expired
    WHERE stored.owner_id = expired.owner_id AND stored.task_id = expired.task_id"""


def _page(condition: str) -> str:
    return f"""SELECT convert_to(task_id, 'UTF8'), version::text, convert_to(data, 'UTF8')
        FROM {{tasks}} WHERE {_OWNER} {condition} ORDER BY task_id DESC LIMIT $2"""


def _count(condition: str) -> str:
    return f"""SELECT count(*)::text FROM
        (SELECT FROM {{tasks}} WHERE {_OWNER} {condition} LIMIT $2) AS counted"""


_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
"""From which PostgreSQL counts the microseconds of an instant."""
_MICROSECOND = timedelta(microseconds=1)
_INT8 = struct.Struct(">q")
_MOST = 2**63 - 1
_BITS_OF_4214_DIGITS = 14_000


def row(record: TaskRecord, write_id: bytes) -> list[bytes | None]:
    """The values of a record that is to be written under this token of 16 bytes."""
    return [
        *key(record.owner_id, record.task_id),
        record.status.value.encode(),
        None if record.expires_at is None else instant(record.expires_at),
        write_id,
        record.to_json().encode(),
    ]


def key(owner_id: str, task_id: str) -> Key:
    """The values of a key."""
    return owner_id.encode(), task_id.encode()


def instant(at: datetime) -> bytes:
    """An aware datetime as a value of timestamptz."""
    return _INT8.pack((at - _EPOCH) // _MICROSECOND)


def most(number: int | None) -> bytes:
    """A limit as a value of int8; None: as good as none."""
    return _INT8.pack(_MOST if number is None else min(number, _MOST))


def expected(version: int) -> bytes:
    """A version as a value of numeric. One that is too long for any that can be read, of more than
    some 4,200 digits, becomes one that no record has."""
    return str(version).encode() if version.bit_length() < _BITS_OF_4214_DIGITS else b"0"
