"""The exact check of one key that is never deleted, in O(n log n).

Without deletes the version IS the order of the writes: the write of version v stands at position
2v, what saw version v at 2v + 1, and the absent record is version 0. The history is linearizable
exactly if every version has one writer and no operation ended before one of a smaller position
began. What this check cannot take, `search` can.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import deque
from itertools import chain, groupby
from operator import itemgetter

from pmcp_conformance.history.claims import Claims, anomaly, full_name
from pmcp_conformance.history.operations import Anomaly, Operation

Placed = tuple[int, Operation]


def applies(claims: Claims) -> bool:
    """Whether versions order everything in this history."""
    return all(_is_ordered(operation, claims) for operation in claims.operations)


def _is_ordered(operation: Operation, claims: Claims) -> bool:
    if operation.kind == "delete":
        return operation.status == "absent"
    if operation.status == "conflict":
        return operation.version is not None
    return not _is_unseen(operation, claims) or operation.ret is None


def _is_unseen(operation: Operation, claims: Claims) -> bool:
    unknown = operation.writes and operation.status == "unknown"
    return unknown and operation.wid not in claims.reads


def contradiction(claims: Claims) -> Anomaly | None:
    """What contradicts itself in a history without deletes whose claims agree."""
    writers: dict[int, Operation] = {}
    placed: list[Placed] = []
    for operation in claims.operations:
        position = _position(operation, claims)
        if position is None:
            continue
        placed.append((position, operation))
        if operation.writes:
            other = writers.setdefault(position // 2, operation)
            if other is not operation:
                return _clash(other, operation, position // 2, claims)
    placed.sort(key=itemgetter(0))
    return _fill_gaps(placed, writers, claims) or _first_disorder(placed, claims)


def _position(operation: Operation, claims: Claims) -> int | None:
    """Where versions put the operation; None where they leave it open."""
    if operation.writes:
        version = None if _is_unseen(operation, claims) else claims.version_of(operation)
        return None if version is None else 2 * version
    if operation.status == "absent":
        return 1
    if operation.status == "exists":
        return 3
    return None if operation.version is None else 2 * operation.version + 1


def _clash(first: Operation, second: Operation, version: int, claims: Claims) -> Anomaly:
    both = f"{full_name(first)} and {full_name(second)}"
    witness = claims.evidence(first) + claims.evidence(second)
    if first.kind == second.kind == "create":
        return anomaly(f"two creates: {both} both made the record", *witness)
    return anomaly(f"lost update: {both} both wrote version {version}", *witness)


class _Spares:
    """The unknown writes that nobody read: each may have been applied once, or never."""

    def __init__(self, claims: Claims) -> None:
        self._by_version: dict[int, Operation] = {}
        self._puts: deque[Operation] = deque()
        for operation in claims.operations:
            if _is_unseen(operation, claims):
                self._add(operation, claims.version_of(operation))

    def _add(self, operation: Operation, version: int | None) -> None:
        if version is None:
            self._puts.append(operation)
        else:
            # Operations come in the order of their calls, and the earliest fits best.
            self._by_version.setdefault(version, operation)

    def take(self, version: int, called_by: float) -> Operation | None:
        """A write that can have made the version, begun by that time."""
        operation = self._by_version.get(version)
        if operation is not None and operation.call <= called_by:
            return operation
        if self._puts and self._puts[0].call <= called_by:
            return self._puts.popleft()
        return None


def _fill_gaps(
    placed: list[Placed], writers: dict[int, Operation], claims: Claims
) -> Anomaly | None:
    """Give every version without a writer an unknown write, and place that too."""
    if not placed or placed[-1][0] // 2 == len(writers):
        return None
    spares = _Spares(claims)
    positions, first_ends = [position for position, _ in placed], _first_ends(placed)
    for version in range(1, positions[-1] // 2 + 1):
        if version in writers:
            continue
        after = first_ends[bisect_right(positions, 2 * version)]
        filler = spares.take(version, after.end)
        if filler is None:
            return _gap(version, after, writers.get(version - 1), claims)
        placed.append((2 * version, filler))
    placed.sort(key=itemgetter(0))
    return None


def _first_ends(placed: list[Placed]) -> list[Operation]:
    """For each place, the operation that ended first of those from there on."""
    first = placed[-1][1]
    firsts = []
    for _, operation in reversed(placed):
        first = operation if operation.end < first.end else first
        firsts.append(first)
    return firsts[::-1]


def _gap(version: int, after: Operation, before: Operation | None, claims: Claims) -> Anomaly:
    reason = (
        f"version skipped: {full_name(after)} shows that version {version} was passed, "
        "but no write can have made it: a number was left out, or a write was applied twice"
    )
    return anomaly(reason, after, *(claims.evidence(before) if before else []))


def _first_disorder(placed: list[Placed], claims: Claims) -> Anomaly | None:
    """Find an operation that ended before one of a smaller position began."""
    latest: Operation | None = None
    latest_call: float = -math.inf
    for _, group in groupby(placed, key=itemgetter(0)):
        operations = [operation for _, operation in group]
        for operation in operations:
            if latest is not None and operation.end < latest_call:
                return _disorder(operation, latest, claims)
        for operation in operations:
            # That a record exists holds from version 1 on, for as long as one likes.
            if operation.call > latest_call and operation.status != "exists":
                latest, latest_call = operation, operation.call
    return None


def _disorder(earlier: Operation, later: Operation, claims: Claims) -> Anomaly:
    """`earlier` ended before `later` began, and versions say the opposite."""
    writes = [operation for operation in (earlier, later) if operation.writes]
    proof = [earlier, later, *chain.from_iterable(map(claims.evidence, writes))]
    shown = f"{full_name(later)} began after {full_name(earlier)} had ended"
    before, after = _version_shown(later, claims), _version_shown(earlier, claims)
    if earlier.status == "exists" and later.writes:
        reason = f"false refusal: {full_name(earlier)} met a record before the first was written"
    elif not later.writes:
        reason = f"stale read: {shown}, yet saw {before} instead of {after} or later"
    elif earlier.writes:
        reason = f"wrong order: {shown}, yet wrote {before} and the former {after}"
    else:
        reason = f"read from the future: {shown}, yet wrote {before}, and the former saw {after}"
    return anomaly(reason, *proof)


def _version_shown(operation: Operation, claims: Claims) -> str:
    if operation.status == "absent":
        return "no record"
    if operation.status == "exists":
        return "a record"
    version = claims.version_of(operation) if operation.writes else operation.version
    return f"version {version}"
