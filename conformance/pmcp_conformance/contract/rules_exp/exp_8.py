"""EXP-8: the operations agree on whether an expired record is gone, whichever comes first."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from itertools import product

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_exp.support import (
    past,
    soon_expiring,
    still_ahead,
    wait_until_past,
)
from pmcp_conformance.contract.support import HOUR
from pmcp_conformance.engine.comparison import short
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect, listed_ids
from pmcp_storage import ConcurrentModificationError, NotFoundError
from pmcp_storage.backend import PAGE

Look = Callable[[str], bool]
"""An operation on the task of an owner; whether it treats the record as being there."""

_LOOKS = 4
"""How often a storage may remove records while they are looked at."""


@rule("EXP-8")
def all_or_none_see_it(trial: Trial) -> None:
    """Once any of get, listing, count, put_if_version and delete has treated an expired record as
    gone, all of them do.

    Why: A task shows up in the list but cannot be opened, or cannot be created anew because it is
    said to exist while nobody can see it.

    Real bug: Hazelcast's map operations such as keySet, values and entrySet did not take expired
    keys into account until a fix made them do so.
    (https://github.com/hazelcast/hazelcast/pull/2959)

    Mend: Decide once: either every query has the same condition on the expiry, or none has and only
    the cleanup removes. Put the condition into one place that all operations share.
    """
    for store_mixed in (store_mixed_long_ago, store_mixed_in_time):
        mixed, expires_at = store_mixed(trial)
        pairs = {pair: trial.owner() for pair in product(looks(trial).items(), repeat=2)}
        for owner in pairs.values():
            trial.store_record(owner, expires_at=expires_at)
        wait_until_past(trial, expires_at)
        for ((first, look), (second, look_again)), owner in pairs.items():
            if not look(owner):
                observed = f"{first} took an expired record for gone, {second} then for present"
                expect(not look_again(owner), f"{second} to agree with {first}", observed)
        pages_and_counts_agree(trial, mixed)
    many_hidden_in_a_row(trial)


def many_hidden_in_a_row(trial: Trial) -> None:
    """Behind very many records that a listing leaves out, it goes on with those that it shows."""
    owner, expires_at = trial.owner(), past(trial, HOUR)
    for task_id in ("a", "z"):
        trial.store_record(owner, task_id)
    trial.store_record(owner, "t", expires_at=expires_at)
    if "t" in listed_ids(trial, owner):
        return
    for number in range(PAGE + 30):
        trial.store_record(owner, f"t{number:03}", expires_at=expires_at)
    pages_and_counts_agree(trial, owner)
    ids = [entry.record.task_id for entry in trial.backend.iter_by_owner(owner)]
    expect(ids == ["z", "a"], "iter_by_owner yields what is alive", short(ids))


def store_mixed_long_ago(trial: Trial) -> tuple[str, datetime]:
    """An owner with records of which every other one had expired when it was stored, and when."""
    return mixed_owner(trial, expires_at := past(trial, HOUR)), expires_at


def store_mixed_in_time(trial: Trial) -> tuple[str, datetime]:
    """The same, but stored before it expires, unless the storage is too slow each time."""
    for attempt in range(6):
        expires_at = soon_expiring(trial, 0.1 * 2**attempt)
        owner = mixed_owner(trial, expires_at)
        if still_ahead(trial, expires_at):
            break
    return owner, expires_at


def mixed_owner(trial: Trial, expires_at: datetime) -> str:
    owner = trial.owner()
    for number in range(6):
        lifetime = {} if number % 2 else {"expires_at": expires_at}
        trial.store_record(owner, f"t{number}", **lifetime)
    return owner


def pages_and_counts_agree(trial: Trial, owner: str) -> None:
    """What a listing leaves out takes no place in a page, and is not counted."""
    for _ in range(_LOOKS):
        listed = listed_ids(trial, owner)
        pages = {limit: page_ids(trial, owner, limit) for limit in (1, 2, 3, 4)}
        count = trial.backend.count_by_owner(owner)
        if listed == listed_ids(trial, owner):
            break
        # The storage has just removed some of them.
    for limit, page in pages.items():
        expect(page == listed[:limit], f"with limit={limit}: {listed[:limit]}", short(page))
    expect(count == len(listed), f"a count of {len(listed)}, as many as are listed", f"{count}")


def page_ids(trial: Trial, owner: str, limit: int) -> list[str]:
    page = trial.backend.list_by_owner(owner, limit=limit)
    return [entry.record.task_id for entry in page]


def looks(trial: Trial) -> dict[str, Look]:
    """By name, the operations that can treat an expired record as gone."""
    handle = trial.backend

    def finds(call: Callable[[], object]) -> bool:
        try:
            return bool(call())
        except NotFoundError:
            return False

    def swaps(owner: str) -> bool:
        try:
            expired = trial.record(owner, expires_at=past(trial, HOUR))
            return bool(handle.put_if_version(expired, 1))
        except ConcurrentModificationError:
            return True

    return {
        "get": lambda owner: finds(lambda: handle.get(owner, "task")),
        "list_by_owner": lambda owner: bool(handle.list_by_owner(owner)),
        "count_by_owner": lambda owner: handle.count_by_owner(owner) > 0,
        "put_if_version": lambda owner: finds(lambda: swaps(owner)),
        "delete": lambda owner: handle.delete(owner, "task"),
    }
