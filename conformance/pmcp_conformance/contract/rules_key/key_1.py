"""KEY-1: a task under two owners."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_listed, expect_returns, expect_stored


@rule("KEY-1")
def a_task_under_two_owners(trial: Trial) -> None:
    """The same task_id under two owners names two records.

    Why: Two users with a task of the same id share one record: one cannot create it, or reads,
    changes and deletes the other's.

    Real bug: Elsa's in-memory key-value store did not look at the tenant: deleting a key removed
    the rows of that key whichever tenant they belonged to.
    (https://github.com/elsa-workflows/elsa-core/issues/8104)

    Mend: Make the pair the primary key, (owner_id, task_id), and put both into every statement,
    DELETE included.
    """
    one, two = trial.owner(), trial.owner()
    first = trial.store_record(one)
    second = trial.record(two)
    expect_returns(1, trial.backend.create, second)
    expect_stored(trial, first, 1)
    expect_stored(trial, second, 1)
    changed = trial.record(one)
    expect_returns(2, trial.backend.put_if_version, changed, 1)
    expect_stored(trial, second, 1)
    expect_returns(True, trial.backend.delete, one, "task")
    expect_stored(trial, second, 1)
    expect_listed(trial, two, second)
    owner_and_task_in_turn(trial)


def owner_and_task_in_turn(trial: Trial) -> None:
    """Which id of a key is the owner's matters: ("a", "b") is not ("b", "a")."""
    one, two = trial.owner(), trial.owner()
    records = [trial.record(one, two), trial.record(two, one)]
    for record in records:
        expect_returns(1, trial.backend.create, record)
    for record in records:
        expect_stored(trial, record, 1)
        expect_listed(trial, record.owner_id, record)
    expect_returns(True, trial.backend.delete, one, two)
    expect_stored(trial, records[1], 1)
