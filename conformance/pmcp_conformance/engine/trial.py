"""One run of one rule against one target: what its function works with.

Owners that nobody else uses, records that expire within the hour, and a handle that records every
operation. What a rule expects is left to `expectations`, further handles to `handles`, how much a
rule tries to `pacing`, and the end to `cleanup`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import Any, cast

from pmcp_conformance.engine.attempt import repeated
from pmcp_conformance.engine.cleanup import Cleanup
from pmcp_conformance.engine.literals import LIFETIME, REQUEST_METHOD
from pmcp_conformance.engine.recording import RecordedBackend, Recording
from pmcp_conformance.engine.target_run import TargetRun
from pmcp_conformance.engine.violation import Violation, premise
from pmcp_conformance.engine.watchdog import Watchdog, close_quietly
from pmcp_conformance.engine.watched_target import WatchedTarget
from pmcp_conformance.target import BackendTarget
from pmcp_storage import (
    StorageBackend,
    Task,
    TaskRecord,
    TaskStatus,
)

_WRITES = 16
"""Attempts at a write on which a rule builds."""


class Trial:
    """What the function of a rule is given, and an author's test by the fixture `pmcp_trial`.

    `target` describes the backend under test, and `backend` is a handle on it. `part` says which
    part of the rule is to run, and `seed` is what random choices depend on. `watchdog` sees how
    long operations take, `recording` has those that a report shows, and `cleanup` undoes at the end
    what was done. `shortfalls` says what too little could be tried of: a rule that otherwise passes
    is inconclusive then.
    """

    def __init__(self, run: TargetRun, part: int = 0) -> None:
        self.run = run
        self.part = part
        self.seed = run.seed
        self.watchdog = Watchdog(run.target.answer_within)
        self.recording = Recording(self.watchdog)
        watched = WatchedTarget(run.target, self.watchdog, self.recording.log)
        self.target = cast("BackendTarget", watched)
        self.cleanup = Cleanup(run, self.watchdog)
        self.shortfalls: list[str] = []
        self._marks = 0
        self.backend = RecordedBackend(run.handle(), self.recording, "backend", "open")

    def owner(self, form: str = "{}") -> str:
        """The id of an owner that nobody else uses; `form` says where in it the UUID goes."""
        owner_id = self.run.new_owner(form)
        self.recording.name_owner(owner_id)
        return owner_id

    def claim_owner(self, owner_id: str) -> str:
        """Use an owner id that was made around one from `owner`, and return it."""
        self.run.claim_owner(owner_id)
        self.recording.name_owner(owner_id)
        return owner_id

    def record(self, owner_id: str, task_id: str = "task", **changes: Any) -> TaskRecord:
        """A record unlike any other of this trial, not stored yet; `changes` are fields to set.

        Whatever is stored under its key is deleted at the end.
        """
        self.cleanup.keys[owner_id, task_id] = None
        self._marks += 1
        # As in a server, equal ids are different objects.
        owner_id = "".join([*owner_id])
        task_id = "".join([*task_id])
        now = datetime.now(UTC)
        fields: dict[str, Any] = {
            "task": Task(
                task_id=task_id, status=TaskStatus.WORKING, created_at=now, last_updated_at=now
            ),
            "owner_id": owner_id,
            "variables": {"mark": self._marks},
            "request_method": REQUEST_METHOD,
            "expires_at": now + LIFETIME,
        }
        return TaskRecord(**{**fields, **changes})

    def sized(
        self, owner_id: str, task_id: str, size: int, filler: str = "x", **changes: Any
    ) -> TaskRecord:
        """A record whose JSON has exactly `size` bytes, most of them of the filler, a character."""
        empty = self.record(owner_id, task_id, variables={"mark": 0, "fill": ""}, **changes)
        number, rest = divmod(size - len(empty.to_json().encode()), len(filler.encode()))
        fill = filler * number + "x" * rest
        return empty.model_copy(update={"variables": {"mark": 0, "fill": fill}})

    def store_record(self, owner_id: str, task_id: str = "task", **changes: Any) -> TaskRecord:
        """Store a new record at version 1 and return it."""
        record = self.record(owner_id, task_id, **changes)
        with premise("CRE-1"):
            version = repeated(partial(self.backend.create, record), _WRITES)
            if version != 1:
                raise Violation("create returns 1", f"it returned {version!r}")
        return record

    def store_record_at(self, version: int, owner_id: str, task_id: str = "task") -> TaskRecord:
        """Store a new record and write it again until it has this version; return the last."""
        record = self.store_record(owner_id, task_id)
        for reached in range(2, version + 1):
            record = self.record(owner_id, task_id)
            with premise("PUT-2"):
                found = repeated(partial(self.backend.put, record), _WRITES)
                if found != reached:
                    raise Violation(f"put returns {reached}", f"it returned {found!r}")
        return record

    def plant(self, owner_id: str, task_id: str, data: str, version: int) -> None:
        """Write a raw row through the target's back door."""
        self.cleanup.keys[owner_id, task_id] = None
        row = (owner_id, task_id, data, version)
        self.recording.note("target", "plant", row, "done")
        self.target.plant(*row)

    def open(self, name: str = "second") -> RecordedBackend:
        """A further handle, closed at the end; `name` is what a report calls it."""
        return self.adopt(self.target.handle(), name, "open")

    def adopt(self, handle: StorageBackend, name: str, opened_by: str = "") -> RecordedBackend:
        """Record the operations of a handle that the rule has opened, and close it at the end.

        `opened_by` is the method of the target that opens another like it, if there is one.
        """
        self.cleanup.call_last(partial(self.watchdog.call, "close", close_quietly, handle))
        return RecordedBackend(handle, self.recording, name, opened_by)
