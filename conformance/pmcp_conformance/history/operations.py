"""What a history consists of: operations, and the verdicts on them; saving and loading them.

An operation is one call of one client on one key, with its times and its outcome. Nothing here
judges a history; that is `check`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

STATUSES = {
    "get": ("ok", "absent", "unknown"),
    "create": ("ok", "exists", "unknown"),
    "put": ("ok", "unknown"),
    "cas": ("ok", "conflict", "absent", "unknown"),
    "delete": ("ok", "absent", "unknown"),
}
"""The outcomes that each kind of operation can have."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One call of one client on one key, and how it ended.

    `call` and `ret` are nanoseconds of one clock for all clients (`time.monotonic_ns`); equal
    times count as concurrent. `status` is one of `STATUSES`: `unknown` means that the operation
    may or may not have been applied, by `ret` at the latest or, with `ret` None, at any time
    later; a client whose operation ended so must not be used again. A delete that found nothing
    is `absent`.

    `expected` is the version that a cas expects. `version` is the version that a write returned,
    that a get read, or that a conflict reported (None where it did not say). `wid` is the write
    id within the value that a create, put or cas writes, different for every one of them; `rwid`
    is the write id within the value that a get read. A get that is `listed` is one entry of a
    listing, or what a listing did not have.

    Raises TypeError and ValueError, naming the field, for an operation that cannot be one.
    """

    client: int
    key: str
    kind: str
    status: str
    call: int
    ret: int | None
    expected: int | None = None
    version: int | None = None
    wid: str | None = None
    rwid: str | None = None
    listed: bool | None = None

    def __post_init__(self) -> None:
        _check_types(self)
        if problem := _outcome_problem(self) or _time_problem(self) or _missing_field(self):
            raise ValueError(problem)

    @property
    def name(self) -> str:
        """What to call it in a text for people."""
        return "listing" if self.listed else self.kind

    @property
    def end(self) -> float:
        """`ret`, with infinity for None."""
        return math.inf if self.ret is None else self.ret

    @property
    def writes(self) -> bool:
        """Whether it wrote a value, or may have."""
        return self.wid is not None and self.status in ("ok", "unknown")

    @property
    def changes(self) -> bool:
        """Whether it changed the record, or may have."""
        return self.writes or (self.kind == "delete" and self.status != "absent")


@dataclass(frozen=True, slots=True)
class Anomaly:
    """A key whose history is not linearizable.

    `operations` are the few that contradict each other, in the order of their calls; `reason` is
    one sentence that begins with the name of the anomaly.
    """

    key: str
    operations: tuple[Operation, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Undecided:
    """A key whose history was too hard for the budget. It is neither right nor wrong."""

    key: str
    reason: str


def by_key(operations: Iterable[Operation]) -> dict[str, list[Operation]]:
    """The operations of each key, in the order of their calls.

    Linearizability composes: a history is linearizable exactly if that of each key is.
    """
    keys: dict[str, list[Operation]] = {}
    for operation in sorted(operations, key=lambda operation: operation.call):
        keys.setdefault(operation.key, []).append(operation)
    return keys


def save(path: str | Path, operations: Iterable[Operation]) -> None:
    """Write a history as JSON lines, one operation each; fields that are None are left out.

    Raises OSError.
    """
    lines = [json.dumps(_without_none(operation)) + "\n" for operation in operations]
    Path(path).write_text("".join(lines), encoding="utf-8")


def load(path: str | Path) -> list[Operation]:
    """Read what `save` wrote.

    Raises OSError, and ValueError naming the line of what is not an operation.
    """
    text = Path(path).read_text(encoding="utf-8")
    lines = enumerate(text.splitlines(), start=1)
    return [_read_line(path, number, line) for number, line in lines if line.strip()]


def _read_line(path: str | Path, number: int, line: str) -> Operation:
    try:
        fields = json.loads(line)
        if not isinstance(fields, dict):
            raise TypeError(f"an operation is a JSON object, not {type(fields).__name__}")
        return Operation(**{"ret": None, **fields})
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}, line {number}: {error}") from error


def _without_none(operation: Operation) -> dict[str, Any]:
    return {name: value for name, value in asdict(operation).items() if value is not None}


_TYPES = {
    "client": (int,),
    "key": (str,),
    "kind": (str,),
    "status": (str,),
    "call": (int,),
    "ret": (int, type(None)),
    "expected": (int, type(None)),
    "version": (int, type(None)),
    "wid": (str, type(None)),
    "rwid": (str, type(None)),
    "listed": (bool, type(None)),
}


def _check_types(operation: Operation) -> None:
    for name, types in _TYPES.items():
        value = getattr(operation, name)
        # The exact type, because True is an int for isinstance.
        if type(value) not in types:
            raise TypeError(f"{name} must be {types[0].__name__}, not {type(value).__name__}")


def _outcome_problem(operation: Operation) -> str | None:
    if operation.kind not in STATUSES:
        return f"kind must be one of {', '.join(STATUSES)}, not {operation.kind!r}"
    statuses = STATUSES[operation.kind]
    if operation.status not in statuses:
        one_of = ", ".join(statuses)
        return f"status of a {operation.kind} must be one of {one_of}, not {operation.status!r}"
    return None


def _time_problem(operation: Operation) -> str | None:
    if operation.ret is None:
        known = operation.status != "unknown"
        return f"ret is missing, but the status is {operation.status!r}" if known else None
    if operation.ret < operation.call:
        return f"ret {operation.ret} is before call {operation.call}"
    return None


def _missing_field(operation: Operation) -> str | None:
    for name in _NEEDED.get((operation.kind, operation.status), _NEEDED_FOR_KIND[operation.kind]):
        if getattr(operation, name) is None:
            return f"{name} is missing, which a {operation.kind} that ends {operation.status} has"
    if operation.kind == "cas" and (operation.expected or 0) < 1:
        return f"expected must be at least 1, not {operation.expected}"
    return None


_NEEDED_FOR_KIND: dict[str, tuple[str, ...]] = {
    "get": (),
    "create": ("wid",),
    "put": ("wid",),
    "cas": ("wid", "expected"),
    "delete": (),
}
_NEEDED = {
    ("get", "ok"): ("version", "rwid"),
    ("create", "ok"): ("wid", "version"),
    ("put", "ok"): ("wid", "version"),
    ("cas", "ok"): ("wid", "expected", "version"),
}
