"""Shared by the rules on concurrency."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from pmcp_conformance.engine.attempt import Attempt, Call, explained
from pmcp_conformance.engine.expectations import expect, expect_returns, expect_stored
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_conformance.interleaving.preemption import preempting
from pmcp_conformance.interleaving.simultaneous import call_simultaneously
from pmcp_storage import (
    BackendError,
    ConcurrentModificationError,
    NotFoundError,
    OutcomeUnknownError,
    StorageBackend,
    TaskRecord,
)

CONTENDERS = 8


ROUNDS = 12


def contend(trial: Trial, seed: int, calls: Sequence[Call]) -> list[Attempt]:
    """Let the calls race; an error that is no StorageError is a violation by itself."""
    with preempting(trial, seed):
        return call_simultaneously(trial.watchdog, calls)


def succeeded(attempts: list[Attempt], *definite: type[Exception]) -> list[Attempt]:
    """The attempts that succeeded; a violation for an error of any other kind."""
    for attempt in attempts:
        allowed = attempt.error is None or attempt.failed or attempt.unknown
        if not allowed and not isinstance(attempt.error, definite):
            expected = " or ".join(["success", *(kind.__name__ for kind in definite)])
            raise Violation(expected, str(attempt), explained(attempts))
    return [attempt for attempt in attempts if attempt.error is None]


def holds_a_winner(
    trial: Trial, calls: list[partial[int]], attempts: list[Attempt], version: int
) -> None:
    """The key has the record of the call that succeeded, if one did, and the next write holds."""
    for call, attempt in zip(calls, attempts, strict=True):
        if attempt.error is None:
            record: TaskRecord = call.args[0]
            expect_stored(trial, record, version)
            again = trial.record(record.owner_id, record.task_id)
            expect_returns(version + 1, trial.backend.put_if_version, again, version)


def check_counter(trial: Trial, owner: str, key: str, successes: int, unknown: int) -> None:
    """The counter, its version and the number of increments agree."""
    found = trial.backend.get(owner, key)
    counter, version = found.record.variables["counter"], found.version
    told = f"counter {counter}, version {version}, {successes} successes, {unknown} unknown"
    agree = counter == version - 1 and successes <= counter <= successes + unknown
    expect(agree, "counter = version - 1 = number of successes", told)


def exactly_one(attempts: list[Attempt], winners: list[Attempt]) -> None:
    """One winner; none only where an outcome is unknown."""
    unknown = any(attempt.unknown for attempt in attempts)
    if len(winners) > 1 or (not winners and not unknown):
        told = f"{len(winners)} of {len(attempts)}"
        raise Violation("exactly one success", told, explained(attempts))


def look(reader: StorageBackend, owner: str) -> None:
    """What the reader is shown belongs together."""
    for entry in (reader.get(owner, "task"), *reader.list_by_owner(owner)):
        told = entry.record.variables["version"], entry.version
        if told[0] != told[1]:
            raise Violation(
                "a record and its own version",
                f"the record of version {told[0]} with version {told[1]}",
            )


def check_one_winner(attempts: list[Attempt]) -> None:
    """At most one success, at least one definite answer, refusals with a version beyond 1."""
    winners = succeeded(attempts, ConcurrentModificationError)
    lines = explained(attempts)
    if len(winners) > 1:
        told = f"{len(winners)} of {len(attempts)} succeeded: an update was lost"
        raise Violation("at most one success", told, lines)
    refusals = [a.error for a in attempts if isinstance(a.error, ConcurrentModificationError)]
    if not winners and not refusals:
        raise Violation("at least one definite answer", "none", lines)
    if not winners and not any(attempt.unknown for attempt in attempts):
        raise Violation("one success", "all were refused, though nobody wrote", lines)
    if any(refusal.actual_version < 2 for refusal in refusals):
        raise Violation("refusals that report version 2 or later", "an older one", lines)


PATIENCE = 1000


class Incrementer:
    """A worker that reads a counter and swaps it for one more, until each increment holds."""

    def __init__(self, trial: Trial, owner: str, handle: StorageBackend) -> None:
        self._trial, self._owner, self._handle = trial, owner, handle
        self.successes = self.unknown = 0
        self.attempts: list[int] = []
        self._refusal = ""

    def increment(self, times: int) -> None:
        for _ in range(times):
            tries = 1
            while not self._once():
                tries += 1
                if tries > PATIENCE:
                    told = f"{PATIENCE} attempts in vain, the last of which {self._refusal}"
                    raise Violation("progress under contention", told)
            self.attempts.append(tries)

    def _once(self) -> bool:
        found = self._handle.get(self._owner, "task")
        counter = {"counter": found.record.variables["counter"] + 1}
        record = self._trial.record(self._owner, variables=counter)
        try:
            self._handle.put_if_version(record, found.version)
        except OutcomeUnknownError:
            self.unknown += 1
            return True
        except (ConcurrentModificationError, BackendError) as error:
            # Neither is applied, so both are an attempt in vain.
            self._refusal = f"got version {found.version} and {Attempt(error=error)}"
            return False
        self.successes += 1
        return True


Reach = Callable[..., Any]
"""Calls an operation by its name, in this process or another."""


def shown(reader: Reach, owner: str) -> tuple[Any, Any, Any]:
    """What a process finds of the owner's task: by get, in the listing and in the count."""
    try:
        found = reader("get", owner, "task")
    except NotFoundError:
        found = None
    return found, reader("list_by_owner", owner), reader("count_by_owner", owner)
