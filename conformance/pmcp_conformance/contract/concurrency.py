"""CON: what many threads, handles and processes do at the same time.

A BackendError counts as not applied, an OutcomeUnknownError as unknown. Races are directed first,
with barriers and a bounded number of operations; random histories come last.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from random import Random
from typing import Any

from pmcp_conformance.processes import increment
from pmcp_conformance.race import Attempt, Client, History, explained, together
from pmcp_conformance.rules import rule
from pmcp_conformance.stepping import interrupted
from pmcp_conformance.trace import TracedBackend
from pmcp_conformance.trial import Trial
from pmcp_conformance.violation import Violation
from pmcp_storage import (
    AlreadyExistsError,
    ConcurrentModificationError,
    NotFoundError,
    StorageBackend,
)

CONTENDERS = 8
ROUNDS = 12

_MOST_LINES = 60
"""A backend's operation has fewer lines than this; one that has more is tried on so many."""

Call = Callable[[], object]

Pair = Callable[[str], Sequence[Call]]
"""Makes two calls on the key that it is given."""


def contend(trial: Trial, seed: int, calls: Sequence[Call]) -> list[Attempt]:
    """Let the calls race; an error that is no StorageError is a violation by itself."""
    with trial.preempted(seed):
        return together(trial.watch, calls)


def crossings(trial: Trial, pair: Pair) -> Iterator[tuple[str, list[Attempt]]]:
    """Let the second call of a pair come in between at each line of the first, one after the other.

    The pair is made for a key of its own each time; yields the key and what the calls came to.
    Where something else than Python code decides, threads that race are all there is.
    """
    for line in range(1, _MOST_LINES + 1) if trial.is_fast else ():
        key = f"line {line}"
        attempts: dict[int, Attempt] = {}
        first, second = [
            partial(note_attempt, attempts, number, call) for number, call in enumerate(pair(key))
        ]
        reached = interrupted(trial.backend.untraced, first, line, by=second)
        if not reached:
            second()
        yield key, [attempts[0], attempts[1]]
        if not reached:
            return


def note_attempt(attempts: dict[int, Attempt], number: int, call: Callable[[], object]) -> None:
    try:
        attempts[number] = Attempt(call())
    except Exception as error:
        attempts[number] = Attempt(error=error)


def succeeded(attempts: list[Attempt], *definite: type[Exception]) -> list[Attempt]:
    """The attempts that succeeded; a violation for an error of any other kind."""
    for attempt in attempts:
        allowed = attempt.error is None or attempt.failed or attempt.unknown
        if not allowed and not isinstance(attempt.error, definite):
            kinds = " or ".join(kind.__name__ for kind in definite)
            raise Violation(f"success or {kinds}", str(attempt), explained(attempts))
    return [attempt for attempt in attempts if attempt.error is None]


@rule("CON-1")
def one_swap_wins(trial: Trial) -> None:
    """Of many put_if_version calls with one version at most one succeeds, and at least one
    contender gets a definite answer; refusals report a version beyond it.
    """
    owner = trial.owner()
    spread = trial.contenders(CONTENDERS)

    def swaps(key: str) -> list[partial[int]]:
        trial.seed(owner, key)
        return [partial(handle.put_if_version, trial.record(owner, key), 1) for handle in spread]

    for number in range(ROUNDS if trial.is_fast else 3 * ROUNDS):
        calls = swaps(f"round {number}")
        attempts = contend(trial, number, calls)
        check_one_winner(trial, attempts)
        holds_a_winner(trial, calls, attempts, 2)
    for _, attempts in crossings(trial, lambda key: swaps(key)[:2]):
        check_one_winner(trial, attempts)


def holds_a_winner(
    trial: Trial, calls: list[partial[int]], attempts: list[Attempt], version: int
) -> None:
    """The key has the record of the call that succeeded, if one did."""
    for call, attempt in zip(calls, attempts, strict=True):
        if attempt.error is None:
            trial.holds(call.args[0], version)


def check_one_winner(trial: Trial, attempts: list[Attempt]) -> None:
    """At most one success, at least one definite answer, refusals with a version beyond 1."""
    winners = succeeded(attempts, ConcurrentModificationError)
    lines = explained(attempts)
    if len(winners) > 1:
        told = f"{len(winners)} of {len(attempts)} succeeded: an update was lost"
        raise Violation("at most one success", told, lines)
    refusals = [a.error for a in attempts if isinstance(a.error, ConcurrentModificationError)]
    if not winners and not refusals:
        raise Violation("at least one definite answer", "none", lines)
    if not winners and not any(attempt.unknown for attempt in attempts):
        raise Violation("one success", "all were refused, though nobody wrote", lines)
    if any(refusal.actual_version < 2 for refusal in refusals):
        raise Violation("refusals that report version 2 or later", "an older one", lines)


@rule("CON-2")
def increments_are_not_lost(trial: Trial) -> None:
    """Optimistic increments by many workers lose nothing: counter, version and number of successes
    agree.
    """
    owner = trial.owner()
    trial.seed(owner, variables={"counter": 0})
    workers = [Incrementer(trial, owner, handle) for handle in trial.contenders(4)]
    with trial.preempted(2):
        attempts = together(trial.watch, [partial(worker.increment, 8) for worker in workers])
    succeeded(attempts)
    successes = sum(worker.successes for worker in workers)
    unknown = sum(worker.unknown for worker in workers)
    check_counter(trial, owner, "task", successes, unknown)


def check_counter(trial: Trial, owner: str, key: str, successes: int, unknown: int) -> None:
    """The counter, its version and the number of increments agree."""
    found = trial.backend.get(owner, key)
    counter, version = found.record.variables["counter"], found.version
    told = f"counter {counter}, version {version}, {successes} successes, {unknown} unknown"
    agree = counter == version - 1 and successes <= counter <= successes + unknown
    trial.expect(agree, "counter = version - 1 = number of successes", told)


class Incrementer:
    """A worker that reads a counter and swaps it for one more, until each increment holds."""

    def __init__(self, trial: Trial, owner: str, handle: StorageBackend) -> None:
        self._trial, self._owner, self._handle = trial, owner, handle
        self.successes = self.unknown = 0
        self.attempts: list[int] = []

    def increment(self, times: int) -> None:
        for _ in range(times):
            tries = 1
            while not self._once():
                tries += 1
                if tries > 1000:
                    raise Violation("progress under contention", "1000 attempts in vain")
            self.attempts.append(tries)

    def _once(self) -> bool:
        found = self._handle.get(self._owner, "task")
        counter = {"counter": found.record.variables["counter"] + 1}
        attempt = Attempt()
        try:
            record = self._trial.record(self._owner, variables=counter)
            self._handle.put_if_version(record, found.version)
        except ConcurrentModificationError:
            return False
        except Exception as error:
            attempt = Attempt(error=error)
            if not attempt.unknown:
                raise
        self.successes += not attempt.unknown
        self.unknown += attempt.unknown
        return True


@rule("CON-3")
def puts_share_out_versions(trial: Trial) -> None:
    """Concurrent puts of one key return versions none of which is returned twice and none of which
    is skipped.
    """
    owner = trial.owner()
    spread = trial.contenders(CONTENDERS)
    for number in range(ROUNDS // 2):
        key = f"round {number}"
        calls: list[Call] = [partial(handle.put, trial.record(owner, key)) for handle in spread]
        attempts = contend(trial, number, calls)
        versions = sorted(attempt.result for attempt in succeeded(attempts))
        unknown = sum(attempt.unknown for attempt in attempts)
        lines, stored = explained(attempts), trial.backend.get(owner, key).version
        if len(set(versions)) < len(versions):
            raise Violation("each version returned once", f"versions {versions}", lines)
        if not len(versions) <= stored <= len(versions) + unknown or stored < versions[-1]:
            told = f"versions {versions}, stored {stored}, {unknown} outcomes unknown"
            raise Violation("no version skipped", told, lines)


@rule("CON-4")
def one_creation_wins(trial: Trial) -> None:
    """Of many concurrent creations of one key exactly one succeeds."""
    owner = trial.owner()
    spread = trial.contenders(CONTENDERS)

    def creates(key: str) -> list[partial[int]]:
        return [partial(handle.create, trial.record(owner, key)) for handle in spread]

    for number in range(ROUNDS):
        calls = creates(f"round {number}")
        attempts = contend(trial, number, calls)
        exactly_one(attempts, succeeded(attempts, AlreadyExistsError))
        holds_a_winner(trial, calls, attempts, 1)
    for _, attempts in crossings(trial, lambda key: creates(key)[:2]):
        exactly_one(attempts, succeeded(attempts, AlreadyExistsError))


@rule("CON-5")
def one_deletion_wins(trial: Trial) -> None:
    """Of many concurrent deletes of one key exactly one returns True."""
    owner = trial.owner()
    spread = trial.contenders(CONTENDERS)

    def deletes(key: str) -> list[Call]:
        trial.seed(owner, key)
        return [partial(handle.delete, owner, key) for handle in spread]

    for number in range(ROUNDS):
        key = f"round {number}"
        attempts = contend(trial, number, deletes(key))
        exactly_one(attempts, [attempt for attempt in succeeded(attempts) if attempt.result])
        trial.absent(owner, key)
    for _, attempts in crossings(trial, lambda key: deletes(key)[:2]):
        exactly_one(attempts, [attempt for attempt in succeeded(attempts) if attempt.result])


def exactly_one(attempts: list[Attempt], winners: list[Attempt]) -> None:
    """One winner; none only where an outcome is unknown."""
    unknown = any(attempt.unknown for attempt in attempts)
    if len(winners) > 1 or (not winners and not unknown):
        told = f"{len(winners)} of {len(attempts)}"
        raise Violation("exactly one success", told, explained(attempts))


@rule("CON-6")
def delete_races_swap(trial: Trial) -> None:
    """A delete that races a put_if_version ends in one of the two orders: no record without its
    write, no write without its record.
    """
    owner = trial.owner()
    deleter, swapper = trial.contenders(2)

    def pair(key: str) -> Sequence[Call]:
        trial.seed(owner, key)
        swap = partial(swapper.put_if_version, trial.record(owner, key), 1)
        return partial(deleter.delete, owner, key), swap

    for number in range(2 * ROUNDS):
        key = f"round {number}"
        check_deleted(trial, owner, key, contend(trial, number, pair(key)))
    for key, attempts in crossings(trial, pair):
        check_deleted(trial, owner, key, attempts)
    for key, attempts in crossings(trial, lambda key: pair(key)[::-1]):
        check_deleted(trial, owner, key, attempts[::-1])


def check_deleted(trial: Trial, owner: str, key: str, attempts: list[Attempt]) -> None:
    """The first attempt deleted the record, and the second, a write, did not bring it back.

    Whatever the order, the delete came to the record: before the write or after it.
    """
    succeeded(attempts, NotFoundError)
    if any(attempt.failed or attempt.unknown for attempt in attempts):
        return
    lines = explained(attempts)
    if attempts[0].result is not True:
        raise Violation("a delete that returns True", str(attempts[0]), lines)
    if key in trial.task_ids(owner):
        raise Violation("no record after the delete", "a write brought it back", lines)
    trial.absent(owner, key)


@rule("CON-7")
def records_and_versions_belong_together(trial: Trial) -> None:
    """A reader never sees a record together with another write's version."""
    owner = trial.owner()
    trial.seed(owner, variables={"version": 1})
    first, second = trial.contenders(2)
    done: list[bool] = []

    def write() -> None:
        try:
            for version in range(1, 40):
                record = trial.record(owner, variables={"version": version + 1})
                first.put_if_version(record, version)
        finally:
            done.append(True)

    def read() -> None:
        while not done:
            seen = [second.get(owner, "task"), *second.list_by_owner(owner)]
            for entry in seen:
                told = entry.record.variables["version"], entry.version
                if told[0] != told[1]:
                    raise Violation(
                        "a record and its own version",
                        f"the record of version {told[0]} with version {told[1]}",
                    )

    with trial.preempted(7):
        attempts = together(trial.watch, [write, read, read])
    raise_unexpected(attempts)


def raise_unexpected(attempts: list[Attempt]) -> None:
    """Raise the first error that says more than that the storage failed."""
    for attempt in attempts:
        if attempt.error is not None and not attempt.failed and not attempt.unknown:
            raise attempt.error


@rule("CON-8", parts=3)
def random_histories(trial: Trial) -> None:
    """A random concurrent history over a few keys is linearizable."""
    for number in range(4):
        seed = trial.seed_number * 1_000_000 + trial.part * 1_000 + number
        random_history(trial, seed)


def random_history(trial: Trial, seed: int) -> None:
    """Four clients on three keys, some dozen operations each."""
    keys = ["a", "b", "c"]
    history = History(trial.owner())
    clients = [Client(history, handle, trial) for handle in trial.contenders(4)]

    def live(client: Client, random: Random) -> None:
        for _ in range(14):
            random_operation(client, random, keys)

    with trial.preempted(seed):
        attempts = together(
            trial.watch,
            [
                partial(live, client, Random(f"{seed} {number}"))
                for number, client in enumerate(clients)
            ],
        )
    raise_unexpected(attempts)
    history.verify(trial, "CON-8")


def random_operation(client: Client, random: Random, keys: list[str]) -> None:
    """One operation, mostly on the first key, where it is most likely to meet others."""
    key = random.choices(keys, weights=(4, 2, 1))[0]
    operation = random.choices(
        (client.swap, client.get, client.put, client.create, client.delete, None),
        weights=(8, 6, 4, 3, 2, 1),
    )[0]
    if operation is None:
        client.list(keys)
    else:
        operation(key)


@rule("CON-9", facts=("shared",))
def handles_see_each_other(trial: Trial) -> None:
    """What one handle has written, another handle reads at once."""
    owner = trial.owner()
    pair = [trial.open("first"), trial.open("second")]
    record = trial.record(owner)
    for reader in pair:  # whatever it may keep of this must not be told later
        nothing_there(trial, owner, reader)
    for version in range(1, 9):
        writer, reader = pair[version % 2], pair[1 - version % 2]
        if version > 1:
            reader.get(owner, "task")
        if version == 1:
            trial.returns(1, writer.create, record)
        elif version % 3:
            trial.returns(version, writer.put, record := trial.record(owner))
        else:
            record = trial.record(owner)
            trial.returns(version, writer.put_if_version, record, version - 1)
        trial.holds(record, version, reader)
        trial.same_entry(reader.list_by_owner(owner)[0], record, version)
    for writer, reader in (pair, pair[::-1]):
        trial.returns(True, writer.delete, owner, "task")
        nothing_there(trial, owner, reader)
        record = trial.record(owner)
        trial.returns(1, writer.create, record)
        trial.holds(record, 1, reader)
        trial.returns(1, reader.count_by_owner, owner)


def nothing_there(trial: Trial, owner: str, reader: TracedBackend) -> None:
    trial.raises(NotFoundError(owner, "task"), reader.get, owner, "task")
    trial.returns([], reader.list_by_owner, owner)
    trial.returns(0, reader.count_by_owner, owner)


@rule("CON-10", facts=("interprocess",))
def processes_see_each_other(trial: Trial) -> None:
    """What one process has written, another process reads at once, and they contend correctly for
    one version.
    """
    owner = trial.owner()
    child = trial.child()
    record = trial.record(owner)
    absent = NotFoundError(owner, "task")
    trial.raises(absent, from_child, trial, child, "get", owner, "task")
    trial.returns(1, trial.backend.create, record)
    trial.same_entry(from_child(trial, child, "get", owner, "task"), record, 1)
    for version in (2, 4):
        theirs, ours = trial.record(owner), trial.record(owner)
        trial.returns(version, from_child, trial, child, "put_if_version", theirs, version - 1)
        trial.holds(theirs, version)
        trial.returns(version + 1, trial.backend.put, ours)
        trial.same_entry(from_child(trial, child, "get", owner, "task"), ours, version + 1)
    for number in range(ROUNDS):
        key = f"round {number}"
        trial.seed(owner, key)
        attempts = swap_against(trial, child, owner, key)
        check_one_winner(trial, attempts)
        found = trial.backend.get(owner, key)
        trial.expect(found.version == 2, f"version 2 of {key}", f"version {found.version}")
    trial.returns(True, from_child, trial, child, "delete", owner, "task")
    trial.absent(owner, "task")
    trial.returns(1, from_child, trial, child, "create", record)
    trial.holds(record, 1)
    increments_of_two_processes(trial, child, owner)


def increments_of_two_processes(trial: Trial, child: Any, owner: str) -> None:
    """Both increment one counter without waiting for each other: they meet again and again."""
    times = 150 if trial.is_fast else 20
    record = trial.seed(owner, "counter", variables={"counter": 0})
    child.send("increment", record, times)
    ours, theirs = increment(trial.contenders(1)[0], record, times), child.answer()
    check_counter(trial, owner, "counter", ours[0] + theirs[0], ours[1] + theirs[1])


def from_child(trial: Trial, child: Any, method: str, *args: Any) -> Any:
    """Let the child call an operation; what it returned or raised."""
    attempt = Attempt()
    try:
        attempt = Attempt(child.call(method, *args))
        return attempt.result
    except Exception as error:
        attempt = Attempt(error=error)
        raise
    finally:
        trial.trace.note("another_process", method, list(args), str(attempt))


def swap_against(trial: Trial, child: Any, owner: str, key: str) -> list[Attempt]:
    """Let this process and the child swap version 1 at the same instant."""
    at = time.monotonic_ns() + 2_000_000
    child.send("put_if_version", trial.record(owner, key), 1, at=at)
    ours = trial.record(owner, key)
    while time.monotonic_ns() < at:
        pass
    attempts = []
    for call in (lambda: trial.contenders(1)[0].put_if_version(ours, 1), child.answer):
        try:
            attempts.append(Attempt(call()))
        except Exception as error:
            attempts.append(Attempt(error=error))
    return attempts


@rule("CON-11")
def listings_during_writes(trial: Trial) -> None:
    """A listing during writes holds every record that is there all along, each in a state that
    existed.
    """
    owner = trial.owner()
    stable = [f"s{number:02}" for number in range(12)]
    for task_id in stable:
        trial.seed(owner, task_id, variables={"version": 1})
    first, second = trial.contenders(2)
    done: list[bool] = []

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
            done.append(True)

    def read() -> None:
        while not done:
            for listing in (
                second.list_by_owner(owner, limit=100),
                list(second.iter_by_owner(owner)),
                pages(second, owner),
            ):
                check_listing(stable, listing)

    with trial.preempted(11):
        attempts = together(trial.watch, [write, read])
    raise_unexpected(attempts)
    listings_crossed(trial, owner, stable)


def listings_crossed(trial: Trial, owner: str, stable: list[str]) -> None:
    """A write or a delete comes in between at each line of a listing, and a listing at each line
    of a write."""
    first, second = trial.contenders(2)
    versions = {entry.record.task_id: entry.version for entry in first.list_by_owner(owner)}

    def listing() -> None:
        check_listing(stable, pages(second, owner))

    def write() -> None:
        task_id = stable[-3]
        versions[task_id] += 1
        first.put(trial.record(owner, task_id, variables={"version": versions[task_id]}))

    def with_a_delete(key: str) -> Sequence[Call]:
        passing = f"{stable[-2]}x"
        first.put(trial.record(owner, passing, variables={}))
        return listing, partial(first.delete, owner, passing)

    pairs: list[Pair] = [with_a_delete, lambda _: (listing, write), lambda _: (write, listing)]
    for pair in pairs:
        for _, attempts in crossings(trial, pair):
            raise_unexpected(attempts)


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
        told = f"missing {missing}, in all {there}"
        raise Violation("every record that was there all along, once, in order", told)
    for entry in listing:
        version = entry.record.variables.get("version", entry.version)
        if version != entry.version:
            told = f"{entry.record.task_id} of version {version} listed with {entry.version}"
            raise Violation("records in a state that existed", told)


@rule("CON-12")
def contention_makes_progress(trial: Trial) -> None:
    """Contention makes progress: 8 contenders finish 5 optimistic increments each within a bounded
    number of attempts.
    """
    for number in range(3 if trial.is_fast else 1):
        race_of_incrementers(trial, 12 + number)


def race_of_incrementers(trial: Trial, seed: int) -> None:
    """All finish, and none of them needs more attempts than others can have been in its way."""
    owner = trial.owner()
    trial.seed(owner, variables={"counter": 0})
    workers = [Incrementer(trial, owner, handle) for handle in trial.contenders(CONTENDERS)]
    attempts = contend(trial, seed, [partial(worker.increment, 5) for worker in workers])
    raise_unexpected(attempts)
    # Each refusal is due to another's success since the read, and there are 35 of those.
    bound = 5 * (CONTENDERS - 1) + 1
    most = max((tries for worker in workers for tries in worker.attempts), default=0)
    finished = all(len(worker.attempts) == 5 for worker in workers)
    told = f"{most} attempts for one increment, all finished: {finished}"
    trial.expect(finished and most <= bound, f"at most {bound} attempts an increment", told)
