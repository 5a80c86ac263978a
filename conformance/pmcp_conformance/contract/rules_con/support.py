"""Shared by the rules on concurrency."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from random import Random

from pmcp_conformance.engine.attempt import Attempt, Call, explained
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Inconclusive, Violation
from pmcp_conformance.expectations import expect, expect_returns, expect_stored
from pmcp_conformance.interleaving.preemption import preempting
from pmcp_conformance.interleaving.simultaneous import call_simultaneously
from pmcp_storage import (
    BackendError,
    ConcurrentModificationError,
    OutcomeUnknownError,
    StorageBackend,
    TaskRecord,
)

CONTENDERS = 8
"""Threads of a race."""

ROUNDS = 12
"""Races of a rule, more or fewer by a factor where one shows more or less."""

_LARGE = 100_000
"""Bytes of a record whose copying takes as long as what happens between two looks at a map."""

_SMALL_TO_ONE_LARGE = 8
"""Races of small records, which take a tenth of the time, to one of large records."""

_MOST_TRIES = 1000
"""For one increment, before it is given up."""

_LONGEST_PAUSE = 0.02
"""Seconds after a failure, at most, until the next try: others have what it failed for."""


def racing_record(trial: Trial, owner: str, key: str, race: int = 1) -> TaskRecord:
    """A record for the race of that number: some are large where the backend's code runs elsewhere,
    for calls that take longer overlap more often."""
    if trial.target.in_process or race % (_SMALL_TO_ONE_LARGE + 1):
        return trial.record(owner, key)
    return trial.sized(owner, key, min(_LARGE, trial.target.max_record_bytes))


def contend(trial: Trial, seed: int, calls: Sequence[Call]) -> list[Attempt]:
    """Let the calls race; what came of each."""
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


def check_winner_stored(
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
    observed = f"counter {counter}, version {version}, {successes} successes, {unknown} unknown"
    agree = counter == version - 1 and successes <= counter <= successes + unknown
    expect(agree, "counter = version - 1 = number of successes", observed)


def check_exactly_one(attempts: list[Attempt], winners: list[Attempt]) -> None:
    """One winner; none only where an outcome is unknown. Inconclusive where nobody was served."""
    require_answers(attempts)
    unknown = any(attempt.unknown for attempt in attempts)
    if len(winners) > 1 or not (winners or unknown):
        observed = f"{len(winners)} of {len(attempts)}"
        raise Violation("exactly one success", observed, explained(attempts))


def require_answers(attempts: list[Attempt]) -> None:
    """Raise Inconclusive if the storage served no contender at all."""
    if all(attempt.failed for attempt in attempts):
        raise Inconclusive(
            f"the storage served none of {len(attempts)} contenders: run it on a machine that is "
            "less busy, or give the handle longer timeouts",
            "\n".join(explained(attempts)),
        )


def check_one_winner(attempts: list[Attempt]) -> None:
    """At most one success, at least one definite answer, refusals with a version beyond 1."""
    require_answers(attempts)
    winners = succeeded(attempts, ConcurrentModificationError)
    lines = explained(attempts)
    if len(winners) > 1:
        observed = f"{len(winners)} of {len(attempts)} succeeded: an update was lost"
        raise Violation("at most one success", observed, lines)
    refusals = [a.error for a in attempts if isinstance(a.error, ConcurrentModificationError)]
    if not winners and not refusals:
        raise Violation("at least one definite answer", "none", lines)
    if not winners and not any(attempt.unknown for attempt in attempts):
        raise Violation("one success", "all were refused, though nobody wrote", lines)
    if any(refusal.actual_version < 2 for refusal in refusals):
        raise Violation("refusals that report version 2 or later", "an older one", lines)


class Incrementer:
    """A thread's work: it reads a counter and swaps it for one more, until each increment holds."""

    def __init__(self, trial: Trial, owner: str, handle: StorageBackend) -> None:
        self._trial = trial
        self._owner = owner
        self._handle = handle
        self._refusal = ""
        self._last_error: Exception | None = None
        self._random = Random(trial.seed)
        self.successes = 0
        self.unknown = 0
        self.attempts: list[int] = []
        """How many attempts each increment has taken, but for those that the storage failed."""

    def increment(self, times: int) -> None:
        for _ in range(times):
            refused = failures = 0
            while not self._once():
                failed = isinstance(self._last_error, BackendError)
                failures += failed
                refused += not failed
                if max(refused, failures) >= _MOST_TRIES:
                    observed = f"{_MOST_TRIES} attempts in vain, the last of which {self._refusal}"
                    raise Violation("progress under contention", observed)
                if failed:
                    time.sleep(self._random.uniform(0, _LONGEST_PAUSE))
            self.attempts.append(refused + 1)

    def _once(self) -> bool:
        version = 0
        try:
            found = self._handle.get(self._owner, "task")
            version = found.version
            counter = {"counter": found.record.variables["counter"] + 1}
            record = self._trial.record(self._owner, variables=counter)
            self._handle.put_if_version(record, version)
        except OutcomeUnknownError:
            self.unknown += 1
            return True
        except (ConcurrentModificationError, BackendError) as error:
            # Neither is applied, so both are an attempt in vain.
            self._last_error = error
            self._refusal = f"got version {version} and {Attempt(error=error)}"
            return False
        self.successes += 1
        return True
