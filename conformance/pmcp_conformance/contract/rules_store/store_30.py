"""STORE-30: nothing is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from itertools import count

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import INPUT, seeded
from pmcp_conformance.engine.attempt import Attempt, explained
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_conformance.interleaving.simultaneous import call_simultaneously
from pmcp_storage import (
    InvalidTransitionError,
    TaskConflictError,
    TaskEndedError,
    TaskOutcomeUnknownError,
    VersionedRecord,
)

THREADS = 16


_ATTEMPTS = 1_000


_TOGETHER_WITHIN = 30.0
"""Seconds by which all threads have read."""


@rule("STORE-30")
def nothing_is_lost(trial: Trial) -> None:
    """Of the changes that 16 threads make at once, none that was acknowledged is lost, each is one
    version, and none follows a cancellation.
    """
    bench = StoreBench(trial)
    owner, store = trial.owner(), bench.store()
    seeded(trial, owner, variables={})
    names = [f"thread {number}" for number in range(THREADS - 4)]
    changes: list[Callable[[], VersionedRecord]] = [
        *(partial(store.set_variables, owner, "task", {name: 1}) for name in names),
        *[partial(store.update_status, owner, "task", INPUT)] * 3,
        partial(store.cancel, owner, "task"),
    ]
    read_together(bench)
    attempts = call_simultaneously(trial.watchdog, [partial(insist, change) for change in changes])
    bench.backend.after_get = None
    found = store.get(owner, "task")
    all_there(names, attempts, found)
    a_version_each(attempts, found.version)


def all_there(names: list[str], attempts: list[Attempt], found: VersionedRecord) -> None:
    """The variables that were acknowledged are stored, and nothing followed the cancellation."""
    *setting, ended = attempts[: len(names)] + attempts[-1:]
    kept = {name for name, attempt in zip(names, setting, strict=True) if attempt.error is None}
    if lost := sorted(kept - found.record.variables.keys()):
        told = f"{lost} are lost"
        raise Violation("all variables that were acknowledged", told, explained(attempts))
    if ended.error is None and ended.result.version < found.version:
        told = f"version {found.version} after a cancellation at {ended.result.version}"
        raise Violation("no change after the cancellation", told, explained(attempts))


def a_version_each(attempts: list[Attempt], reached: int) -> None:
    """Each acknowledged change made one version; of the unknown ones each may have made one."""
    versions, unknown = sorted_out(attempts)
    unexplained = reached - 1 - len(versions)
    if len(set(versions)) < len(versions) or not 0 <= unexplained <= unknown:
        told = f"version {reached} after the versions {sorted(versions)}, {unknown} unknown"
        raise Violation("a version for each acknowledged change", told, explained(attempts))


def insist(change: Callable[[], VersionedRecord]) -> VersionedRecord:
    """Do it again for as long as somebody else was faster."""
    for _ in range(_ATTEMPTS):
        try:
            return change()
        except TaskConflictError:
            continue
    raise Violation("progress under contention", f"{_ATTEMPTS} conflicts")


def read_together(bench: StoreBench) -> None:
    """Hold the first read of each thread until all have read: they then know the same version."""
    barrier, reads = threading.Barrier(THREADS), count()

    def after_get() -> None:
        if next(reads) < THREADS:
            barrier.wait(_TOGETHER_WITHIN)

    bench.backend.after_get = after_get


def sorted_out(attempts: list[Attempt]) -> tuple[list[int], int]:
    """The versions that were acknowledged, and how many changes nobody knows about."""
    refusals = (InvalidTransitionError, TaskEndedError)
    unknown = 0
    for attempt in attempts:
        if isinstance(attempt.error, TaskOutcomeUnknownError):
            unknown += 1
        elif attempt.error is not None and not isinstance(attempt.error, refusals):
            raise Violation("a change or a refusal", str(attempt), explained(attempts))
    return [attempt.result.version for attempt in attempts if attempt.error is None], unknown
