"""The operations of the contract on PostgreSQL, once for threads and for event loops.

A statement is sent once. It is sent again only where the server said that it rolled it back for
another transaction's sake (a deadlock, a serialization failure), or where no connection was found
to send it on. Where an answer is lost, the row itself proves a write by its `write_id`, on another
connection; what it does not prove is an OutcomeUnknownError.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

import psycopg

from pmcp_storage.backend import VersionedRecord, read_row
from pmcp_storage.backends.postgres import statements as values
from pmcp_storage.backends.postgres.exchange import Answer, Failure
from pmcp_storage.backends.postgres.pools import Lender
from pmcp_storage.backends.postgres.refusals import (
    READ_ONLY,
    may_be_repeated,
    refused,
    unknown,
    write_refused,
)
from pmcp_storage.backends.postgres.statements import Statement, Statements, Values
from pmcp_storage.errors import (
    AlreadyExistsError,
    BackendError,
    ConcurrentModificationError,
    CorruptRecordError,
    NotFoundError,
    RecordTooLargeError,
    StorageError,
)
from pmcp_storage.records import TaskRecord

_REPEATS_FOR = 10.0
"""Seconds for which a statement is repeated that others' transactions make fail."""

_LONGEST_PAUSE = 0.05

_CLEANUP_BATCH = 1000
"""Rows that one statement of a cleanup removes, so that writers get their turn in between."""

_RECORD_LIMIT = 2**30 - 2**16
"""Bytes of a record. A value of text has at most 1 GB (PostgreSQL, appendix "PostgreSQL Limits"),
and so has the message that carries it together with the rest of the row."""


class Operations:
    """The operations of one handle on the table of one schema."""

    def __init__(self, pool: Lender, schema: str) -> None:
        self.pool = pool
        self.statements = Statements(schema)

    async def get(self, owner_id: str, task_id: str) -> VersionedRecord:
        answer = await self.read(self.statements.get, values.key(owner_id, task_id))
        if not answer.rows:
            raise NotFoundError(owner_id, task_id)
        version, data = answer.rows[0]
        return _record(owner_id, task_id, version, data)

    async def create(self, record: TaskRecord) -> int:
        answer = await self._write(self.statements.create, record)
        if isinstance(answer, int):
            return answer
        if not answer.changed:
            raise AlreadyExistsError(record.owner_id, record.task_id)
        return 1

    async def put(self, record: TaskRecord) -> int:
        answer = await self._write(self.statements.put, record)
        if isinstance(answer, int):
            return answer
        if not answer.rows:
            raise _silently_refused(self.statements.table)
        return _version(record.owner_id, record.task_id, answer.rows[0][0])

    async def put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        expected = values.expected(expected_version)
        answer = await self._write(self.statements.put_if_version, record, expected)
        if isinstance(answer, int):
            return answer
        written, held, seen, is_expected = answer.rows[0]
        if written is not None:
            return expected_version + 1
        key = record.owner_id, record.task_id
        # A row that was as expected, and then could not be locked, was deleted meanwhile.
        actual = held if is_expected == _TRUE else seen
        if actual is None:
            raise NotFoundError(*key)
        if actual == expected:
            raise _silently_refused(self.statements.table)
        raise ConcurrentModificationError(*key, expected_version, _version(*key, actual))

    async def delete(self, owner_id: str, task_id: str) -> bool:
        try:
            answer = await self.call(self.statements.delete, values.key(owner_id, task_id))
        except Failure as failure:
            what = f"the deletion of task {task_id!r}"
            raise _explained(failure, what) from failure.error
        return answer.changed == 1

    async def list_by_owner(
        self, owner_id: str, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        page = [owner_id.encode(), values.most(limit)]
        if after is None:
            answer = await self.read(self.statements.first_page, page)
        else:
            answer = await self.read(self.statements.next_page, [*page, after.encode()])
        return [_record(owner_id, _text(task_id), *row) for task_id, *row in answer.rows]

    async def count_by_owner(
        self, owner_id: str, live_at: datetime | None, at_most: int | None
    ) -> int:
        owner = [owner_id.encode(), values.most(at_most)]
        if live_at is None:
            answer = await self.read(self.statements.count, owner)
        else:
            live = [*owner, values.instant(live_at)]
            answer = await self.read(self.statements.count_live, live)
        return int(answer.rows[0][0] or 0)

    async def cleanup_expired(self) -> int:
        batch = [values.instant(datetime.now(UTC)), values.most(_CLEANUP_BATCH)]
        removed = 0
        while True:
            try:
                answer = await self.call(self.statements.cleanup, batch)
            except Failure as failure:
                raise _explained(failure, "this batch of a cleanup") from failure.error
            removed += answer.changed
            if answer.changed < _CLEANUP_BATCH:
                return removed

    async def read(self, statement: Statement, parameters: Values) -> Answer:
        """The answer to a statement that changes nothing. Raises BackendError."""
        try:
            return await self.call(statement, parameters)
        except Failure as failure:
            raise refused(failure.error) from failure.error

    async def call(self, statement: Statement, parameters: Values) -> Answer:
        """The answer to a statement. Raises Failure."""
        deadline = time.monotonic() + _REPEATS_FOR
        pause = 0.001
        while True:
            try:
                return await self._call_once(statement, parameters)
            except Failure as failure:
                again = may_be_repeated(failure.error) and not failure.uncertain
                if not again or time.monotonic() > deadline:
                    raise
            # At random, so that those who stood in each other's way do not meet again.
            await self.pool.pause(random.uniform(0, pause))
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _call_once(self, statement: Statement, parameters: Values) -> Answer:
        loan = await self.pool.take()
        try:
            return await self.pool.carry_out(loan, statement, parameters)
        except Failure as failure:
            if failure.error.sqlstate == READ_ONLY:
                # After a failover a connection can lead to what was the primary.
                await self.pool.distrust(loan)
            raise
        finally:
            await self.pool.give_back(loan)

    async def _write(self, statement: Statement, record: TaskRecord, *more: bytes) -> Answer | int:
        """The answer to a write; where it is lost, the version that the row proves."""
        write_id = uuid4().bytes
        row = values.row(record, write_id)
        size = len(row[-1] or b"")
        if size > _RECORD_LIMIT:
            raise RecordTooLargeError(size, _RECORD_LIMIT)
        try:
            return await self.call(statement, [*row, *more])
        except Failure as failure:
            proven = await self._proven(record, write_id) if failure.uncertain else None
            if proven is not None:
                return proven
            what = f"this write of task {record.task_id!r}"
            raise _explained(failure, what, write_refused) from failure.error

    async def _proven(self, record: TaskRecord, write_id: bytes) -> int | None:
        """The version at which the row shows this write; None if it does not, or cannot be read."""
        key = values.key(record.owner_id, record.task_id)
        try:
            answer = await self.call(self.statements.proof, [*key, write_id])
        except (Failure, BackendError):
            return None
        if not answer.rows:
            return None
        return _version(record.owner_id, record.task_id, answer.rows[0][0])


_TRUE = b"\x01"
"""A boolean in binary."""


def _explained(
    failure: Failure, what: str, refusal: Callable[[psycopg.Error], StorageError] = refused
) -> StorageError:
    return unknown(failure.error, what) if failure.uncertain else refusal(failure.error)


def _record(
    owner_id: str, task_id: str, version: bytes | None, data: bytes | None
) -> VersionedRecord:
    if data is None:
        raise CorruptRecordError(owner_id, task_id, "its column data is null")
    return read_row(owner_id, task_id, _text(data), _version(owner_id, task_id, version))


def _text(value: bytes | None) -> str:
    # What is not UTF-8 becomes what no record can hold, and is refused as such.
    return (value or b"").decode("utf-8", "surrogateescape")


def _version(owner_id: str, task_id: str, digits: bytes | None) -> int:
    # More digits than Python reads are no version that counting ever reached.
    if digits is not None and digits.isdigit() and len(digits) < 4300 and int(digits) >= 1:
        return int(digits)
    raise CorruptRecordError(owner_id, task_id, "its version is not a number from 1")


def _silently_refused(table: str) -> BackendError:
    return BackendError(
        f"PostgreSQL carried out a write to {table} and wrote nothing: look for a trigger or a "
        "rule on the table"
    )
