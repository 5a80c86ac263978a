"""STORE-15: the time of the last change, with a clock that was set back as well."""

from __future__ import annotations

from datetime import UTC, datetime

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import CHANGES, seed_task
from pmcp_conformance.contract.support import HOUR
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect


@rule("STORE-15")
def time_of_the_last_change(trial: Trial) -> None:
    """Every change moves last_updated_at to now, one that sets what is set already included, and
    never backwards, even if the clock was set back.

    Why: Clients poll for a newer last_updated_at. If a change does not move it, they miss it; if it
    goes backwards after a clock correction, they discard the newer state as old.

    Real bug: Juju's lease manager failed on a clock that had gone backwards while it computed
    skews, until a monotonic clock was used for that. (https://github.com/juju/juju/pull/6940)

    Mend: In every change set last_updated_at to max(now, the stored one), in one helper that all
    changes go through.
    """
    bench = StoreBench(trial)
    owner = trial.owner()
    store = bench.store()
    now = datetime.now(UTC)
    for name, change in CHANGES.items():
        # These are the variables and the result that the changes set.
        seed_task(trial, owner, name, updated=now - HOUR, variables={"a": 1}, result=1)
        change(store, owner, name)
        updated = store.get(owner, name).record.task.last_updated_at
        in_time = now.replace(microsecond=0) <= updated <= datetime.now(UTC)
        expect(in_time, f"last_updated_at of now after {name}", f"{updated}")
        ahead = seed_task(trial, owner, f"{name} ahead", updated=now + HOUR).task.last_updated_at
        change(store, owner, f"{name} ahead")
        updated = store.get(owner, f"{name} ahead").record.task.last_updated_at
        expect(updated >= ahead, f"last_updated_at not before {ahead}", f"{updated}")
