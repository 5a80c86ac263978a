"""Races: calls that begin together, and clients that note what they do in a history."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

from pmcp_conformance.engine.attempt import Attempt
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_conformance.history import Operation, Undecided, check, save, timeline
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
"""Histories that are kept for whoever wants to look into them."""


@dataclass
class History:
    """The operations of all clients on the owner's tasks, as they ended."""

    owner_id: str
    operations: list[Operation] = field(default_factory=list)
    clients: Any = field(default_factory=lambda: count(1))
    wids: Any = field(default_factory=lambda: count(1))

    def verify(self, trial: Trial, name: str) -> None:
        """Raise a Violation, with a timeline, unless the history is linearizable."""
        verdict = check(self.operations)
        if verdict is None:
            return
        try:
            again = f"python -m pmcp_conformance.history {saved(self.operations, name)}"
        except OSError as error:
            again = f"they could not be saved: {error}"
        if isinstance(verdict, Undecided):
            raise Violation("a history that can be decided", f"{verdict.reason}; {again}")
        lines = timeline(verdict.operations).splitlines()
        told = f"{verdict.reason} ({len(self.operations)} operations in all: {again})"
        raise Violation("a linearizable history", told, lines)


def saved(operations: Sequence[Operation], name: str) -> Path:
    """The file that these operations are saved in: one of the newest in a folder for such files."""
    folder = Path(tempfile.gettempdir()) / "pmcp-histories"
    folder.mkdir(exist_ok=True)
    file = folder / f"{datetime.now():%Y%m%d-%H%M%S-%f}-{os.getpid()}-{name}.jsonl"
    save(str(file), operations)
    for older in sorted(folder.glob("*-*-*-*-*.jsonl"))[:-_KEPT]:
        older.unlink(missing_ok=True)
    return file


class Client:
    """One client of a history: it calls operations one after the other and notes each of them."""

    def __init__(self, history: History, handle: StorageBackend, trial: Trial) -> None:
        self._history = history
        self._handle = handle
        self._trial = trial
        self._id = next(history.clients)
        self.seen: dict[str, int] = {}
        """The version of each key that this client last saw."""

    def get(self, key: str) -> None:
        self._do("get", key, lambda: self._handle.get(self._history.owner_id, key))

    def create(self, key: str) -> None:
        wid, record = self._record(key)
        self._do("create", key, lambda: self._handle.create(record), wid=wid)

    def put(self, key: str) -> None:
        wid, record = self._record(key)
        self._do("put", key, lambda: self._handle.put(record), wid=wid)

    def swap(self, key: str) -> None:
        """A put_if_version with the version that this client last saw."""
        wid, record = self._record(key)
        expected = max(1, self.seen.get(key, 1))
        call = self._handle.put_if_version
        self._do("cas", key, lambda: call(record, expected), wid=wid, expected=expected)

    def delete(self, key: str) -> None:
        self._do("delete", key, lambda: self._handle.delete(self._history.owner_id, key))

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

    def _record(self, key: str) -> tuple[str, TaskRecord]:
        wid = f"w{next(self._history.wids)}"
        return wid, self._trial.record(self._history.owner_id, key, variables={"wid": wid})

    def _do(self, kind: str, key: str, call: Callable[[], object], **fields: Any) -> None:
        begun = time.monotonic_ns()
        try:
            attempt = Attempt(call())
        except Exception as error:
            attempt = Attempt(error=error)
        self._note(kind, key, begun, time.monotonic_ns(), attempt, **fields)

    def _note(
        self, kind: str, key: str, begun: int, ended: int, attempt: Attempt, **fields: Any
    ) -> None:
        if attempt.failed:
            return  # not applied, so it did not happen
        if attempt.unknown:
            operation = Operation(self._id, key, kind, "unknown", begun, None, **fields)
            self._id = next(self._history.clients)
        else:
            status, told = outcome(kind, attempt)
            operation = Operation(self._id, key, kind, status, begun, ended, **{**fields, **told})
            self.seen[key] = operation.version or 0
        self._history.operations.append(operation)


def outcome(kind: str, attempt: Attempt) -> tuple[str, dict[str, Any]]:
    """How an operation ended, in the terms of a history; raises what it has no term for."""
    error, result = attempt.error, attempt.result
    if isinstance(error, ConcurrentModificationError):
        return "conflict", {"version": error.actual_version}
    if isinstance(error, NotFoundError):
        return "absent", {}
    if isinstance(error, AlreadyExistsError):
        return "exists", {}
    if error is not None:
        raise error
    if kind == "delete":
        return ("ok" if result else "absent"), {}
    if kind != "get":
        return "ok", {"version": result}
    if result is None:
        return "absent", {}
    assert isinstance(result, VersionedRecord)
    return "ok", {"version": result.version, "rwid": result.record.variables.get("wid", "")}
