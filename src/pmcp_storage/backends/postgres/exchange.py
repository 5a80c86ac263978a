"""One statement and its answer on one connection, and what became of the statement if it failed.

This speaks to libpq directly, by psycopg's `pq`, because a backend must know what a cursor does
not tell: whether the statement was sent at all, and whether its commit was acknowledged. An
answer counts when the server is ready for the next statement: the rows of a statement arrive
before its commit. Who lends the connection, and waits for its socket, are the pools.
"""

from __future__ import annotations

import select
import time
from typing import NamedTuple

import psycopg
from psycopg import errors, pq
from psycopg.abc import PQGen
from psycopg.pq.abc import PGconn, PGresult
from psycopg.waiting import Ready, Wait

from pmcp_storage.backends.postgres.refusals import quotes_values, was_rolled_back
from pmcp_storage.backends.postgres.statements import Statement, Values

LOOKS_EVERY = 0.1
"""Seconds between two looks at the clock while nothing comes: psycopg's own interval."""

_BINARY = 1
_ANSWERS = (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK)

Row = tuple[bytes | None, ...]


class Answer(NamedTuple):
    """What a statement brought."""

    rows: list[Row]
    changed: int
    """The rows that it wrote or removed; for a SELECT those that it found."""


class Failure(Exception):  # noqa: N818 - internal; becomes a StorageError
    """A statement without an answer. `error` is psycopg's, and shows no stored value;
    `uncertain` says that the statement may have been carried out all the same."""

    def __init__(self, error: psycopg.Error, *, uncertain: bool) -> None:
        super().__init__(error, uncertain)
        self.error = error
        self.uncertain = uncertain


def is_usable(pgconn: PGconn) -> bool:
    """Whether an idle connection can be sent on.

    Whatever has come while it was idle, be it an end or the server's last words, makes it unfit:
    a statement sent on it would get lost, and nobody could tell.
    """
    if not is_idle(pgconn):
        return False
    poll = select.poll()
    poll.register(pgconn.socket, select.POLLIN)
    return not poll.poll(0)


def is_idle(pgconn: PGconn) -> bool:
    """Whether a connection has neither an answer to come nor a transaction open."""
    # Both are plain integers where psycopg has no C extension.
    return (
        pgconn.status == pq.ConnStatus.OK and pgconn.transaction_status == pq.TransactionStatus.IDLE
    )


def exchange(
    pgconn: PGconn, statement: Statement, values: Values, patience: float
) -> PQGen[Answer]:
    """Send the statement, and return its answer; a generator for psycopg's functions that wait.

    Raises Failure, also where nothing complete has come after `patience` seconds.
    """
    deadline = time.monotonic() + patience
    try:
        text, types, formats = statement
        # Lists, because psycopg 3.2 takes nothing else here.
        pgconn.send_query_params(text, [*values], types, formats, _BINARY)
        while pgconn.flush():
            if (yield from _ready(Wait.RW, deadline)) & Ready.R:
                pgconn.consume_input()
        results = yield from _results(pgconn, deadline)
    except psycopg.Error as error:
        raise Failure(error, uncertain=True) from None
    for result in results:
        if result.status not in _ANSWERS:
            raise _failure(result)
    return _answer(results[0])


def _results(pgconn: PGconn, deadline: float) -> PQGen[list[PGresult]]:
    results: list[PGresult] = []
    try:
        while True:
            while pgconn.is_busy():
                yield from _ready(Wait.R, deadline)
                pgconn.consume_input()
            result = pgconn.get_result()
            if result is None:
                return results
            results.append(result)
            if result.status not in (*_ANSWERS, pq.ExecStatus.FATAL_ERROR):
                raise psycopg.OperationalError("an answer that belongs to no statement sent")
    except psycopg.Error:
        # The server's last words say more than that it has gone.
        if any(_field(result, pq.DiagnosticField.SQLSTATE) for result in results):
            return results
        raise


def _ready(wait: Wait, deadline: float) -> PQGen[int]:
    while not (ready := (yield wait)):
        if time.monotonic() > deadline:
            raise psycopg.OperationalError("no answer in time")
    return ready


def _answer(result: PGresult) -> Answer:
    columns = range(result.nfields)
    rows = [
        tuple([result.get_value(number, column) for column in columns])
        for number in range(result.ntuples)
    ]
    return Answer(rows, result.command_tuples or 0)


def _failure(result: PGresult) -> Failure:
    """What an error means. Only SQLSTATE and primary message are kept: DETAIL quotes rows."""
    sqlstate = _field(result, pq.DiagnosticField.SQLSTATE)
    if not sqlstate:
        text = (result.error_message or b"").decode(errors="replace")
        return Failure(psycopg.OperationalError(text.strip()), uncertain=True)
    severity = _field(result, pq.DiagnosticField.SEVERITY_NONLOCALIZED)
    uncertain = not was_rolled_back(severity, sqlstate)
    primary = _field(result, pq.DiagnosticField.MESSAGE_PRIMARY)
    return Failure(
        _error(sqlstate, "" if quotes_values(sqlstate) else primary), uncertain=uncertain
    )


def _error(sqlstate: str, message: str) -> psycopg.Error:
    """psycopg's error of this SQLSTATE."""
    try:
        kind: type[psycopg.Error] = errors.lookup(sqlstate)
    except KeyError:
        kind = psycopg.DatabaseError
    error = kind(message)
    error.sqlstate = sqlstate
    return error


def _field(result: PGresult, field: pq.DiagnosticField) -> str:
    return (result.error_field(field) or b"").decode(errors="replace")
