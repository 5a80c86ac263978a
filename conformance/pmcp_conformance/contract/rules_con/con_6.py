"""CON-6: delete races swap."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_con.support import ROUNDS, contend, succeeded
from pmcp_conformance.engine.attempt import Attempt, Call, explained
from pmcp_conformance.engine.handles import contenders
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_conformance.expectations import expect_absent, listed_ids
from pmcp_conformance.interleaving.exploration import explore_overlaps
from pmcp_storage import NotFoundError


@rule("CON-6")
def delete_races_swap(trial: Trial) -> None:
    """A delete that races a put_if_version ends in one of the two orders: no record without its
    write, no write without its record.

    Why: A task that its owner deleted is back, with old data and perhaps without expiry. Or a write
    is acknowledged and its record is nowhere.

    Real bug: In YugabyteDB a delete by hash key took another lock than an update of one of its
    rows; run together they could leave the updated row in a table where it should have been gone.
    (https://github.com/yugabyte/yugabyte-db/issues/615)

    Mend: put_if_version must only ever update: a conditional UPDATE or put whose condition fails on
    an absent row, never an upsert. Delete unconditionally by key, in one step, under the lock or
    condition that the writes use.
    """
    owner = trial.owner()
    deleter, swapper = contenders(trial, 2)

    def pair(key: str) -> Sequence[Call]:
        trial.store_record(owner, key)
        swap = partial(swapper.put_if_version, trial.record(owner, key), 1)
        return partial(deleter.delete, owner, key), swap

    def reversed_pair(key: str) -> Sequence[Call]:
        return pair(f"{key}, reversed")[::-1]

    check = partial(check_deleted, trial, owner)
    explore_overlaps(trial, pair, check)
    explore_overlaps(
        trial, reversed_pair, lambda key, attempts: check(f"{key}, reversed", attempts[::-1])
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
    if key in listed_ids(trial, owner):
        raise Violation("no record after the delete", "a write brought it back", lines)
    expect_absent(trial, owner, key)
