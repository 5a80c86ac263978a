"""What PostgreSQL's errors mean: whether anything was written, and what a person can do.

The meanings are those of the appendix "PostgreSQL Error Codes" of its documentation. Messages
show SQLSTATE and primary message only, since DETAIL quotes rows ("Failing row contains ..."),
and no primary message of the classes that quote values themselves.
"""

from __future__ import annotations

import psycopg

from pmcp_storage.errors import BackendError, OutcomeUnknownError, StorageError, StorageFullError

READ_ONLY = "25006"
"""read_only_sql_transaction: how a standby refuses a write."""

_DISK_FULL = "53100"

_AGAIN = ("40001", "40P01")
"""serialization_failure and deadlock_detected: another transaction's fault, and rolled back."""

_OPEN_ENDED = ("08", "40003")
"""Connection exceptions, and statement_completion_unknown. PgBouncer reports the loss of a server
connection as 08P01, whatever became of the statement on it."""

_ENDED_BEFORE = ("25P0", "28", "3D000", "40", "53300", "57P01", "57P03", "57P04", "57P05")
"""With which the server ends a connection without finishing a statement on it. A backend process
that is terminated aborts its transaction first, and cannot be terminated during a commit. After
57P02 (crash_shutdown) it aborts nothing: recovery decides."""

_QUOTING = ("22", "P0")
"""Classes whose primary message may quote a value: data exceptions, and what a trigger raises."""

_SETUP = "see what `pmcp-storage verify postgres` says"

_REMEDIES = {
    "22021": "the encoding of the database must be UTF8",
    "22P05": "the encoding of the database must be UTF8",
    "25006": "this server takes no writes, as a standby does: name the primary, or all hosts and "
    "target_session_attrs=read-write; or default_transaction_read_only is on",
    "28": "check user, password and the server's pg_hba.conf",
    "3D000": "this database does not exist: create it, or name another",
    "3F000": "create the schema and its table: pmcp-storage init postgres",
    "40": "others change the same rows all the time: try again later",
    "42": _SETUP,
    "42501": "grant this role what it lacks: `pmcp-storage init postgres` prints what it needs",
    "42P01": "create the table: pmcp-storage init postgres; or name the schema that has it",
    "53": "give the server more of what it lacks",
    _DISK_FULL: "make room on the server's disk",
    "53300": "raise max_connections, let pools be smaller, or put PgBouncer in between",
    "55P03": "another transaction holds the row for longer than lock_timeout: find it in "
    "pg_stat_activity",
    "57014": "the statement was cancelled, by an administrator or by statement_timeout",
    "57P": "the server ends or restarts: try again later",
    "58": "the server's disk failed: look into its log",
    "XX": "look into the server's log",
}
"""By the SQLSTATE or how it begins; the longest that fits is shown."""

_UNREACHABLE = "check that the server runs, its address, the database, the user and the password"


def may_be_repeated(error: psycopg.Error) -> bool:
    """Whether a statement with this error was rolled back for a reason that passes at once."""
    return error.sqlstate in _AGAIN


def was_rolled_back(severity: str, sqlstate: str) -> bool:
    """Whether an error of the server's proves that the statement was not carried out.

    A PANIC can strike in a commit whose record is on the disk already.
    """
    if sqlstate.startswith(_OPEN_ENDED) or severity == "PANIC":
        return False
    return severity != "FATAL" or sqlstate.startswith(_ENDED_BEFORE)


def quotes_values(sqlstate: str) -> bool:
    """Whether the primary message may quote a value, and so is not to be shown."""
    return sqlstate.startswith(_QUOTING)


def refused(error: psycopg.Error) -> BackendError:
    """The StorageError for what was not carried out."""
    return BackendError(f"{_shown(error)}: {_remedy(error)}")


def write_refused(error: psycopg.Error) -> StorageError:
    """The StorageError for a write that wrote nothing."""
    refusal = refused(error)
    return StorageFullError(refusal.message) if error.sqlstate == _DISK_FULL else refusal


def unknown(error: psycopg.Error, what: str) -> OutcomeUnknownError:
    """The StorageError for a write that may have been carried out; `what` names it."""
    return OutcomeUnknownError(
        f"{_shown(error)}, and whether {what} was applied is unknown: read the record to see"
    )


def _shown(error: psycopg.Error) -> str:
    text = " ".join(str(error).split())
    if not error.sqlstate:
        return f"PostgreSQL did not answer ({text})"
    return f"PostgreSQL refused ({error.sqlstate}{text and f': {text}'})"


def _remedy(error: psycopg.Error) -> str:
    state = error.sqlstate or ""
    fitting = [start for start in _REMEDIES if state.startswith(start)]
    if not fitting:
        return _SETUP if state else _UNREACHABLE
    return _REMEDIES[max(fitting, key=len)]
