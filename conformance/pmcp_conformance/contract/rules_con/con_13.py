"""CON-13: callers with nothing in common."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_con.support import CONTENDERS, contend
from pmcp_conformance.engine.attempt import Attempt, Call, explained
from pmcp_conformance.engine.handles import contenders
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_conformance.interleaving.exploration import explore_crossings
from pmcp_storage import StorageBackend

_LIVES = 6
"""Records that each caller creates, changes, reads and deletes."""


@rule("CON-13")
def callers_with_nothing_in_common(trial: Trial) -> None:
    """Callers whose records belong to different owners do not disturb each other: at the same time,
    too, every operation succeeds.
    """
    spread = contenders(trial, CONTENDERS)

    def creations(key: str) -> Sequence[Call]:
        owners = [trial.owner() for _ in range(2)]
        return [partial(spread[0].create, trial.record(owner, key)) for owner in owners]

    explore_crossings(trial, creations, lambda _, attempts: undisturbed(attempts))
    calls = [partial(several_lives, trial, handle, trial.owner()) for handle in spread]
    undisturbed(contend(trial, 13, calls))


def several_lives(trial: Trial, handle: StorageBackend, owner: str) -> None:
    """What one caller does with records of one owner, one after the other."""
    for number in range(_LIVES):
        key = f"task {number}"
        handle.create(trial.record(owner, key))
        handle.put_if_version(trial.record(owner, key), 1)
        handle.put(trial.record(owner, key))
        handle.get(owner, key)
        handle.list_by_owner(owner)
        handle.count_by_owner(owner)
        handle.delete(owner, key)


def undisturbed(attempts: list[Attempt]) -> None:
    for attempt in attempts:
        if attempt.error is not None:
            expected = "success of every operation, for no two callers share an owner"
            raise Violation(expected, str(attempt), explained(attempts))
