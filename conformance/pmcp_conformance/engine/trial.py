"""One run of one rule against one target: what its function works with.

Owners that nobody else uses, records that expire within the hour, and a handle that records every
operation. At the end all that was written is deleted. What a rule expects is in `expectations`,
further handles are in `handles`, and how much time there is in `pacing`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Protocol

from pmcp_conformance.engine.expectations import expect, premise
from pmcp_conformance.engine.recording import RecordedBackend, Recording
from pmcp_conformance.engine.target_run import TargetRun
from pmcp_conformance.engine.watchdog import Watchdog, close_quietly
from pmcp_storage import StorageBackend, Task, TaskRecord, TaskStatus

_LIFETIME = timedelta(minutes=50)


class Process(Protocol):
    """Another process that ends with the trial."""

    def close(self) -> None: ...

    def kill(self) -> None: ...


class Trial:
    """What the function of a rule is given.

    `target` is the backend under test, `backend` a handle on it, `part` which part of the rule is
    to run, `seed` what random choices depend on. `watchdog` sees how long operations take, and
    `recording` has those that a report shows.
    """

    def __init__(self, run: TargetRun, part: int = 0) -> None:
        self.run = run
        self.target = run.target
        self.part = part
        self.seed = run.seed
        self.watchdog = Watchdog(self.target.answer_within)
        self.recording = Recording(self.watchdog)
        self.keys: dict[tuple[str, str], None] = {}
        """The keys that may have been written, to be deleted at the end."""
        self._processes: list[Process] = []
        self._last: list[tuple[str, Callable[[], object]]] = []
        self._marks = 0
        self.backend = RecordedBackend(run.handle(), self.recording, "backend")

    def owner(self, form: str = "{}") -> str:
        """A fresh owner; `form` says where in the id its UUID goes."""
        owner_id = self.run.new_owner(form)
        self.recording.name_owner(owner_id)
        return owner_id

    def claim_owner(self, owner_id: str) -> str:
        """An owner id made by the rule around a fresh one."""
        self.run.claim_owner(owner_id)
        self.recording.name_owner(owner_id)
        return owner_id

    def record(self, owner_id: str, task_id: str = "task", **changes: Any) -> TaskRecord:
        """A record unlike any other of this trial, with some fields as the rule wants them."""
        self.keys[owner_id, task_id] = None
        self._marks += 1
        # Ids come from afar: equal ones are not one and the same object.
        owner_id = "".join([*owner_id])
        task_id = "".join([*task_id])
        now = datetime.now(UTC)
        fields: dict[str, Any] = {
            "task": Task(
                task_id=task_id, status=TaskStatus.WORKING, created_at=now, last_updated_at=now
            ),
            "owner_id": owner_id,
            "variables": {"mark": self._marks},
            "request_method": "tools/call",
            "expires_at": now + _LIFETIME,
        }
        return TaskRecord(**{**fields, **changes})

    def sized(self, owner_id: str, task_id: str, size: int, **changes: Any) -> TaskRecord:
        """A record whose JSON has exactly `size` bytes."""
        empty = self.record(owner_id, task_id, variables={"mark": 0, "fill": ""}, **changes)
        fill = size - len(empty.to_json().encode())
        return empty.model_copy(update={"variables": {"mark": 0, "fill": "x" * fill}})

    def store_record(self, owner_id: str, task_id: str = "task", **changes: Any) -> TaskRecord:
        """Store a new record at version 1 and return it."""
        record = self.record(owner_id, task_id, **changes)
        with premise("CRE-1"):
            version = self.backend.create(record)
            expect(version == 1, "create returns 1", f"it returned {version!r}")
        return record

    def store_record_at(self, version: int, owner_id: str, task_id: str = "task") -> TaskRecord:
        """Store a new record and write it again until it has this version; return the last."""
        record = self.store_record(owner_id, task_id)
        for reached in range(2, version + 1):
            record = self.record(owner_id, task_id)
            with premise("PUT-2"):
                found = self.backend.put(record)
                expect(found == reached, f"put returns {reached}", f"it returned {found!r}")
        return record

    def plant(self, owner_id: str, task_id: str, data: str, version: int) -> None:
        """Write a raw row through the target's back door."""
        self.keys[owner_id, task_id] = None
        self.recording.note("target", "plant", [owner_id, task_id, data, version], "done")
        self.target.plant(owner_id, task_id, data, version)

    def open(self, name: str = "second") -> RecordedBackend:
        """A further handle, closed at the end; `name` is what a report calls it."""
        return self.adopt(self.target.handle(), name)

    def adopt(self, handle: StorageBackend, name: str) -> RecordedBackend:
        """Record the operations of a handle that the rule has opened, and close it at the end."""
        self.at_end("close", partial(close_quietly, handle))
        return RecordedBackend(handle, self.recording, name)

    def at_end(self, name: str, call: Callable[[], object]) -> None:
        """Let a call that touches the storage, of this name, be made when all is deleted."""
        self._last.append((name, call))

    def attach(self, process: Process) -> None:
        """Let another process end with the trial, before what was written is deleted."""
        self._processes.append(process)

    def end(self, *, passed: bool) -> None:
        """Delete what was written and close what was opened.

        The handle that the rules share is replaced unless the rule `passed`, for it may no longer
        be sound. Raises Hang if the storage does not let that be done.
        """
        try:
            if not self.watchdog.abandoned:
                self.watchdog.run(partial(self._clean_up, passed))
        finally:
            if self.watchdog.abandoned:
                self._abandon()

    def _clean_up(self, passed: bool) -> None:
        for process in self._processes:
            process.close()
        if not passed:
            self.watchdog.call("close", self.run.discard_handle)
        self._delete_all()
        for name, call in self._last:
            self.watchdog.call(name, call)

    def _abandon(self) -> None:
        """End what can be ended without asking a storage that does not answer."""
        for process in self._processes:
            process.kill()
            process.close()
        self.run.forget_handle()

    def _delete_all(self) -> None:
        for owner_id, task_id in self.keys:
            try:
                self.watchdog.call("delete", self.run.handle().delete, owner_id, task_id)
            except Exception:
                # The last look at every owner reports what stayed, and tries once more.
                self.run.discard_handle()
