"""Random small histories, and a check of them that is slow and obviously right.

`python tests/support/brute_force.py 100000` compares the kit's checker with it on that many
histories.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from pmcp_conformance.history import Operation, check, fast, search
from pmcp_conformance.history.claims import Claims
from pmcp_conformance.history.operations import STATUSES

Record = tuple[int, str]
"""Version and write id; None stands for no record."""


def is_linearizable(operations: Sequence[Operation]) -> bool:
    """Try every subset of the unknown operations, in every order that respects real time."""
    known = [operation for operation in operations if operation.status != "unknown"]
    unknown = [operation for operation in operations if operation.status == "unknown"]
    return any(
        _has_order([*known, *applied], None)
        for count in range(len(unknown) + 1)
        for applied in combinations(unknown, count)
    )


def _has_order(operations: list[Operation], record: Record | None) -> bool:
    for first in operations:
        if any(other.end < first.call for other in operations):
            continue
        rest = [operation for operation in operations if operation is not first]
        if any(_has_order(rest, after) for after in _after(first, record)):
            return True
    return not operations


def _after(operation: Operation, record: Record | None) -> list[Record | None]:
    """The record after the operation, or nothing where it would have ended otherwise."""
    status, record_after = apply(operation, record)
    version = record[0] if record else None
    if operation.status == "unknown":
        return [record_after] if status == "ok" else []
    if operation.status != status:
        return []
    if operation.kind == "get" and status == "ok":
        return [record] if record == (operation.version, operation.rwid) else []
    if status == "conflict" and operation.version not in (None, version):
        return []
    if operation.wid and record_after and status == "ok":
        return [record_after] if record_after[0] == operation.version else []
    return [record_after]


def apply(operation: Operation, record: Record | None) -> tuple[str, Record | None]:
    """What the store does: the status that it gives, and the record that it has then."""
    version = record[0] if record else 0
    if operation.kind == "get":
        return ("ok" if record else "absent"), record
    if operation.kind == "delete":
        return ("ok" if record else "absent"), None
    if operation.kind == "create" and record:
        return "exists", record
    if operation.kind == "cas" and version != operation.expected:
        return ("conflict" if record else "absent"), record
    return "ok", (version + 1, str(operation.wid))


@dataclass
class Shape:
    """What a random history looks like: how many operations, of which kinds, how uncertain."""

    operations: int
    kinds: Sequence[str]
    unknown: float
    overlap: int
    reports_actual: bool


def random_shape(rng: random.Random, operations: int) -> Shape:
    kinds = ["get", "create", "put", "cas", "cas"] + ["delete"] * rng.choice([0, 0, 1, 3])
    return Shape(
        operations,
        [*rng.choices(kinds, k=8), "create"],
        rng.choice([0, 0, 0.2, 0.5]),
        rng.choice([1, 4, 12]),
        rng.random() < 0.7,
    )


def good_history(rng: random.Random, shape: Shape) -> list[Operation]:
    """A history of a correct store: every operation takes effect at one instant of its interval."""
    history: list[Operation] = []
    record = None
    for number in range(shape.operations):
        kind = rng.choice(shape.kinds)
        instant = 4 * number
        wid = f"w{number}" if kind in ("create", "put", "cas") else None
        version = record[0] if record else 1
        expected = max(1, version + rng.choice([0, 0, 0, -1, 1])) if kind == "cas" else None
        call = instant - rng.randrange(shape.overlap + 1)
        ret = instant + rng.randrange(shape.overlap + 1)
        asked = Operation(number, "k", kind, "unknown", call, ret, expected, wid=wid)
        if rng.random() < shape.unknown:
            history.append(replace(asked, ret=rng.choice([ret, None])))
            record = rng.choice([record, apply(asked, record)[1]])
        else:
            history.append(_answered(asked, record, shape))
            record = apply(asked, record)[1]
    return history


def _answered(asked: Operation, record: Record | None, shape: Shape) -> Operation:
    status, after = apply(asked, record)
    if status == "ok" and asked.kind == "get" and record:
        return replace(asked, status=status, version=record[0], rwid=record[1])
    if status == "ok" and after:
        return replace(asked, status=status, version=after[0])
    if status == "conflict" and record and shape.reports_actual:
        return replace(asked, status=status, version=record[0])
    return replace(asked, status=status)


def perturbed(rng: random.Random, history: Sequence[Operation]) -> list[Operation]:
    """The history with one or two operations changed a little: sometimes still linearizable."""
    changed = list(history)
    for _ in range(rng.choice([1, 1, 2])):
        place = rng.randrange(len(changed))
        operation, other = changed[place], rng.choice(changed)
        change = rng.choice([_move, _renumber, _reread, _reanswer])
        changed[place] = change(rng, operation, other)
    return changed


def _move(rng: random.Random, operation: Operation, _: Operation) -> Operation:
    by = rng.choice([-20, -9, -3, 3, 9, 20])
    ret = None if operation.ret is None else operation.ret + by
    return replace(operation, call=operation.call + by, ret=ret)


def _renumber(rng: random.Random, operation: Operation, _: Operation) -> Operation:
    if operation.version is None:
        return operation
    return replace(operation, version=operation.version + rng.choice([-1, 1]))


def _reread(rng: random.Random, operation: Operation, other: Operation) -> Operation:
    if operation.kind != "get" or operation.ret is None or other.wid is None:
        return operation
    version = other.version or rng.randrange(1, 4)
    return replace(operation, status="ok", rwid=other.wid, version=version)


def _reanswer(rng: random.Random, operation: Operation, other: Operation) -> Operation:
    return _random_answer(rng, operation, [other.wid or "w0"])


def _random_answer(rng: random.Random, operation: Operation, wids: Sequence[str]) -> Operation:
    kind, status = operation.kind, rng.choice(STATUSES[operation.kind][:-1])
    version = rng.choice([1, 2, 3]) if status == "ok" and kind in ("get", "put") else None
    if status == "ok" and kind in ("create", "cas"):
        version = (operation.expected or 0) + 1
    if status == "conflict":
        version = rng.choice([None, 1, 2, 3])
    return replace(
        operation,
        status=status,
        ret=operation.call + 3 if operation.ret is None else operation.ret,
        version=version,
        rwid=rng.choice(wids) if kind == "get" and status == "ok" else None,
    )


def noise(rng: random.Random, shape: Shape) -> list[Operation]:
    """Operations with random answers: almost always wrong."""
    history = good_history(rng, shape)
    wids = [operation.wid for operation in history if operation.wid] or ["w0"]
    keep = rng.choice([0.0, 0.5])
    return [one if rng.random() < keep else _random_answer(rng, one, wids) for one in history]


def random_histories(seed: int, count: int, longest: int) -> Iterator[list[Operation]]:
    """Good, perturbed and noisy histories in turn, of 1 to `longest` operations."""
    rng = random.Random(seed)
    for number in range(count):
        shape = random_shape(rng, rng.randrange(1, longest + 1))
        if number % 4 == 3:
            yield noise(rng, shape)
        elif number % 4:
            yield perturbed(rng, good_history(rng, shape))
        else:
            yield good_history(rng, shape)


def disagreement(history: Sequence[Operation]) -> str | None:
    """How the kit's checker and brute force differ on a history, if they do."""
    right = is_linearizable(history)
    verdict = check(history)
    if (verdict is None) != right:
        return f"check says {verdict}, brute force says {right}"
    claims = Claims(sorted(history, key=lambda one: one.call))
    if claims.contradiction() is None and fast.applies(claims):
        searched = search.find_failure(claims)
        if (searched is None) != right:
            return f"the search says {searched}, brute force says {right}"
    return None


def main() -> None:
    count = int(sys.argv[1])
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    outcomes: Counter[str] = Counter()
    for history in random_histories(seed, count, 9):
        difference = disagreement(history)
        verdict = check(history)
        outcomes["linearizable" if verdict is None else verdict.reason.split(":")[0]] += 1
        if difference:
            print(difference, *history, sep="\n")
            raise SystemExit(1)
    print(f"{count} histories, all agree")
    for outcome, times in outcomes.most_common():
        print(f"{times:8} {outcome}")


if __name__ == "__main__":
    main()
