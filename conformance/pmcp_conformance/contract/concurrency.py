"""CON: what many threads, handles and processes do at the same time.

A BackendError counts as not applied, an OutcomeUnknownError as unknown. Two calls that meet at each
line of the backend's code come first: a failure then names the line. Races of many threads with a
bounded number of operations follow.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from pmcp_conformance.catalogue import rule
from pmcp_conformance.engine.attempt import Attempt, explained, raise_unexpected
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_conformance.interleaving.exploration import Call, crossed, crossed_halfway
from pmcp_conformance.interleaving.simultaneous import together
from pmcp_storage import (
    AlreadyExistsError,
    NotFoundError,
    StorageBackend,
    TaskRecord,
)

CONTENDERS = 8
ROUNDS = 12


def contend(trial: Trial, seed: int, calls: Sequence[Call]) -> list[Attempt]:
    """Let the calls race; an error that is no StorageError is a violation by itself."""
    with trial.preempted(seed):
        return together(trial.watch, calls)


def succeeded(attempts: list[Attempt], *definite: type[Exception]) -> list[Attempt]:
    """The attempts that succeeded; a violation for an error of any other kind."""
    for attempt in attempts:
        allowed = attempt.error is None or attempt.failed or attempt.unknown
        if not allowed and not isinstance(attempt.error, definite):
            expected = " or ".join(["success", *(kind.__name__ for kind in definite)])
            raise Violation(expected, str(attempt), explained(attempts))
    return [attempt for attempt in attempts if attempt.error is None]


def holds_a_winner(
    trial: Trial, calls: list[partial[int]], attempts: list[Attempt], version: int
) -> None:
    """The key has the record of the call that succeeded, if one did, and the next write holds."""
    for call, attempt in zip(calls, attempts, strict=True):
        if attempt.error is None:
            record: TaskRecord = call.args[0]
            trial.holds(record, version)
            again = trial.record(record.owner_id, record.task_id)
            trial.returns(version + 1, trial.backend.put_if_version, again, version)


def check_counter(trial: Trial, owner: str, key: str, successes: int, unknown: int) -> None:
    """The counter, its version and the number of increments agree."""
    found = trial.backend.get(owner, key)
    counter, version = found.record.variables["counter"], found.version
    told = f"counter {counter}, version {version}, {successes} successes, {unknown} unknown"
    agree = counter == version - 1 and successes <= counter <= successes + unknown
    trial.expect(agree, "counter = version - 1 = number of successes", told)


@rule("CON-3")
def puts_share_out_versions(trial: Trial) -> None:
    """Concurrent puts of one key return versions none of which is returned twice and none of which
    is skipped.
    """
    owner = trial.owner()
    spread = trial.contenders(CONTENDERS)

    def puts(key: str) -> list[Call]:
        return [partial(handle.put, trial.record(owner, key)) for handle in spread]

    def overwrites(key: str) -> list[Call]:
        trial.seed(owner, f"present, {key}")
        return puts(f"present, {key}")[:2]

    def check(key: str, attempts: list[Attempt]) -> None:
        check_versions(attempts, 0, trial.backend.get(owner, key).version)

    def check_present(key: str, attempts: list[Attempt]) -> None:
        check_versions(attempts, 1, trial.backend.get(owner, f"present, {key}").version)

    crossed_halfway(trial, lambda key: puts(key)[:2], check)
    crossed_halfway(trial, overwrites, check_present)
    for number in range(ROUNDS // 2):
        key = f"round {number}"
        check(key, contend(trial, number, puts(key)))


def check_versions(attempts: list[Attempt], before: int, stored: int) -> None:
    """Puts of a key at version `before` (0: absent) returned the next ones, in whatever order."""
    versions = sorted(attempt.result for attempt in succeeded(attempts))
    unknown = sum(attempt.unknown for attempt in attempts)
    lines, written = explained(attempts), stored - before
    if len(set(versions)) < len(versions):
        raise Violation("each version returned once", f"versions {versions}", lines)
    if not len(versions) <= written <= len(versions) + unknown or stored < max(versions, default=0):
        told = f"versions {versions} after {before}, stored {stored}, {unknown} outcomes unknown"
        raise Violation("no version skipped", told, lines)


@rule("CON-4")
def one_creation_wins(trial: Trial) -> None:
    """Of many concurrent creations of one key exactly one succeeds."""
    spread = trial.contenders(CONTENDERS)

    def creates(key: str) -> list[partial[int]]:
        owner = trial.owner()  # a fresh one, of which the storage has not even a lock
        return [partial(handle.create, trial.record(owner, key)) for handle in spread]

    def check(_: str, attempts: list[Attempt]) -> None:
        exactly_one(attempts, succeeded(attempts, AlreadyExistsError))

    crossed_halfway(trial, lambda key: creates(key)[:2], check)
    if trial.is_fast:  # thus without a transport that may repeat a delete around another's creation
        crossed_halfway(trial, partial(creation_and_recreation, trial, spread[0], spread[1]), check)
    for number in range(ROUNDS):
        calls = creates(key := f"round {number}")
        attempts = contend(trial, number, calls)
        check(key, attempts)
        holds_a_winner(trial, calls, attempts, 1)


def creation_and_recreation(
    trial: Trial, one: StorageBackend, other: StorageBackend, key: str
) -> list[Call]:
    """A creation, and somebody else who deletes the owner's only record and creates it anew.

    What belongs to the owner, such as a lock, may go with the record, while others wait for it.
    """
    owner = trial.owner()
    trial.seed(owner, key)
    records = [trial.record(owner, key) for _ in range(2)]

    def recreate() -> int:
        other.delete(owner, key)
        return other.create(records[1])

    return [partial(one.create, records[0]), recreate]


@rule("CON-5")
def one_deletion_wins(trial: Trial) -> None:
    """Of many concurrent deletes of one key exactly one returns True."""
    owner = trial.owner()
    spread = trial.contenders(CONTENDERS)

    def deletes(key: str) -> list[Call]:
        trial.seed(owner, key)
        return [partial(handle.delete, owner, key) for handle in spread]

    def check(key: str, attempts: list[Attempt]) -> None:
        exactly_one(attempts, [attempt for attempt in succeeded(attempts) if attempt.result])
        trial.absent(owner, key)

    crossed_halfway(trial, lambda key: deletes(key)[:2], check)
    for number in range(ROUNDS):
        key = f"round {number}"
        check(key, contend(trial, number, deletes(key)))


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

    check = partial(check_deleted, trial, owner)
    crossed_halfway(trial, pair, check)
    crossed_halfway(
        trial, lambda key: pair(key)[::-1], lambda key, attempts: check(key, attempts[::-1])
    )
    for number in range(2 * ROUNDS):
        key = f"round {number}"
        check(key, contend(trial, number, pair(key)))


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
    writer, reader = trial.contenders(2)

    def pair(_: str) -> list[Call]:
        owner = trial.owner()
        trial.seed(owner, variables={"version": 1})
        record = trial.record(owner, variables={"version": 2})
        return [partial(writer.put_if_version, record, 1), partial(look, reader, owner)]

    for one in (pair, lambda key: pair(key)[::-1]):
        crossed(trial, one, lambda _, attempts: raise_unexpected(attempts))
    look_during_writes(trial, writer, reader)


def look(reader: StorageBackend, owner: str) -> None:
    """What the reader is shown belongs together."""
    for entry in (reader.get(owner, "task"), *reader.list_by_owner(owner)):
        told = entry.record.variables["version"], entry.version
        if told[0] != told[1]:
            raise Violation(
                "a record and its own version",
                f"the record of version {told[0]} with version {told[1]}",
            )


def look_during_writes(trial: Trial, writer: StorageBackend, reader: StorageBackend) -> None:
    """Two threads look all the time while one writes."""
    owner = trial.owner()
    trial.seed(owner, variables={"version": 1})
    done: list[bool] = []

    def write() -> None:
        try:
            for version in range(1, 40):
                record = trial.record(owner, variables={"version": version + 1})
                writer.put_if_version(record, version)
        finally:
            done.append(True)

    def read() -> None:
        while not done:
            look(reader, owner)

    with trial.preempted(7):
        attempts = together(trial.watch, [write, read, read])
    raise_unexpected(attempts)
