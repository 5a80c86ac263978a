"""ERR-10: a row that names another key than its own is never returned."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_err.support import expect_corrupt
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_returns


@rule("ERR-10", back_doors=("plant",))
def rows_of_another_key(trial: Trial) -> None:
    """A row whose JSON names another owner or task than its key is never returned as a record of
    that key.

    Why: If the key says Alice and the row says Bob, returning it shows one user another's task.
    Such rows come from botched restores, hand-made fixes and colliding keys.

    Real bug: The Go cache Ristretto looked values up by a 64-bit hash of the key and did not
    compare the key itself, so a collision could return another key's value.
    (https://github.com/dgraph-io/ristretto/issues/30)

    Mend: Give read_row the owner_id and task_id of the key under which the row lies, in get and in
    listings, never those found in the JSON.
    """
    owner, other = trial.owner(), trial.owner()
    strangers = [
        trial.record(other),
        trial.record(owner, "another"),
        trial.record(other, "another"),
    ]
    for stranger in strangers:
        trial.plant(owner, "task", stranger.to_json(), 1)
        calls = [
            lambda: trial.backend.get(owner, "task"),
            lambda: trial.backend.list_by_owner(owner),
            lambda: list(trial.backend.iter_by_owner(owner)),
        ]
        for call in calls:
            expect_corrupt(trial, owner, call)
    expect_returns([], trial.backend.list_by_owner, other)
