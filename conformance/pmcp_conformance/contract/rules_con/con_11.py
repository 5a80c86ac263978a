"""CON-11: listings during writes."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from random import Random
from typing import Any

from pmcp_conformance.catalogue import rule
from pmcp_conformance.engine.attempt import Call, raise_unexpected
from pmcp_conformance.engine.handles import contenders
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_conformance.interleaving.exploration import Pair, explore_crossings
from pmcp_conformance.interleaving.preemption import preempting
from pmcp_conformance.interleaving.simultaneous import call_simultaneously
from pmcp_storage import (
    BackendError,
    StorageBackend,
)


@rule("CON-11")
def listings_during_writes(trial: Trial) -> None:
    """A listing during writes holds every record that is there all along, each in a state that
    existed.
    """
    cross_listings(trial, *twelve_records(trial))
    owner, stable = twelve_records(trial)
    first, second = contenders(trial, 2)
    done = threading.Event()

    def write() -> None:
        random = Random(11)
        versions = dict.fromkeys(stable, 1)
        try:
            for number in range(50):
                task_id = random.choice(stable)
                versions[task_id] += 1
                variables = {"version": versions[task_id]}
                first.put(trial.record(owner, task_id, variables=variables))
                passing = f"{random.choice(stable)}x{number % 3}"
                first.put(trial.record(owner, passing, variables={}))
                first.delete(owner, passing)
        finally:
            done.set()

    def read() -> None:
        while not done.is_set():
            for listing in (
                second.list_by_owner(owner, limit=100),
                list(second.iter_by_owner(owner)),
                pages(second, owner),
            ):
                check_listing(stable, listing)

    with preempting(trial, 11):
        attempts = call_simultaneously(trial.watchdog, [write, read])
    raise_unexpected(attempts)


def twelve_records(trial: Trial) -> tuple[str, list[str]]:
    """An owner with twelve records, and their ids."""
    owner, stable = trial.owner(), [f"s{number:02}" for number in range(12)]
    for task_id in stable:
        trial.store_record(owner, task_id, variables={"version": 1})
    return owner, stable


def cross_listings(trial: Trial, owner: str, stable: list[str]) -> None:
    """A write, a delete or a creation enters at each yield point of a listing, and of a count, and
    a listing at each yield point of a write."""
    first, second = contenders(trial, 2)
    versions = dict.fromkeys(stable, 1)

    def listing() -> None:
        check_listing(stable, pages(second, owner))

    def write() -> None:
        task_id = stable[-3]
        versions[task_id] += 1
        first.put(trial.record(owner, task_id, variables={"version": versions[task_id]}))

    def count() -> None:
        found, least = second.count_by_owner(owner), len(stable)
        if not least <= found <= least + 1:
            raise Violation(f"a count of {least} or {least + 1}", f"{found}")

    passing = f"{stable[-2]}x"

    def while_one_goes(look: Call) -> Sequence[Call]:
        with suppress(BackendError):
            first.put(trial.record(owner, passing, variables={}))
        return look, partial(first.delete, owner, passing)

    def while_one_comes(look: Call) -> Sequence[Call]:
        with suppress(BackendError):
            first.delete(owner, passing)
        return look, partial(first.create, trial.record(owner, passing, variables={}))

    pairs: list[Pair] = [
        *(lambda _: while_one_goes(listing), lambda _: while_one_goes(count)),
        *(lambda _: while_one_comes(listing), lambda _: while_one_comes(count)),
        *(lambda _: (listing, write), lambda _: (write, listing)),
    ]
    for pair in pairs:
        explore_crossings(trial, pair, lambda _, attempts: raise_unexpected(attempts))


def pages(handle: StorageBackend, owner: str) -> list[Any]:
    """A listing in small pages."""
    found: list[Any] = []
    while True:
        after = found[-1].record.task_id if found else None
        page = handle.list_by_owner(owner, limit=5, after=after)
        found += page
        if len(page) < 5:
            return found


def check_listing(stable: list[str], listing: list[Any]) -> None:
    """Every stable record once, and each with its own version."""
    seen = [entry.record.task_id for entry in listing]
    there = [task_id for task_id in seen if task_id in stable]
    if there != sorted(stable, reverse=True):
        missing = sorted(set(stable) - set(there))
        observed = f"missing {missing}, in all {there}"
        raise Violation("every record that was there all along, once, in order", observed)
    for entry in listing:
        version = entry.record.variables.get("version", entry.version)
        if version != entry.version:
            observed = f"{entry.record.task_id} of version {version} listed with {entry.version}"
            raise Violation("records in a state that existed", observed)
