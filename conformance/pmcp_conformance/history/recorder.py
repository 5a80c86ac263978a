"""Recording a history: clients whose every operation is noted with its times and its outcome.

Which operations the clients call, and in which threads, is up to the rules; whether the history is
linearizable is up to `check`.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

from pmcp_conformance.engine.attempt import Attempt, Call
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_conformance.history import Operation, Undecided, check, save, timeline
from pmcp_conformance.history.operations import STATUSES
from pmcp_storage import (
    AlreadyExistsError,
    BackendError,
    ConcurrentModificationError,
    NotFoundError,
    StorageBackend,
    TaskRecord,
    VersionedRecord,
)

_KEPT = 20
"""Saved histories; older ones are removed."""


@dataclass
class History:
    """The operations of all clients on the owner's tasks, in the order in which they ended.

    Clients have numbers and writes have ids, both drawn from here and never used twice.
    """

    owner_id: str
    operations: list[Operation] = field(default_factory=list)
    client_numbers: Iterator[int] = field(default_factory=lambda: count(1))
    write_numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def verify(self, trial: Trial, name: str) -> None:
        """Raise a Violation, with a timeline, unless the history is linearizable.

        One that could not be decided is a shortfall of the trial.

        The whole history is saved in the folder for temporary files, under this name.
        """
        verdict = check(self.operations)
        if verdict is None:
            return
        try:
            file = str(save_temporarily(self.operations, name))
            rerun = f"python -m pmcp_conformance.history {file}"
        except OSError as error:
            file, rerun = "", f"they could not be saved: {error}"
        if isinstance(verdict, Undecided):
            trial.shortfalls.append(f"a history was not decided: {verdict.reason}; {rerun}")
            return
        lines = timeline(verdict.operations).splitlines()
        observed = f"{verdict.reason} ({len(self.operations)} operations in all: {rerun})"
        raise Violation("a linearizable history", observed, lines, history=file)


def save_temporarily(operations: Sequence[Operation], name: str) -> Path:
    """Save these operations in a folder of the newest histories; returns the file."""
    folder = Path(tempfile.gettempdir()) / "pmcp-histories"
    folder.mkdir(exist_ok=True)
    file = folder / f"{datetime.now():%Y%m%d-%H%M%S-%f}-{os.getpid()}-{name}.jsonl"
    save(str(file), operations)
    for older in sorted(folder.glob("*-*-*-*-*.jsonl"))[:-_KEPT]:
        older.unlink(missing_ok=True)
    return file


class Client:
    """A client of a history: it calls one operation after the other, and each of them is noted.

    A failed operation counts as not called. After one of unknown outcome the client goes on under
    another number, for that operation may still be under way. Every other error is raised.
    """

    def __init__(self, history: History, handle: StorageBackend, trial: Trial) -> None:
        self._history = history
        self._handle = handle
        self._trial = trial
        self._number = next(history.client_numbers)
        self.seen: dict[str, int] = {}
        """The version of each key that this client last saw."""

    def get(self, key: str) -> None:
        self._call("get", key, lambda: self._handle.get(self._history.owner_id, key))

    def create(self, key: str) -> None:
        wid, record = self._new_record(key)
        self._call("create", key, lambda: self._handle.create(record), wid=wid)

    def put(self, key: str) -> None:
        wid, record = self._new_record(key)
        self._call("put", key, lambda: self._handle.put(record), wid=wid)

    def swap(self, key: str) -> None:
        """A put_if_version with the version that this client last saw."""
        wid, record = self._new_record(key)
        expected = max(1, self.seen.get(key, 1))
        swap = self._handle.put_if_version
        self._call("cas", key, lambda: swap(record, expected), wid=wid, expected=expected)

    def delete(self, key: str) -> None:
        self._call("delete", key, lambda: self._handle.delete(self._history.owner_id, key))

    def list(self, keys: Sequence[str]) -> None:
        """A listing: a read of each of these keys, all within the listing's time."""
        begun = time.monotonic_ns()
        try:
            entries = self._handle.list_by_owner(self._history.owner_id, limit=1000)
        except BackendError:
            return
        ended = time.monotonic_ns()
        found = {entry.record.task_id: entry for entry in entries}
        for key in keys:
            self._note("get", key, begun, ended, Attempt(found.get(key)), listed=True)

    def _new_record(self, key: str) -> tuple[str, TaskRecord]:
        wid = f"w{next(self._history.write_numbers)}"
        return wid, self._trial.record(self._history.owner_id, key, variables={"wid": wid})

    def _call(self, kind: str, key: str, call: Call, **fields: Any) -> None:
        begun = time.monotonic_ns()
        attempt = Attempt.of(call)
        self._note(kind, key, begun, time.monotonic_ns(), attempt, **fields)

    def _note(
        self, kind: str, key: str, begun: int, ended: int, attempt: Attempt, **fields: Any
    ) -> None:
        if attempt.failed:
            return  # not applied, so it did not happen
        if attempt.unknown:
            operation = Operation(self._number, key, kind, "unknown", begun, None, **fields)
            self._number = next(self._history.client_numbers)
        else:
            status, more = _outcome(kind, attempt)
            fields.update(more)
            operation = Operation(self._number, key, kind, status, begun, ended, **fields)
            self.seen[key] = operation.version or 0
        self._history.operations.append(operation)


def _outcome(kind: str, attempt: Attempt) -> tuple[str, dict[str, Any]]:
    """How an operation ended, in a history's terms; raises an error that it cannot end with."""
    error, result = attempt.error, attempt.result
    if error is not None:
        status, more = _refusal(error)
        if status not in STATUSES[kind]:
            raise error
        return status, more
    if kind == "delete":
        return ("ok" if result else "absent"), {}
    if kind != "get":
        return "ok", {"version": result}
    if result is None:
        return "absent", {}
    assert isinstance(result, VersionedRecord)
    return "ok", {"version": result.version, "rwid": result.record.variables.get("wid", "")}


def _refusal(error: Exception) -> tuple[str, dict[str, Any]]:
    if isinstance(error, ConcurrentModificationError):
        return "conflict", {"version": error.actual_version}
    if isinstance(error, NotFoundError):
        return "absent", {}
    return ("exists" if isinstance(error, AlreadyExistsError) else "failed"), {}
