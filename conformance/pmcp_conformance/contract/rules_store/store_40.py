"""STORE-40: many claims of one task at once, in threads and on an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench, store_config
from pmcp_conformance.contract.rules_store.support import (
    expect_same,
    hold_first_reads,
    seed_task,
)
from pmcp_conformance.engine.attempt import Attempt, explained
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_conformance.interleaving.simultaneous import call_simultaneously
from pmcp_storage import (
    AsyncTaskStore,
    TaskBackendError,
    TaskChange,
    TaskConflictError,
    TaskRecord,
    VersionedRecord,
)

CLAIMERS = 16

Race = Callable[[Trial, StoreBench, str], list[Attempt]]


@rule("STORE-40", since="1.2")
def one_claim_wins(trial: Trial) -> None:
    """Of 16 that claim a task by change at once, in threads or on an event loop, exactly one sees
    its claim in the answer, and its claim is stored.

    Why: Two workers that both believe to have claimed a task both run the tool: the mail is sent
    twice, the order placed twice.

    Mend: Decide again on the newest record after each conflict; never write an old decision at a
    new version, and never without the version that the decision was made on.
    """
    for race in (in_threads, on_an_event_loop):
        bench = StoreBench(trial)
        owner = trial.owner()
        seed_task(trial, owner, variables={})
        hold_first_reads(bench, CLAIMERS)
        attempts = race(trial, bench, owner)
        bench.backend.after_get = None
        stored = bench.store().get(owner, "task").record.variables.get("claim")
        expect_one_winner(trial, attempts, stored)


def in_threads(trial: Trial, bench: StoreBench, owner: str) -> list[Attempt]:
    """The claims by threads that share a store."""
    change = bench.store().change
    calls = [partial(change, owner, "task", partial(claim, n)) for n in range(CLAIMERS)]
    return call_simultaneously(trial.watchdog, calls)


def on_an_event_loop(trial: Trial, bench: StoreBench, owner: str) -> list[Attempt]:
    """The claims by coroutines that share a store."""
    store = AsyncTaskStore(bench.backend, store_config())

    async def attempt(number: int) -> Attempt:
        try:
            return Attempt(await store.change(owner, "task", partial(claim, number)))
        except Exception as error:
            return Attempt(error=error)

    async def race() -> list[Attempt]:
        # All of them can read before one of them writes.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(CLAIMERS))
        return await asyncio.gather(*(attempt(number) for number in range(CLAIMERS)))

    return asyncio.run(race())


def claim(number: int, task: TaskRecord) -> TaskChange | None:
    """Claim the task, unless somebody has."""
    return None if "claim" in task.variables else TaskChange(variables={"claim": number})


def expect_one_winner(trial: Trial, attempts: list[Attempt], stored: int | None) -> None:
    """One claim is acknowledged, and stored; fewer only where the storage has failed."""
    failures = 0
    for attempt in attempts:
        if isinstance(attempt.error, TaskBackendError | TaskConflictError):
            failures += 1
        elif not isinstance(attempt.result, VersionedRecord):
            raise Violation("a claim, or another's claim", str(attempt), explained(attempts))
    winners = [number for number, attempt in enumerate(attempts) if claims_by(attempt) == number]
    if len(winners) > 1 or (not winners and not failures):
        raise Violation("one winner", f"winners: {winners}", explained(attempts))
    if winners:
        expect_same("the stored claim", winners[0], stored)
    if failures > CLAIMERS - 2:
        trial.shortfalls.append("the storage failed at nearly all of the claims")


def claims_by(attempt: Attempt) -> int | None:
    """The claim that the answer shows."""
    if attempt.error is not None:
        return None
    number: int | None = attempt.result.record.variables.get("claim")
    return number
