"""Why a history that the search refused is impossible: the few operations that contradict.

An operation is weakened by taking back what it claims: an acknowledged write may then have been
applied or not, a read or a refusal is left out. A weakened history allows more; what stays
impossible however much else is weakened is the explanation.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

from pmcp_conformance.history import fast, search
from pmcp_conformance.history.claims import Claims, anomaly, described, full_name
from pmcp_conformance.history.operations import Anomaly, Operation

TIME_LIMIT = 2.0
"""Seconds after which an explanation stays as short as it has become."""

_BUDGET = 20_000


def explain(operations: Sequence[Operation], failure: Operation) -> Anomaly:
    """The contradiction in one key's history that the search refused at the end of `failure`.

    Each of its operations is needed. Only where the time limit came first it may hold some that
    are not, and at worst it is the failing operation with those concurrent to it.
    """
    deadline = time.monotonic() + TIME_LIMIT
    core = _first_core(operations, failure, deadline)
    if core is None:
        return anomaly(_NO_ORDER, *_concurrent_with(failure, operations))
    core = sorted(_shrink(operations, core, deadline), key=lambda one: one.call)
    return anomaly(_reason(core, operations), *core)


def _first_core(
    operations: Sequence[Operation], failure: Operation, deadline: float
) -> list[Operation] | None:
    """The last operations before the failure, as many as it takes; None if time runs out."""
    known = (one for one in operations if one.status != "unknown")
    near = sorted(known, key=lambda one: (one is failure, one.call <= failure.end, one.call))
    size = 4
    while time.monotonic() < deadline:
        if _is_impossible(operations, near[-size:]):
            return near[-size:]
        if size >= len(near):
            return None
        size *= 2
    return None


def _shrink(
    operations: Sequence[Operation], core: list[Operation], deadline: float
) -> list[Operation]:
    """Weaken what can be, in ever smaller chunks.

    One operation that cannot be weakened now cannot be later either, so one round is enough.
    """
    chunk = len(core)
    while chunk := chunk // 2:
        start = 0
        while start < len(core) and time.monotonic() < deadline:
            fewer = core[:start] + core[start + chunk :]
            if _is_impossible(operations, fewer):
                core = fewer
            else:
                start += chunk
    return core


def _is_impossible(operations: Sequence[Operation], kept: Sequence[Operation]) -> bool:
    """Whether no order is left although all but the kept operations are weakened."""
    claims = Claims(list(_weaken(operations, kept)))
    return isinstance(search.find_failure(claims, _BUDGET), Operation)


def _weaken(operations: Sequence[Operation], kept: Sequence[Operation]) -> Iterator[Operation]:
    untouched = set(map(id, kept))
    for operation in operations:
        if id(operation) in untouched or operation.status == "unknown":
            yield operation
        elif operation.changes:
            yield replace(operation, status="unknown", version=None)


def _concurrent_with(failure: Operation, operations: Sequence[Operation]) -> list[Operation]:
    return [one for one in operations if one.call <= failure.end and failure.call <= one.end]


_NO_ORDER = "no order: in none could each of these operations end as it did"


def _reason(core: Sequence[Operation], operations: Sequence[Operation]) -> str:
    deletes = [one for one in core if one.kind == "delete" and one.status == "ok"]
    if not deletes and (reason := _reason_by_versions(core, operations)):
        return reason
    if len(deletes) == len(core):
        return _reason_of_deletes(deletes)
    refusals = filter(None, map(_reason_of_refusal, reversed(core)))
    return next(refusals, None) or _resurrection(core, deletes) or _no_order(core)


def _resurrection(core: Sequence[Operation], deletes: Sequence[Operation]) -> str | None:
    last = next(one for one in reversed(core) if one not in deletes)
    removal = next((one for one in deletes if one.call <= last.end), None)
    if removal is None:
        return None
    removed = f"{full_name(removal)} had removed the record"
    return f"resurrected record: {described(last)}, although {removed}"


def _no_order(core: Sequence[Operation]) -> str:
    return f"no order: {' and '.join(map(described, core))}, which cannot all be"


def _reason_by_versions(core: Sequence[Operation], operations: Sequence[Operation]) -> str | None:
    """What the check without deletes says, where no delete is part of the contradiction."""
    weakened = (one for one in _weaken(operations, core) if one.kind != "delete")
    endless = (replace(one, ret=None) if one.status == "unknown" else one for one in weakened)
    claims = Claims(list(endless))
    found = claims.contradiction() or (fast.applies(claims) and fast.contradiction(claims)) or None
    return found.reason if found else None


def _reason_of_deletes(deletes: Sequence[Operation]) -> str:
    if len(deletes) == 1:
        return f"phantom delete: {full_name(deletes[0])} removed a record, but there was none"
    both = f"{full_name(deletes[0])} and {full_name(deletes[1])}"
    return f"two deletes: {both} both removed the record, which was there once"


def _reason_of_refusal(refused: Operation) -> str | None:
    if refused.status == "absent":
        return f"lost record: {full_name(refused)} found no record, but there was one"
    if refused.status == "exists":
        return f"false refusal: {full_name(refused)} met a record, but there was none"
    if refused.status == "conflict" and refused.version is None:
        other = f"there was no version other than the {refused.expected} that it expected"
        return f"false conflict: {full_name(refused)} was refused, but {other}"
    return None
