"""Mutants of ERR-1."""

from __future__ import annotations

import sqlite3
from typing import Any

from mutants.postgres import PgBackend, values
from mutants.rules_err.support import Missing, MissingTarget
from pmcp_storage import (
    BackendError,
    InMemoryBackend,
    NotFoundError,
    TaskRecord,
)
from support.tcp_server import Message
from support.tcp_store import TcpBackend


class LibraryErrorEscapes(MissingTarget):
    """breaks ERR-1: sqlite3.OperationalError comes out of a delete: one operation forgot to
    translate it.
    """

    class missing(Missing):  # noqa: N801
        def fail(self, operation: str) -> Any:
            if operation == "delete":
                raise sqlite3.OperationalError("no such table: tasks")
            return super().fail(operation)


class CleanupErrorEscapes(MissingTarget):
    """breaks ERR-1: sqlite3.OperationalError comes out of cleanup_expired only, which runs from a
    timer and takes it down.
    """

    class missing(Missing):  # noqa: N801
        def fail(self, operation: str) -> Any:
            if operation == "cleanup_expired":
                raise sqlite3.OperationalError("no such table: tasks")
            return super().fail(operation)


class CauseIsHidden(MissingTarget):
    """breaks ERR-1: the library's error is cut off with `from None`, and with it all that would
    explain what happened.
    """

    class missing(Missing):  # noqa: N801
        def fail(self, operation: str) -> Any:
            try:
                return super().fail(operation)
            except BackendError:
                raise BackendError("the table tasks is missing: create it first") from None


class KeyErrorEscapes(InMemoryBackend):
    """breaks ERR-1: put_if_version of an absent key is a KeyError."""

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        try:
            return super()._put_if_version(record, expected_version)
        except NotFoundError:
            raise KeyError(record.task_id) from None


class CauseIsForgotten(TcpBackend):
    """breaks ERR-1: the error of a read is raised after the loop over its attempts, when none is
    being handled any longer: it has neither a cause nor a context.
    """

    def read(self, **request: Any) -> Message:
        try:
            return self.exchange(request).fields
        except (OSError, ValueError):
            pass
        raise BackendError("the store cannot be read")


class ShowsTheDriversErrors(PgBackend):
    """breaks ERR-1: the driver's error of a violated primary key reaches the caller as it is."""

    def _create(self, record: TaskRecord) -> int:
        with self.session() as session:
            self.run(session, self.insert, **values(record))
        return 1
