"""CON-10: processes see each other."""

from __future__ import annotations

from functools import partial

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_con.support import ROUNDS, check_counter, check_one_winner
from pmcp_conformance.engine.attempt import Attempt
from pmcp_conformance.engine.handles import watched
from pmcp_conformance.engine.pacing import is_fast
from pmcp_conformance.engine.recording import RecordedBackend, outcome_text
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import (
    expect,
    expect_absent,
    expect_entry,
    expect_raises,
    expect_returns,
    expect_stored,
)
from pmcp_conformance.interleaving.preemption import preempting
from pmcp_conformance.interleaving.simultaneous import common_start, spin_until
from pmcp_conformance.processes.child import Child
from pmcp_conformance.processes.child_backend import ChildBackend
from pmcp_conformance.processes.fork_server import start_child
from pmcp_conformance.processes.increments import increment
from pmcp_conformance.processes.messages import MethodCall
from pmcp_storage import NotFoundError, VersionedRecord

Shown = tuple[VersionedRecord | None, list[VersionedRecord], int]
"""What a handle finds of an owner with one task: by get, in the listing and in the count."""


@rule("CON-10", facts=("interprocess",))
def processes_see_each_other(trial: Trial) -> None:
    """What one process has written, another process reads at once, and they contend correctly for
    one version.
    """
    owner = trial.owner()
    child = start_child(trial)
    writes_are_read(trial, child, owner)
    for number in range(ROUNDS):
        key = f"round {number}"
        trial.store_record(owner, key)
        attempts = swap_against(trial, child, owner, key)
        check_one_winner(attempts)
        found = trial.backend.get(owner, key)
        expect(found.version == 2, f"version 2 of {key}", f"version {found.version}")
    nobody_reads_what_was(trial, child)
    increments_of_two_processes(trial, child, owner)


def writes_are_read(trial: Trial, child: Child, owner: str) -> None:
    """Both processes write in turn, and each reads what the other has written."""
    theirs = ChildBackend(trial, child)
    record = trial.record(owner)
    expect_raises(NotFoundError(owner, "task"), theirs.get, owner, "task")
    expect_returns(1, trial.backend.create, record)
    expect_entry(theirs.get(owner, "task"), record, 1)
    for version in (2, 4):
        record = trial.record(owner)
        expect_returns(version, theirs.put_if_version, record, version - 1)
        expect_stored(trial, record, version)
        record = trial.record(owner)
        expect_returns(version + 1, trial.backend.put, record)
        expect_entry(theirs.get(owner, "task"), record, version + 1)
    expect_returns(True, theirs.delete, owner, "task")
    expect_absent(trial, owner, "task")
    expect_returns(1, theirs.create, record)
    expect_stored(trial, record, 1)


def swap_against(trial: Trial, child: Child, owner: str, key: str) -> list[Attempt]:
    """Let this process and the child swap version 1 at the same instant."""
    theirs = MethodCall("put_if_version", (trial.record(owner, key), 1))
    handle = watched(trial, trial.backend.unrecorded)
    ours = partial(handle.put_if_version, trial.record(owner, key), 1)
    start = common_start()
    child.send(theirs, not_before=start)
    spin_until(start)
    return [Attempt.of(ours), Attempt.of(child.answer)]


def nobody_reads_what_was(trial: Trial, child: Child) -> None:
    """What a process has read before is not what it reads after a write of another."""
    ours, theirs = trial.backend, ChildBackend(trial, child)
    writes_are_read_anew(trial, ours, theirs)
    writes_are_read_anew(trial, theirs, ours)


def writes_are_read_anew(
    trial: Trial, writer: RecordedBackend | ChildBackend, reader: RecordedBackend | ChildBackend
) -> None:
    """The reader looks before and after each write of the writer."""
    owner = trial.owner()
    version = 0
    for method in ("create", "put", "put_if_version", "delete"):
        shown(reader, owner)
        record = trial.record(owner)
        args = {"put_if_version": (record, version), "delete": (owner, "task")}
        getattr(writer, method)(*args.get(method, (record,)))
        version = 0 if method == "delete" else version + 1
        entry = VersionedRecord(record, version) if version else None
        right: Shown = (entry, [entry], 1) if entry else (None, [], 0)
        found = shown(reader, owner)
        expected = f"{shown_text(right)} after {method} in another process"
        expect(found == right, expected, shown_text(found))


def shown(reader: RecordedBackend | ChildBackend, owner: str) -> Shown:
    try:
        found = reader.get(owner, "task")
    except NotFoundError:
        found = None
    return found, reader.list_by_owner(owner), reader.count_by_owner(owner)


def shown_text(found: Shown) -> str:
    entry, listed, counted = found
    return f"get: {outcome_text(entry)}, listing: {outcome_text(listed)}, count: {counted}"


def increments_of_two_processes(trial: Trial, child: Child, owner: str) -> None:
    """Both increment one counter without waiting for each other: they meet again and again."""
    times = 150 if is_fast(trial) else 20
    record = trial.store_record(owner, "counter", variables={"counter": 0})
    child.send(MethodCall("increment", (record, times)))
    with preempting(trial, 10):
        ours = increment(watched(trial, trial.backend.unrecorded), record, times)
    theirs = child.answer()
    acknowledged = ours.acknowledged + theirs.acknowledged
    check_counter(trial, owner, "counter", acknowledged, ours.unknown + theirs.unknown)
