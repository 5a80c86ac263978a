"""STORE-35: a write that was made, and whose answer was lost."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import CHANGES, OWNER_CALLS, seed_task
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_storage import OutcomeUnknownError, TaskError, TaskOutcomeUnknownError

WRITES = ("create", *CHANGES, "delete")
"""Every operation that writes."""


@rule("STORE-35", since="1.1")
def lost_answers(trial: Trial) -> None:
    """Where a write was made and its answer was lost, the call succeeds or raises
    TaskOutcomeUnknownError: no answer says that nothing was written.

    Why: The write was made. Whoever is told that it was not creates the task a second time, or runs
    the tool again.

    Mend: Let an unknown outcome of the backend through as TaskOutcomeUnknownError, or read the
    record and find out; repeat nothing of which it is unknown whether it was done.
    """
    bench = StoreBench(trial)
    owner = trial.owner()
    store = bench.store()
    for name in WRITES:
        if name != "create":
            seed_task(trial, owner, name)
        lost = OutcomeUnknownError("the answer was lost")
        bench.backend.lost_answers = dict.fromkeys(("create", "put_if_version", "delete"), lost)
        try:
            done = OWNER_CALLS[name](store, owner, name)
        except TaskOutcomeUnknownError:
            continue
        except TaskError as error:
            observed = f"{name} raised {type(error).__name__}: {error}"
            raise Violation("a success or TaskOutcomeUnknownError", observed) from error
        if done is False:
            raise Violation("True or TaskOutcomeUnknownError", f"{name} returned False")
