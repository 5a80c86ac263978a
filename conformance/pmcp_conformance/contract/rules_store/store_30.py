"""STORE-30: changes by many threads at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import INPUT, hold_first_reads, seed_task
from pmcp_conformance.engine.attempt import Attempt, explained
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Blocked, Violation
from pmcp_conformance.interleaving.simultaneous import call_simultaneously
from pmcp_storage import (
    InvalidTransitionError,
    TaskBackendError,
    TaskConflictError,
    TaskEndedError,
    TaskOutcomeUnknownError,
    VersionedRecord,
)

THREADS = 16

_ROUNDS = 4
"""Whether two changes meet in the store is up to the scheduler."""

_ATTEMPTS = 1_000
"""How often a thread may lose against the others before that counts as no progress."""

_FAILURES = 50
"""How often a thread may meet a failing storage, which others may have all the connections of."""

_PAUSE = 0.02
"""Seconds until it tries again."""


@rule("STORE-30")
def nothing_is_lost(trial: Trial) -> None:
    """Of the changes that 16 threads make at once, no acknowledged one is lost, each makes one
    version, and none follows a cancellation.

    Why: Many workers report on one task, each is told 'stored', and some reports are gone. Or a
    worker writes after the cancellation, and the task that the user stopped goes on.

    Real bug: Protean checked an aggregate's version by a SELECT and then wrote by a separate
    UPDATE, so two concurrent writes could both pass the check and one be lost.
    (https://github.com/proteanhq/protean/issues/793)

    Mend: In the store: read, decide, put_if_version, never a plain put. If CON-1 fails as well, the
    backend's swap is not atomic: put the condition into the write.
    """
    bench = StoreBench(trial)
    for _ in range(_ROUNDS):
        change_at_once(trial, bench)


def change_at_once(trial: Trial, bench: StoreBench) -> None:
    """The changes of all threads to one task, and what is stored in the end."""
    owner = trial.owner()
    store = bench.store()
    seed_task(trial, owner, variables={})
    names = [f"thread {number}" for number in range(THREADS - 4)]
    changes: list[Callable[[], VersionedRecord]] = [
        *(partial(store.set_variables, owner, "task", {name: 1}) for name in names),
        *[partial(store.update_status, owner, "task", INPUT)] * 3,
        partial(store.cancel, owner, "task"),
    ]
    hold_first_reads(bench, THREADS)
    attempts = call_simultaneously(
        trial.watchdog, [partial(retry_conflicts, change) for change in changes]
    )
    bench.backend.after_get = None
    # Refused is decided, too: the cancellation may have come first.
    if sum(not isinstance(attempt.error, TaskBackendError) for attempt in attempts) < 2:
        trial.shortfalls.append("the storage failed at nearly all of the changes")
    found = store.get(owner, "task")
    expect_all_kept(names, attempts, found)
    expect_a_version_each(attempts, found.version)


def expect_all_kept(names: list[str], attempts: list[Attempt], found: VersionedRecord) -> None:
    """The variables that were acknowledged are stored, and nothing followed the cancellation."""
    *setting, ended = attempts[: len(names)] + attempts[-1:]
    kept = {name for name, attempt in zip(names, setting, strict=True) if attempt.error is None}
    if lost := sorted(kept - found.record.variables.keys()):
        observed = f"{lost} are lost"
        raise Violation("all variables that were acknowledged", observed, explained(attempts))
    if ended.error is None and ended.result.version < found.version:
        observed = f"version {found.version} after a cancellation at {ended.result.version}"
        raise Violation("no change after the cancellation", observed, explained(attempts))


def expect_a_version_each(attempts: list[Attempt], reached: int) -> None:
    """Each acknowledged change made one version, and each unknown one at most one."""
    versions, unknown = versions_and_unknowns(attempts)
    unexplained = reached - 1 - len(versions)
    if len(set(versions)) < len(versions) or not 0 <= unexplained <= unknown:
        observed = f"version {reached} after the versions {sorted(versions)}, {unknown} unknown"
        raise Violation("a version for each acknowledged change", observed, explained(attempts))


def retry_conflicts(change: Callable[[], VersionedRecord]) -> VersionedRecord:
    """Repeat the change for as long as somebody else is faster, or the storage fails.

    Raises the TaskBackendError of a storage that goes on to fail, and Blocked where there is no
    progress.
    """
    failures = 0
    for _ in range(_ATTEMPTS):
        try:
            return change()
        except TaskConflictError:
            continue
        except TaskBackendError as error:
            failures += 1
            if failures == _FAILURES or isinstance(error, TaskOutcomeUnknownError):
                raise
            time.sleep(_PAUSE)
    raise Blocked("CON-12", Violation("progress under contention", f"{_ATTEMPTS} attempts in vain"))


def versions_and_unknowns(attempts: list[Attempt]) -> tuple[list[int], int]:
    """The versions that were acknowledged, and how many changes have an unknown outcome.

    A change that has failed for certain is as one that was refused.
    """
    refusals = (InvalidTransitionError, TaskEndedError, TaskBackendError)
    unknown = 0
    for attempt in attempts:
        if isinstance(attempt.error, TaskOutcomeUnknownError):
            unknown += 1
        elif attempt.error is not None and not isinstance(attempt.error, refusals):
            if isinstance(attempt.error, Blocked):
                raise attempt.error
            raise Violation("a change or a refusal", str(attempt), explained(attempts))
    return [attempt.result.version for attempt in attempts if attempt.error is None], unknown
