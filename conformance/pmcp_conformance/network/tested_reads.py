"""Reads to inject faults into: every operation that reads, with its answer where there is none."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple

from pmcp_conformance.engine.attempt import Attempt
from pmcp_conformance.engine.recording import RecordedBackend, outcome_text
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import premise
from pmcp_conformance.network.tested_operations import HandleCall, Maker, Probe, Read
from pmcp_storage import VersionedRecord

_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


class _ReadKind(NamedTuple):
    """A way to read an owner's records, in listings up to a limit."""

    name: str
    run: Callable[[str, int, RecordedBackend], object]
    answer: Callable[[list[VersionedRecord]], object]
    """Its answer where the owner's listing has these entries, the last one of which is "000"."""

    def call(self, owner: str, limit: int) -> HandleCall:
        return partial(self.run, owner, limit)


_KINDS = (
    _ReadKind(
        "get",
        lambda owner, limit, handle: handle.get(owner, "000"),
        lambda entries: entries[-1],
    ),
    _ReadKind(
        "list_by_owner",
        lambda owner, limit, handle: handle.list_by_owner(owner, limit=limit),
        lambda entries: entries,
    ),
    _ReadKind(
        "iter_by_owner",
        lambda owner, limit, handle: list(handle.iter_by_owner(owner)),
        lambda entries: entries,
    ),
    _ReadKind("count_by_owner", lambda owner, limit, handle: handle.count_by_owner(owner), len),
    _ReadKind(
        "count_by_owner of the live",
        lambda owner, limit, handle: handle.count_by_owner(owner, live_at=_LONG_AGO),
        len,
    ),
)


def reads(trial: Trial, count: int, size: int = 0) -> list[Maker]:
    """Every read, on an owner with `count` records, each of `size` bytes if given.

    The probe of each is the same of an owner with two records.
    """
    owner = trial.owner()
    for number in range(count):
        if size:
            with premise("VAL-8"):
                trial.backend.create(trial.sized(owner, f"{number:03}", size))
        else:
            trial.store_record(owner, f"{number:03}")
    other_owner = trial.owner()
    for task_id in ("000", "other"):
        trial.store_record(other_owner, task_id)
    with premise("LIST-10"):
        return [_maker(_read(trial, kind, owner, count + 1, other_owner)) for kind in _KINDS]


def _maker(read: Read) -> Maker:
    """Reads change nothing, so that one can be run again and again."""
    return lambda trial: read


def _read(trial: Trial, kind: _ReadKind, owner: str, limit: int, other_owner: str) -> Read:
    call = kind.call(owner, limit)
    other_call = kind.call(other_owner, 3)
    probe = _probe(kind.name, other_call, other_call(trial.backend))
    return Read(kind.name, call, call(trial.backend), probe)


def _probe(name: str, call: HandleCall, right: object) -> Probe:
    def is_right(attempt: Attempt) -> bool:
        return attempt.error is None and attempt.result == right

    expected = f"{name} of another owner, which returns {outcome_text(right)} as without a fault"
    return Probe(call, expected, is_right)


def overwritten_reads(trial: Trial) -> list[Read]:
    """Every read, each on an owner of its own, of what the same handle has read before and another
    client has written since."""
    return [_overwritten_read(trial, kind) for kind in _KINDS]


def _overwritten_read(trial: Trial, kind: _ReadKind) -> Read:
    owner = trial.owner()
    trial.store_record(owner, "000")
    changed = trial.record(owner, "000")
    added = trial.record(owner, "001")
    expected = kind.answer([VersionedRecord(added, 1), VersionedRecord(changed, 2)])

    def overwrite(handle: RecordedBackend) -> None:
        handle.put_if_version(changed, 1)
        handle.create(added)

    call = kind.call(owner, 3)
    return Read(kind.name, call, expected, before=call, overwrite=overwrite)
