"""CON-9, CON-10, CON-11: what one handle or process writes, others see at once, in listings too."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from random import Random
from typing import Any

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.concurrency import (
    ROUNDS,
    check_counter,
)
from pmcp_conformance.contract.swaps import check_one_winner
from pmcp_conformance.engine.attempt import Attempt, raise_unexpected
from pmcp_conformance.engine.recording import TracedBackend, outcome_text
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_conformance.interleaving.exploration import Call, Pair, crossed
from pmcp_conformance.interleaving.simultaneous import together
from pmcp_conformance.processes.child_main import increment
from pmcp_storage import BackendError, NotFoundError, StorageBackend, VersionedRecord


@rule("CON-9", facts=("shared",))
def handles_see_each_other(trial: Trial) -> None:
    """What one handle has written, another handle reads at once."""
    owner = trial.owner()
    pair = [trial.open("first"), trial.open("second")]
    record = trial.record(owner)
    for reader in pair:  # whatever it may keep of this must not be told later
        nothing_there(trial, owner, reader)
    for version in range(1, 9):
        writer, reader = pair[version % 2], pair[1 - version % 2]
        if version > 1:
            reader.get(owner, "task")
        if version == 1:
            trial.returns(1, writer.create, record)
        elif version % 3:
            trial.returns(version, writer.put, record := trial.record(owner))
        else:
            record = trial.record(owner)
            trial.returns(version, writer.put_if_version, record, version - 1)
        trial.holds(record, version, reader)
        trial.same_entry(trial.entry(owner, "task", reader), record, version)
    for writer, reader in (pair, pair[::-1]):
        trial.returns(True, writer.delete, owner, "task")
        nothing_there(trial, owner, reader)
        record = trial.record(owner)
        trial.returns(1, writer.create, record)
        trial.holds(record, 1, reader)
        trial.returns(1, reader.count_by_owner, owner)


def nothing_there(trial: Trial, owner: str, reader: TracedBackend) -> None:
    trial.raises(NotFoundError(owner, "task"), reader.get, owner, "task")
    trial.returns([], reader.list_by_owner, owner)
    trial.returns(0, reader.count_by_owner, owner)


@rule("CON-10", facts=("interprocess",))
def processes_see_each_other(trial: Trial) -> None:
    """What one process has written, another process reads at once, and they contend correctly for
    one version.
    """
    owner = trial.owner()
    child = trial.child()
    record = trial.record(owner)
    absent = NotFoundError(owner, "task")
    trial.raises(absent, from_child, trial, child, "get", owner, "task")
    trial.returns(1, trial.backend.create, record)
    trial.same_entry(from_child(trial, child, "get", owner, "task"), record, 1)
    for version in (2, 4):
        theirs, ours = trial.record(owner), trial.record(owner)
        trial.returns(version, from_child, trial, child, "put_if_version", theirs, version - 1)
        trial.holds(theirs, version)
        trial.returns(version + 1, trial.backend.put, ours)
        trial.same_entry(from_child(trial, child, "get", owner, "task"), ours, version + 1)
    for number in range(ROUNDS):
        key = f"round {number}"
        trial.seed(owner, key)
        attempts = swap_against(trial, child, owner, key)
        check_one_winner(attempts)
        found = trial.backend.get(owner, key)
        trial.expect(found.version == 2, f"version 2 of {key}", f"version {found.version}")
    trial.returns(True, from_child, trial, child, "delete", owner, "task")
    trial.absent(owner, "task")
    trial.returns(1, from_child, trial, child, "create", record)
    trial.holds(record, 1)
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
            trial.expect(found == right, expected, shown_text(found))


Reach = Callable[..., Any]
"""Calls an operation by its name, in this process or another."""


def shown(reader: Reach, owner: str) -> tuple[Any, Any, Any]:
    """What a process finds of the owner's task: by get, in the listing and in the count."""
    try:
        found = reader("get", owner, "task")
    except NotFoundError:
        found = None
    return found, reader("list_by_owner", owner), reader("count_by_owner", owner)


def shown_text(found: tuple[Any, Any, Any]) -> str:
    entry, listed, counted = found
    return f"get: {outcome_text(entry)}, listing: {outcome_text(listed)}, count: {counted}"


def increments_of_two_processes(trial: Trial, child: Any, owner: str) -> None:
    """Both increment one counter without waiting for each other: they meet again and again."""
    times = 150 if trial.is_fast else 20
    record = trial.seed(owner, "counter", variables={"counter": 0})
    child.send("increment", record, times)
    with trial.preempted(10):
        ours = increment(trial.contenders(1)[0], record, times)
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
        trial.trace.note("another_process", method, list(args), str(attempt))


def swap_against(trial: Trial, child: Any, owner: str, key: str) -> list[Attempt]:
    """Let this process and the child swap version 1 at the same instant."""
    at = time.monotonic_ns() + 2_000_000
    child.send("put_if_version", trial.record(owner, key), 1, at=at)
    ours = trial.record(owner, key)
    while time.monotonic_ns() < at:
        pass
    attempts = []
    for call in (lambda: trial.contenders(1)[0].put_if_version(ours, 1), child.answer):
        try:
            attempts.append(Attempt(call()))
        except Exception as error:
            attempts.append(Attempt(error=error))
    return attempts


@rule("CON-11")
def listings_during_writes(trial: Trial) -> None:
    """A listing during writes holds every record that is there all along, each in a state that
    existed.
    """
    listings_crossed(trial, *twelve_records(trial))
    owner, stable = twelve_records(trial)
    first, second = trial.contenders(2)
    done: list[bool] = []

    def write() -> None:
        random = Random(11)
        versions = dict.fromkeys(stable, 1)
        try:
            for number in range(50):
                task_id = random.choice(stable)
                versions[task_id] += 1
                variables = {"version": versions[task_id]}
                first.put(trial.record(owner, task_id, variables=variables))
                passing = f"{random.choice(stable)}x{number % 3}"
                first.put(trial.record(owner, passing, variables={}))
                first.delete(owner, passing)
        finally:
            done.append(True)

    def read() -> None:
        while not done:
            for listing in (
                second.list_by_owner(owner, limit=100),
                list(second.iter_by_owner(owner)),
                pages(second, owner),
            ):
                check_listing(stable, listing)

    with trial.preempted(11):
        attempts = together(trial.watch, [write, read])
    raise_unexpected(attempts)


def twelve_records(trial: Trial) -> tuple[str, list[str]]:
    """An owner with twelve records, and their ids."""
    owner, stable = trial.owner(), [f"s{number:02}" for number in range(12)]
    for task_id in stable:
        trial.seed(owner, task_id, variables={"version": 1})
    return owner, stable


def listings_crossed(trial: Trial, owner: str, stable: list[str]) -> None:
    """A write, a delete or a creation comes in between at each line of a listing, and of a count,
    and a listing at each line of a write."""
    first, second = trial.contenders(2)
    versions = dict.fromkeys(stable, 1)

    def listing() -> None:
        check_listing(stable, pages(second, owner))

    def write() -> None:
        task_id = stable[-3]
        versions[task_id] += 1
        first.put(trial.record(owner, task_id, variables={"version": versions[task_id]}))

    def count() -> None:
        found, least = second.count_by_owner(owner), len(stable)
        if not least <= found <= least + 1:
            raise Violation(f"a count of {least} or {least + 1}", f"{found}")

    passing = f"{stable[-2]}x"

    def while_one_goes(look: Call) -> Sequence[Call]:
        with suppress(BackendError):
            first.put(trial.record(owner, passing, variables={}))
        return look, partial(first.delete, owner, passing)

    def while_one_comes(look: Call) -> Sequence[Call]:
        with suppress(BackendError):
            first.delete(owner, passing)
        return look, partial(first.create, trial.record(owner, passing, variables={}))

    pairs: list[Pair] = [
        *(lambda _: while_one_goes(listing), lambda _: while_one_goes(count)),
        *(lambda _: while_one_comes(listing), lambda _: while_one_comes(count)),
        *(lambda _: (listing, write), lambda _: (write, listing)),
    ]
    for pair in pairs:
        crossed(trial, pair, lambda _, attempts: raise_unexpected(attempts))


def pages(handle: StorageBackend, owner: str) -> list[Any]:
    """A listing in small pages."""
    found: list[Any] = []
    while True:
        after = found[-1].record.task_id if found else None
        page = handle.list_by_owner(owner, limit=5, after=after)
        found += page
        if len(page) < 5:
            return found


def check_listing(stable: list[str], listing: list[Any]) -> None:
    """Every stable record once, and each with its own version."""
    seen = [entry.record.task_id for entry in listing]
    there = [task_id for task_id in seen if task_id in stable]
    if there != sorted(stable, reverse=True):
        missing = sorted(set(stable) - set(there))
        told = f"missing {missing}, in all {there}"
        raise Violation("every record that was there all along, once, in order", told)
    for entry in listing:
        version = entry.record.variables.get("version", entry.version)
        if version != entry.version:
            told = f"{entry.record.task_id} of version {version} listed with {entry.version}"
            raise Violation("records in a state that existed", told)
