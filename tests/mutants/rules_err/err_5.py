"""Mutants of ERR-5."""

from __future__ import annotations

import json
import logging
import socket
from typing import Any

from mutants.base import (
    Seamed,
    now,
)
from mutants.postgres import Answer, PgBackend, conflict
from mutants.rules_err.support import Missing, MissingTarget
from pmcp_storage import (
    BackendError,
    ConcurrentModificationError,
    CorruptRecordError,
    InMemoryBackend,
    TaskRecord,
    VersionedRecord,
)
from support.tcp_server import Message
from support.tcp_store import TcpBackend

_log = logging.getLogger(__name__)


class ConflictShowsTheRecord(InMemoryBackend):
    """breaks ERR-5: the conflict carries the record that was refused, for convenience."""

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        try:
            return super()._put_if_version(record, expected_version)
        except ConcurrentModificationError as error:
            error.args = (*error.args, record.to_json())
            raise


class CorruptShowsTheRow(Seamed):
    """breaks ERR-5: the error of a row that cannot be read quotes it."""

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        try:
            return super()._get(owner_id, task_id)
        except CorruptRecordError as error:
            row = self.row((owner_id, task_id))
            raise CorruptRecordError(owner_id, task_id, f"in {row and row.data}") from error


class StatementIsShown(MissingTarget):
    """breaks ERR-5: the error of a failed statement shows its parameters, as database toolkits do
    by default.
    """

    class missing(Missing):  # noqa: N801
        def _create(self, record: TaskRecord) -> int:
            try:
                return super()._create(record)
            except BackendError as error:
                message = f"{error.message} [parameters: ({record.to_json()!r})]"
                raise BackendError(message) from error


class HandleShowsItsCache(InMemoryBackend):
    """breaks ERR-5: the repr of a handle shows its storage, as a dataclass does."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._storage.rows})"


class WritesAreLogged(InMemoryBackend):
    """breaks ERR-5: the debug log has every record that is written."""

    def _put(self, record: TaskRecord) -> int:
        _log.debug("put %s", record.to_json())
        return super()._put(record)


class RefusalsAreLogged(InMemoryBackend):
    """breaks ERR-5: a refused write is logged with an exception whose text is the whole request."""

    def _create(self, record: TaskRecord) -> int:
        try:
            return super()._create(record)
        except Exception:
            try:
                raise ValueError(f"conditional request failed: {record.to_json()}") from None
            except ValueError:
                _log.warning("create was refused", exc_info=True)
            raise


class TypeErrorShowsTheValue(InMemoryBackend):
    """breaks ERR-5: the error of a wrong argument shows the argument."""

    def put(self, record: TaskRecord) -> int:
        if not isinstance(record, TaskRecord):
            raise TypeError(f"record must be a TaskRecord, not {record!r}")
        return super().put(record)


class HalfAnswersAreShown(TcpBackend):
    """breaks ERR-5: the error of an answer that was cut shows what arrived, which is half a
    record.
    """

    def line(self, connection: socket.socket) -> bytes:
        received = b""
        while not received.endswith(b"\n"):
            part = connection.recv(65_536)
            if not part:
                raise ConnectionResetError(f"the answer ends after {received!r}")
            received += part
        return received

    def read(self, **request: Any) -> Message:
        try:
            return self.exchange(request).fields
        except (OSError, ValueError) as error:
            raise BackendError(f"the store cannot be read: {error}") from error


class LogsTheFailingRow(PgBackend):
    """breaks ERR-5: a stale swap violates a constraint, and the server's error is logged with its
    DETAIL, which quotes the row that was to be written.
    """

    layout = PgBackend.layout.replace(
        "data text", "data jsonb, variables text GENERATED ALWAYS AS (data ->> 'variables') STORED"
    )
    shown = "task_id, data::text, version"
    update = """UPDATE {table} SET expires_at = {expiry}, data = {data},
        version = CASE WHEN version = %(expected)s THEN version + 1 END WHERE {key}"""
    swap = "{update}"

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        try:
            return super()._put_if_version(record, expected_version)
        except BackendError as error:
            logging.getLogger(__name__).warning("not written: %s", error.__cause__)
            actual = self._get(record.owner_id, record.task_id).version
            raise conflict(record, expected_version, actual) from error


class ShowsTheParameters(PgBackend):
    """breaks ERR-5: the error of a failed statement quotes the statement and its parameters, as
    those of object-relational mappers do.
    """

    def carry_out(
        self, statement: str, values: dict[str, object], lost: type[BackendError]
    ) -> Answer:
        try:
            return super().carry_out(statement, values, lost)
        except BackendError as error:
            text = f"{error} [SQL: {self.sql(statement)!r}] [parameters: {values}]"
            raise type(error)(text) from error.__cause__


class CorruptShowsTheBytes(Seamed):
    """breaks ERR-5: the error of a row that cannot be read quotes its bytes in hex, as drivers do
    with what they cannot decode.
    """

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        try:
            return super()._get(owner_id, task_id)
        except CorruptRecordError as error:
            row = self.row((owner_id, task_id))
            data = "" if row is None else row.data.encode().hex()
            raise CorruptRecordError(owner_id, task_id, f"bytes 0x{data}") from error


class ParserQuotesWhereItGaveUp(Seamed):
    """breaks ERR-5: of a row that is no JSON the error quotes where the parser gave up, as servers
    do in the context of their errors.
    """

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        try:
            return super()._get(owner_id, task_id)
        except CorruptRecordError as error:
            row = self.row((owner_id, task_id))
            try:
                json.loads("" if row is None else row.data)
            except ValueError as wrong:
                near = getattr(wrong, "doc", "")[max(0, getattr(wrong, "pos", 0) - 20) :][:40]
                raise CorruptRecordError(owner_id, task_id, f"near {near!r}") from error
            raise


class NotesShowTheRecord(InMemoryBackend):
    """breaks ERR-5: a note is added to the error of a refused write, and shows the record."""

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        try:
            return super()._put_if_version(record, expected_version)
        except ConcurrentModificationError as error:
            error.add_note(f"while writing {record.to_json()}")
            raise


class SwapsAreLogged(InMemoryBackend):
    """breaks ERR-5: the debug log has every record that put_if_version has written."""

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        version = super()._put_if_version(record, expected_version)
        logging.getLogger(__name__).debug("swapped %s", record.to_json())
        return version


class CleanupsAreLogged(InMemoryBackend):
    """breaks ERR-5: the log has what a cleanup removes, for an audit."""

    def _cleanup_expired(self) -> int:
        for row in list(self._storage.rows.values()):
            if row.expires_at and row.expires_at <= now():
                logging.getLogger(__name__).info("removing %s", row.data)
        return super()._cleanup_expired()
