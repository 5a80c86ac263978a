"""The operations that are tried on a spoilt way, each with what it must come to where none is.

A write has a key of its own, so that many can be tried at once. Each operation also has a call
that is to follow it through the same handle, and whose answer shows whether the handle is sound.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

from pmcp_conformance.engine.expectations import expect_returns, premise
from pmcp_conformance.engine.recording import RecordedBackend
from pmcp_conformance.engine.trial import Trial
from pmcp_storage import (
    AlreadyExistsError,
    ConcurrentModificationError,
    NotFoundError,
    StorageError,
    TaskRecord,
    VersionedRecord,
)

_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)

_NEVER_REACHED = 99
"""A version at which no key of these rules ever stands."""

HandleCall = Callable[[RecordedBackend], object]


@dataclass(frozen=True)
class Read:
    """An operation that changes nothing, and its right answer."""

    name: str
    run: HandleCall
    right: object
    other: Read | None = None
    """The same of another owner, which has another answer."""
    overwrite: HandleCall | None = None
    """What somebody else writes after the handle has read before; the right answer tells it."""

    @property
    def following(self) -> HandleCall | None:
        """The other read."""
        return None if self.other is None else self.other.run


@dataclass(frozen=True)
class Write:
    """An operation that changes a key, which stands at `former` (None: absent) before it."""

    name: str
    run: HandleCall
    key: tuple[str, str]
    former: VersionedRecord | None
    record: TaskRecord | None
    """What it writes; None for a delete."""
    following: HandleCall
    """A put_if_version of the same key that is always refused."""
    refusal: StorageError | None = None
    """What it is told, if its condition does not hold."""
    before: HandleCall | None = None
    """What the same handle has done before it."""

    @property
    def version(self) -> int:
        """The version of the former record; 0 where there is none."""
        return 0 if self.former is None else self.former.version

    @property
    def applied(self) -> VersionedRecord | None:
        """What the storage holds after it."""
        return None if self.record is None else VersionedRecord(self.record, self.version + 1)


Operation = Read | Write
Maker = Callable[[Trial], Operation]
"""Makes an operation anew: a write on a key that is its own."""


def _write(name: str, present: bool, trial: Trial) -> Write:
    owner = trial.owner()
    former = VersionedRecord(trial.store_record(owner), 1) if present else None
    record, unwanted = trial.record(owner), trial.record(owner)
    calls: dict[str, HandleCall] = {
        "create": lambda handle: handle.create(record),
        "put": lambda handle: handle.put(record),
        "put_if_version": lambda handle: handle.put_if_version(record, 1),
        "delete": lambda handle: handle.delete(owner, "task"),
    }
    on_absent = {"put": "put of an absent key", "delete": "delete of an absent key"}
    on_present = {"put": "put of a present key"}
    told = (on_present if present else on_absent).get(name, name)
    written = None if name == "delete" else record
    following = partial(put_nowhere, unwanted)
    return Write(told, calls[name], (owner, "task"), former, written, following)


def put_nowhere(record: TaskRecord, handle: RecordedBackend) -> int:
    """A put_if_version that is always refused."""
    return handle.put_if_version(record, _NEVER_REACHED)


CREATE, PUT_NEW = partial(_write, "create", False), partial(_write, "put", False)
PUT, SWAP = partial(_write, "put", True), partial(_write, "put_if_version", True)
DELETE, DELETE_ABSENT = partial(_write, "delete", True), partial(_write, "delete", False)
WRITES: tuple[Callable[[Trial], Write], ...] = (CREATE, PUT_NEW, PUT, SWAP, DELETE)


def _overtaken(trial: Trial) -> Write:
    write = SWAP(trial)
    record = trial.record(*write.key)
    with premise("CAS-1"):
        expect_returns(2, trial.backend.put_if_version, record, 1)
    return _refused(write, "put_if_version of a former version", VersionedRecord(record, 2))


def _deleted(trial: Trial) -> Write:
    write = SWAP(trial)
    with premise("DEL-1"):
        expect_returns(True, trial.backend.delete, *write.key)
    return _refused(write, "put_if_version of a deleted key", None)


def _present(trial: Trial) -> Write:
    write = CREATE(trial)
    record = trial.record(*write.key)
    with premise("CRE-1"):
        expect_returns(1, trial.backend.create, record)
    return _refused(write, "create of a present key", VersionedRecord(record, 1))


def _refused(write: Write, name: str, found: VersionedRecord | None) -> Write:
    refusal = refusal_of(write, 0 if found is None else found.version)
    return replace(write, name=name, former=found, refusal=refusal)


STALE: tuple[Callable[[Trial], Write], ...] = (_overtaken, _deleted, _present)
"""Conditional writes whose conditions do not hold."""


def _overtaken_by_itself(trial: Trial) -> Write:
    write = SWAP(trial)
    record = trial.record(*write.key)
    stale = _refused(write, "put_if_version of a former version", VersionedRecord(record, 2))
    return replace(stale, before=lambda handle: handle.put_if_version(record, 1))


def _created_by_itself(trial: Trial) -> Write:
    write = CREATE(trial)
    record = trial.record(*write.key)
    stale = _refused(write, "create of a key just created", VersionedRecord(record, 1))
    return replace(stale, before=lambda handle: handle.create(record))


OWN_STALE = (_overtaken_by_itself, _created_by_itself)
"""The same, after writes of the same handle."""


def refusal_of(write: Write, actual: int) -> StorageError:
    """The plain refusal of a conditional write that meets this version; 0: an absent key."""
    if write.version == 0:
        return AlreadyExistsError(*write.key)
    if actual == 0:
        return NotFoundError(*write.key)
    return ConcurrentModificationError(*write.key, write.version, actual)


def same_error(error: Exception | None, expected: StorageError | None) -> bool:
    """Whether a call raised exactly this error; None: none at all."""
    if error is None or expected is None:
        return error is expected
    return type(error) is type(expected) and vars(error) == vars(expected)


def _reading(owner: str, limit: int) -> dict[str, HandleCall]:
    return {
        "get": lambda handle: handle.get(owner, "000"),
        "list_by_owner": lambda handle: handle.list_by_owner(owner, limit=limit),
        "iter_by_owner": lambda handle: list(handle.iter_by_owner(owner)),
        "count_by_owner": lambda handle: handle.count_by_owner(owner),
        "count_by_owner of the live": lambda handle: handle.count_by_owner(
            owner, live_at=_LONG_AGO
        ),
    }


def reads(trial: Trial, count: int, size: int = 0) -> list[Maker]:
    """Every reading operation, on an owner with this many records, of so many bytes if given; the
    other owner has two."""
    owner, another = trial.owner(), trial.owner()
    for number in range(count):
        if size:
            with premise("VAL-8"):
                trial.backend.create(trial.sized(owner, f"{number:03}", size))
        else:
            trial.store_record(owner, f"{number:03}")
    for task_id in ("000", "other"):
        trial.store_record(another, task_id)
    with premise("LIST-10"):
        others = {
            name: Read(name, call, call(trial.backend))
            for name, call in _reading(another, 3).items()
        }
        found = [
            Read(name, call, call(trial.backend), others[name])
            for name, call in _reading(owner, count + 1).items()
        ]
    return [lambda trial, read=read: read for read in found]  # type: ignore[misc]


def overwritten_reads(trial: Trial) -> list[Read]:
    """Every reading operation, each on an owner of its own, where somebody else writes later."""
    return [_overwritten_read(trial, name) for name in _reading("", 1)]


def _overwritten_read(trial: Trial, name: str) -> Read:
    owner = trial.owner()
    trial.store_record(owner, "000")
    record, added = trial.record(owner, "000"), trial.record(owner, "001")
    entries = [VersionedRecord(added, 1), VersionedRecord(record, 2)]
    right = entries[1] if name == "get" else 2 if name.startswith("count") else entries

    def overwrite(handle: RecordedBackend) -> None:
        handle.put_if_version(record, 1)
        handle.create(added)

    return Read(name, _reading(owner, 3)[name], right, overwrite=overwrite)
