"""The check of a history: each key by the cheapest exact way that its operations allow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pmcp_conformance.history import fast, search
from pmcp_conformance.history.claims import Claims
from pmcp_conformance.history.explain import explain
from pmcp_conformance.history.operations import Anomaly, Operation, Undecided, by_key


def check(
    operations: Iterable[Operation], *, budget: int = search.BUDGET
) -> Anomaly | Undecided | None:
    """Whether a history is linearizable: whether every operation can have taken effect at one
    instant between its call and its end. Every key begins absent.

    Returns None if it is, and else the first key's Anomaly; Undecided if no key is wrong but
    one needs more than `budget` configurations in a pass of the search. Undecided is not a pass:
    record fewer operations per key. Raises ValueError if two operations of a key write one id.
    """
    undecided = None
    for history in by_key(operations).values():
        verdict = _check_history(history, budget)
        if isinstance(verdict, Anomaly):
            return verdict
        undecided = undecided or verdict
    return undecided


def _check_history(operations: Sequence[Operation], budget: int) -> Anomaly | Undecided | None:
    claims = Claims(operations)
    if anomaly := claims.contradiction():
        return anomaly
    if fast.applies(claims):
        return fast.contradiction(claims)
    failure = search.find_failure(claims, budget)
    return explain(operations, failure) if isinstance(failure, Operation) else failure
