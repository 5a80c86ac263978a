"""EXP-8: the operations agree on whether an expired record is gone, whichever comes first."""

from __future__ import annotations

from collections.abc import Callable

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_exp.support import past
from pmcp_conformance.contract.support import HOUR
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect
from pmcp_storage import ConcurrentModificationError, NotFoundError

Look = Callable[[str], bool]
"""An operation on the task of an owner; whether it treats the record as being there."""


@rule("EXP-8")
def all_or_none_see_it(trial: Trial) -> None:
    """Once any of get, listing, count, put_if_version and delete has treated an expired record as
    gone, all of them do.
    """
    for first, look in looks(trial).items():
        for second, look_again in looks(trial).items():
            owner = trial.owner()
            trial.store_record(owner, expires_at=past(trial, HOUR))
            if not look(owner):
                observed = f"{first} treated an expired record as gone, {second} then found it"
                expect(not look_again(owner), f"{second} to agree with {first}", observed)


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
