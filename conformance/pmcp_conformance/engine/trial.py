"""One run of one rule: what its function works with.

Owners that nobody else uses, records that expire within the hour, a handle that notes every
operation, and the assertions that rules share. At the end all that was written is deleted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar, cast
from uuid import uuid4

from pmcp_conformance.contract.counting_backend import BackendBelow
from pmcp_conformance.engine.comparison import same_record, short
from pmcp_conformance.engine.recording import Trace, TracedBackend, outcome_text
from pmcp_conformance.engine.target_run import Bench, close_quietly
from pmcp_conformance.engine.violation import Blocked, Violation
from pmcp_conformance.engine.watchdog import Watch, WatchedBackend
from pmcp_conformance.interleaving.load import crowding
from pmcp_conformance.interleaving.preemption import preempted
from pmcp_conformance.processes.child import Child
from pmcp_storage import (
    GenericTaskStore,
    NotFoundError,
    StorageBackend,
    StorageError,
    StoreConfig,
    Task,
    TaskError,
    TaskRecord,
    TaskStatus,
    VersionedRecord,
)

_LIFETIME = timedelta(minutes=50)

Error = TypeVar("Error", bound=Exception)


class Trial:
    """The workbench of a rule's function."""

    def __init__(self, bench: Bench, part: int = 0) -> None:
        self.target = bench.target
        self.part = part
        self.seed_number = bench.seed
        self.watch = Watch(self.target.answer_within)
        self.trace = Trace(self.watch)
        self._bench = bench
        self._opened: list[StorageBackend] = []
        self._children: list[Child] = []
        self._fresh: list[str] = []
        self._keys: dict[tuple[str, str], None] = {}
        self._marks = 0
        self.backend = TracedBackend(bench.handle(), self.trace, "backend")
        self.below = BackendBelow(self.backend, self._keys)

    def owner(self, form: str = "{}") -> str:
        """A fresh owner; `form` says where in the id its UUID goes."""
        owner_id = self._bench.new_owner(form)
        self.trace.name_owner(owner_id)
        return owner_id

    def claim_owner(self, owner_id: str) -> str:
        """An owner id made by the rule around a fresh one."""
        self._bench.claim_owner(owner_id)
        self.trace.name_owner(owner_id)
        return owner_id

    def record(self, owner_id: str, task_id: str = "task", **changes: Any) -> TaskRecord:
        """A record unlike any other of this trial, with some fields as the rule wants them."""
        self._keys[owner_id, task_id] = None
        self._marks += 1
        # Ids come from afar: equal ones are not one and the same object.
        owner_id, task_id = "".join([*owner_id]), "".join([*task_id])
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
        """A record whose JSON has exactly this many bytes."""
        empty = self.record(owner_id, task_id, variables={"mark": 0, "fill": ""}, **changes)
        fill = size - len(empty.to_json().encode())
        self._marks += 1
        return empty.model_copy(update={"variables": {"mark": 0, "fill": "x" * fill}})

    def open(self, name: str = "second") -> TracedBackend:
        """A further handle, closed at the end."""
        return self.trace_handle(self.target.handle(), name)

    def open_fresh(self, token: str | None = None) -> TracedBackend:
        """A handle on storage of this trial's own."""
        token = token or self.fresh_token()
        return self.trace_handle(self.target.handle("open_fresh", token), "fresh")

    def store(self, handle: TracedBackend | None = None, **settings: Any) -> GenericTaskStore:
        """A task store over `below`, or over a further handle; without a quota unless given."""
        below = BackendBelow(handle, self._keys) if handle else self.below
        config = StoreConfig(**{"max_tasks_per_owner": None, **settings})
        return self.target.store_class(below, config)

    def fresh_token(self) -> str:
        """A token for storage of this trial's own, which is taken down at the end."""
        self._fresh.append(uuid4().hex)
        return self._fresh[-1]

    def child(self) -> Child:
        """Another process with a handle on the same storage, ended with the trial."""
        child = self._bench.nursery().child(self.watch)
        self._children.append(child)
        return child

    @property
    def is_fast(self) -> bool:
        """Whether an operation takes so little that many more of them cost nothing."""
        return not self.latency

    @property
    def latency(self) -> float:
        """How many seconds an operation waits for the storage; 0 where it is not worth counting."""
        return self._bench.latency

    def soon(self, seconds: float) -> float:
        """The instant, by `time.monotonic`, so many seconds from now; a few times as many where an
        operation takes next to no time, and on a busy machine."""
        return time.monotonic() + seconds * crowding() * (1 if self.latency else 3)

    def numbers(self, most: int, *, until: float) -> Iterator[int]:
        """The numbers from 1 on, as many as there is time for until then."""
        for number in range(1, most + 1):
            if time.monotonic() > until:
                return
            yield number

    @contextmanager
    def preempted(self, seed: int) -> Iterator[None]:
        """Make races in the backend's own code likely, where nothing else makes it wait."""
        if self.is_fast:
            with preempted(self.backend.untraced, self.seed_number * 1_000_000 + seed):
                yield
        else:
            yield

    def trace_handle(self, handle: StorageBackend, name: str) -> TracedBackend:
        """Note the operations of a handle, and close it at the end."""
        self._opened.append(handle)
        return TracedBackend(handle, self.trace, name)

    def plant(self, owner_id: str, task_id: str, data: str, version: int) -> None:
        """Write a raw row through the target's back door."""
        self._keys[owner_id, task_id] = None
        self.trace.note("target", "plant", [owner_id, task_id, data, version], "done")
        self.target.plant(owner_id, task_id, data, version)

    @contextmanager
    def premise(self, rule_id: str) -> Iterator[None]:
        """What fails in here is the other rule's business: this one is then blocked by it."""
        try:
            yield
        except (Violation, StorageError, TaskError) as error:
            raise Blocked(rule_id, error) from error

    def seed(self, owner_id: str, task_id: str = "task", **changes: Any) -> TaskRecord:
        """Store a new record at version 1 and return it."""
        record = self.record(owner_id, task_id, **changes)
        with self.premise("CRE-1"):
            version = self.backend.create(record)
            self.expect(version == 1, "create returns 1", f"it returned {short(version)}")
        return record

    def seed_at(self, version: int, owner_id: str, task_id: str = "task") -> TaskRecord:
        """Store a new record and write it again until it has this version; return the last."""
        record = self.seed(owner_id, task_id)
        for reached in range(2, version + 1):
            record = self.record(owner_id, task_id)
            with self.premise("PUT-2"):
                found = self.backend.put(record)
                self.expect(found == reached, f"put returns {reached}", f"it returned {found!r}")
        return record

    def writes(self, through: TracedBackend | None = None) -> list[Callable[[TaskRecord], int]]:
        """The three ways to write, to be used in this order on a key that is absent."""
        handle = through or self.backend
        return [handle.create, handle.put, lambda record: handle.put_if_version(record, 2)]

    def expect(self, holds: object, expected: str, observed: str) -> None:
        """Raise a Violation unless `holds`."""
        if not holds:
            raise Violation(expected, observed)

    def raises(
        self, expected: Error | type[Error], call: Callable[..., object], *args: Any, **kwargs: Any
    ) -> Error:
        """The error that the call raises: of this kind, and, given an instance, equal to it."""
        kind = expected if isinstance(expected, type) else type(expected)
        wanted = {} if isinstance(expected, type) else vars(expected)
        told = f"{kind.__name__}({self._listed(wanted)})"
        try:
            result = call(*args, **kwargs)
        except kind as error:
            found = {name: getattr(error, name, "no such attribute") for name in wanted}
            self.expect(found == wanted, told, f"{type(error).__name__}({self._listed(found)})")
            return error
        except Exception as error:
            raise Violation(told, f"raised {type(error).__name__}: {error}") from error
        raise Violation(told, f"no error: it returned {outcome_text(result)}")

    def returns(
        self, expected: object, call: Callable[..., object], *args: Any, **kwargs: Any
    ) -> None:
        """The call returns this; a bool is never taken for a number."""
        name = getattr(call, "__name__", "it")
        try:
            result = call(*args, **kwargs)
        except StorageError as error:
            told = f"raised {type(error).__name__}: {error}"
            raise Violation(f"{name} returns {expected!r}", told) from error
        same = result == expected and isinstance(result, bool) == isinstance(expected, bool)
        self.expect(same, f"{name} returns {expected!r}", f"it returned {short(result, 80)}")

    def holds(self, record: TaskRecord, version: int, handle: TracedBackend | None = None) -> None:
        """The key has exactly this record at this version."""
        key = (record.owner_id, record.task_id)
        try:
            found = (handle or self.backend).get(*key)
        except NotFoundError as error:
            raise Violation(f"get finds {key[1]!r} at version {version}", str(error)) from error
        self.same_entry(found, record, version)

    def same_entry(self, found: VersionedRecord, record: TaskRecord, version: int) -> None:
        """The entry has exactly this record and version; GET-4 is about the version's type."""
        told = f"version {short(found.version)}"
        self.expect(found.version == version, f"version {version}", told)
        same_record(record, found.record)

    def entry(
        self, owner_id: str, task_id: str, handle: TracedBackend | None = None
    ) -> VersionedRecord:
        """The entry of the key in the owner's listing."""
        for found in (handle or self.backend).list_by_owner(owner_id, limit=1000):
            if found.record.task_id == task_id:
                return found
        raise Violation(f"a listing with {task_id!r}", "it is not there")

    def keeps_expiry(self, record: TaskRecord) -> None:
        """The storage holds the expiry of this record, where the target can show it.

        To within seconds only: that it is exact is EXP-6.
        """
        if not self.target.offers("stored_expiry"):
            return
        stored = self.target.stored_expiry(record.owner_id, record.task_id)
        if record.expires_at is None or stored is None:
            same = record.expires_at is None and stored is None
        else:
            same = abs(stored - record.expires_at.timestamp()) <= 2
        self.expect(same, f"a stored expiry of {record.expires_at}", f"the storage holds {stored}")

    def unchanged_by(self, record: TaskRecord, version: int, action: Callable[[], object]) -> None:
        """After the action the key still has this record, version and expiry, and is listed so."""
        owner_id = record.owner_id
        before = self.task_ids(owner_id)
        action()
        self.holds(record, version)
        self.same_entry(self.entry(owner_id, record.task_id), record, version)
        after = self.task_ids(owner_id)
        self.expect(after == before, f"the listing as before: {before}", short(after))
        self.keeps_expiry(record)

    def absent(self, owner_id: str, task_id: str) -> None:
        """The key has no record: neither get nor the listing finds one."""
        self.raises(NotFoundError(owner_id, task_id), self.backend.get, owner_id, task_id)
        listed = self.task_ids(owner_id)
        self.expect(task_id not in listed, f"a listing without {task_id!r}", short(listed))

    def task_ids(self, owner_id: str) -> list[str]:
        """The ids of the owner's listing."""
        return [entry.record.task_id for entry in self.backend.list_by_owner(owner_id, limit=1000)]

    def lists(self, owner_id: str, *expected: TaskRecord) -> None:
        """The owner's listing holds exactly these records, in descending order of task_id."""
        found = self.backend.list_by_owner(owner_id, limit=1000)
        wanted = sorted((record.task_id for record in expected), reverse=True)
        observed = [entry.record.task_id for entry in found]
        self.expect(observed == wanted, f"a listing of {short(wanted)}", short(observed))
        by_id = {record.task_id: record for record in expected}
        for entry in found:
            same_record(by_id[entry.record.task_id], entry.record)

    def contenders(self, number: int) -> list[StorageBackend]:
        """That many handles for threads to use at the same time, whose operations are not noted:
        half of them another handle, where the storage is shared."""
        first = self.backend.untraced
        second = self.open().untraced if self.target.shared else first
        watched = [self.watched(handle) for handle in (first, second)]
        return [watched[index % 2] for index in range(number)]

    def watched(self, handle: StorageBackend) -> StorageBackend:
        """The handle, its operations watched and not noted."""
        return cast("StorageBackend", WatchedBackend(handle, self.watch))

    def end(self, *, spoilt: bool) -> None:
        """Delete what was written, close what was opened; drop a handle that may be spoilt.

        Raises Hang if the storage does not let that be done."""
        try:
            if not self.watch.abandoned:
                self.watch.carry_out(partial(self._clean_up, spoilt))
        finally:
            if self.watch.abandoned:
                self._abandon()

    def _clean_up(self, spoilt: bool) -> None:
        for child in self._children:
            child.close()
        if spoilt:
            self.watch.call("close", self._bench.discard_handle)
        self._delete_all()
        for handle in self._opened:
            self.watch.call("close", close_quietly, handle)
        for token in self._fresh:
            self.watch.call("dispose_fresh", self.target.dispose_fresh, token)

    def _abandon(self) -> None:
        """End what can be ended without asking a storage that does not answer."""
        for child in self._children:
            child.kill()
            child.close()
        self._bench.forget_handle()

    def _delete_all(self) -> None:
        for owner_id, task_id in self._keys:
            try:
                self.watch.call("delete", self._bench.handle().delete, owner_id, task_id)
            except Exception:
                # The last look at every owner tells what stayed, and tries once more.
                self._bench.discard_handle()

    def _listed(self, attributes: dict[str, Any]) -> str:
        return ", ".join(f"{name}={short(value, 80)}" for name, value in attributes.items())
