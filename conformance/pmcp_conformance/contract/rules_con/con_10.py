"""CON-10: processes see each other."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_con.support import (
    ROUNDS,
    Reach,
    check_counter,
    check_one_winner,
    shown,
)
from pmcp_conformance.engine.attempt import Attempt
from pmcp_conformance.engine.expectations import (
    expect,
    expect_absent,
    expect_entry,
    expect_raises,
    expect_returns,
    expect_stored,
)
from pmcp_conformance.engine.handles import contenders
from pmcp_conformance.engine.pacing import is_fast
from pmcp_conformance.engine.recording import outcome_text
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.interleaving.preemption import preempting
from pmcp_conformance.processes.child_main import increment
from pmcp_conformance.processes.fork_server import start_child
from pmcp_storage import (
    NotFoundError,
    VersionedRecord,
)


@rule("CON-10", facts=("interprocess",))
def processes_see_each_other(trial: Trial) -> None:
    """What one process has written, another process reads at once, and they contend correctly for
    one version.
    """
    owner = trial.owner()
    child = start_child(trial)
    record = trial.record(owner)
    absent = NotFoundError(owner, "task")
    expect_raises(absent, from_child, trial, child, "get", owner, "task")
    expect_returns(1, trial.backend.create, record)
    expect_entry(from_child(trial, child, "get", owner, "task"), record, 1)
    for version in (2, 4):
        theirs, ours = trial.record(owner), trial.record(owner)
        expect_returns(version, from_child, trial, child, "put_if_version", theirs, version - 1)
        expect_stored(trial, theirs, version)
        expect_returns(version + 1, trial.backend.put, ours)
        expect_entry(from_child(trial, child, "get", owner, "task"), ours, version + 1)
    for number in range(ROUNDS):
        key = f"round {number}"
        trial.store_record(owner, key)
        attempts = swap_against(trial, child, owner, key)
        check_one_winner(attempts)
        found = trial.backend.get(owner, key)
        expect(found.version == 2, f"version 2 of {key}", f"version {found.version}")
    expect_returns(True, from_child, trial, child, "delete", owner, "task")
    expect_absent(trial, owner, "task")
    expect_returns(1, from_child, trial, child, "create", record)
    expect_stored(trial, record, 1)
    nobody_reads_what_was(trial, child)
    increments_of_two_processes(trial, child, owner)


def nobody_reads_what_was(trial: Trial, child: Any) -> None:
    """What a process has read before is not what it reads after a write of another."""
    owner = trial.owner()

    def ours(method: str, *args: Any) -> Any:
        return getattr(trial.backend, method)(*args)

    theirs: Reach = partial(from_child, trial, child)
    for writer, reader in ((ours, theirs), (theirs, ours)):
        version = 0
        for method in ("create", "put", "put_if_version", "delete"):
            shown(reader, owner)
            record = trial.record(owner)
            args = {"put_if_version": (record, version), "delete": (owner, "task")}
            writer(method, *args.get(method, (record,)))
            version = 0 if method == "delete" else version + 1
            entries = [VersionedRecord(record, version)] if version else []
            right = (entries[0] if entries else None, entries, len(entries))
            found = shown(reader, owner)
            expected = f"{shown_text(right)} after {method} in another process"
            expect(found == right, expected, shown_text(found))


def shown_text(found: tuple[Any, Any, Any]) -> str:
    entry, listed, counted = found
    return f"get: {outcome_text(entry)}, listing: {outcome_text(listed)}, count: {counted}"


def increments_of_two_processes(trial: Trial, child: Any, owner: str) -> None:
    """Both increment one counter without waiting for each other: they meet again and again."""
    times = 150 if is_fast(trial) else 20
    record = trial.store_record(owner, "counter", variables={"counter": 0})
    child.send("increment", record, times)
    with preempting(trial, 10):
        ours = increment(contenders(trial, 1)[0], record, times)
    theirs = child.answer()
    check_counter(trial, owner, "counter", ours[0] + theirs[0], ours[1] + theirs[1])


def from_child(trial: Trial, child: Any, method: str, *args: Any) -> Any:
    """Let the child call an operation; what it returned or raised."""
    attempt = Attempt()
    try:
        attempt = Attempt(child.call(method, *args))
        return attempt.result
    except Exception as error:
        attempt = Attempt(error=error)
        raise
    finally:
        trial.recording.note("another_process", method, list(args), str(attempt))


def swap_against(trial: Trial, child: Any, owner: str, key: str) -> list[Attempt]:
    """Let this process and the child swap version 1 at the same instant."""
    at = time.monotonic_ns() + 2_000_000
    child.send("put_if_version", trial.record(owner, key), 1, at=at)
    ours = trial.record(owner, key)
    while time.monotonic_ns() < at:
        pass
    attempts = []
    for call in (lambda: contenders(trial, 1)[0].put_if_version(ours, 1), child.answer):
        try:
            attempts.append(Attempt(call()))
        except Exception as error:
            attempts.append(Attempt(error=error))
    return attempts
