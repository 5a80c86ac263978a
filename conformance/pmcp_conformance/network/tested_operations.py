"""Operations to inject faults into, each with what it does where there is none.

`tested_writes` and `tested_reads` make them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from pmcp_conformance.engine.attempt import Attempt
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

HandleCall = Callable[[RecordedBackend], object]


class WriteKind(Enum):
    """The operations that change a key."""

    CREATE = auto()
    PUT = auto()
    PUT_IF_VERSION = auto()
    DELETE = auto()


@dataclass(frozen=True)
class Probe:
    """A further call through the same handle, whose answer shows whether the handle is sound."""

    run: HandleCall
    expected: str
    """What it does where the handle is sound, as a report shows it after "is followed by"."""
    is_right: Callable[[Attempt], bool]


@dataclass(frozen=True)
class Read:
    """An operation that changes nothing, and its right answer."""

    name: str
    run: HandleCall
    expected: object
    probe: Probe | None = None
    """The same of another owner, which has another answer."""
    before: HandleCall | None = None
    """What the same handle has done before it."""
    overwrite: HandleCall | None = None
    """What another client writes after that; the right answer shows it."""


@dataclass(frozen=True)
class Write:
    """An operation that changes a key, which stands at `former` (None: absent) before it."""

    name: str
    kind: WriteKind
    run: HandleCall
    key: tuple[str, str]
    former: VersionedRecord | None
    record: TaskRecord | None
    """What it writes; None for a delete."""
    probe: Probe
    """A put_if_version of the same key that is always refused."""
    refusal: StorageError | None = None
    """What it raises, if its condition does not hold."""
    before: HandleCall | None = None
    """What the same handle has done before it."""

    @property
    def former_version(self) -> int:
        """The version of the former record; 0 where there is none."""
        return 0 if self.former is None else self.former.version

    @property
    def applied(self) -> VersionedRecord | None:
        """What the storage holds after it."""
        if self.record is None:
            return None
        return VersionedRecord(self.record, self.former_version + 1)


ReadOrWrite = Read | Write
Maker = Callable[[Trial], ReadOrWrite]
"""Makes an operation anew: a write on a key that is its own."""


def refusal_of(write: Write, actual_version: int) -> StorageError:
    """The plain refusal of a conditional write that meets this version; 0: an absent key."""
    if write.former_version == 0:
        return AlreadyExistsError(*write.key)
    if actual_version == 0:
        return NotFoundError(*write.key)
    return ConcurrentModificationError(*write.key, write.former_version, actual_version)


def same_error(error: Exception | None, expected: StorageError | None) -> bool:
    """Whether a call raised exactly this error; None: none at all."""
    if error is None or expected is None:
        return error is expected
    return type(error) is type(expected) and vars(error) == vars(expected)
