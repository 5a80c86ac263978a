"""What a library has to do, and counting what it asks for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from benchmarks.side_by_side import Step, make_record

LISTED = 50
BACKGROUND = [make_record(number) for number in range(10_000, 10_000 + LISTED)]
"""The other tasks of the owner."""


class Counter(Protocol):
    """Counts what is asked for within a `with`."""

    def __enter__(self) -> dict[str, float]: ...

    def __exit__(self, *_: object) -> None: ...


@dataclass
class Rival:
    """A library at the work: its steps, each called with the number of a task."""

    operations: Mapping[str, Step]
    counter: Counter
    _counted: dict[str, dict[str, float]] = field(default_factory=dict)

    def steps(self) -> Mapping[str, Step]:
        """All of them, and the whole work as one; what they ask for is counted first."""
        for step in self.operations.values():  # first, what a library asks for once only
            step(20_001)
        for name, step in self.operations.items():
            with self.counter as found:
                step(20_000)
            self._counted[name] = dict(found)
        steps = dict(self.operations)
        if "list 50" in steps:
            steps["all of it"] = lambda n: [step(n) for step in self.operations.values()]
        return steps

    def counted(self, operation: str) -> dict[str, float]:
        """What a step asks for."""
        if operation in self._counted:
            return self._counted[operation]
        total = dict[str, float]()
        for found in self._counted.values():
            for name, value in found.items():
                total[name] = total.get(name, 0) + value
        return total


class BotocoreCounter:
    """Counts requests and units by the events of a client, also of an asynchronous one."""

    def __init__(self, client: Any) -> None:
        self._events = client.meta.events
        self._found = dict[str, float]()

    def __enter__(self) -> dict[str, float]:
        self._found = {"requests": 0, "units": 0}
        self._events.register("before-call.dynamodb", self._ask, unique_id="benchmarks-ask")
        self._events.register("after-call.dynamodb", self._note, unique_id="benchmarks-note")
        return self._found

    def __exit__(self, *_: object) -> None:
        self._events.unregister("before-call.dynamodb", unique_id="benchmarks-ask")
        self._events.unregister("after-call.dynamodb", unique_id="benchmarks-note")

    def _ask(self, params: dict[str, Any], **_: Any) -> None:
        asked = {**json.loads(params["body"]), "ReturnConsumedCapacity": "TOTAL"}
        params["body"] = json.dumps(asked).encode()

    def _note(self, parsed: dict[str, Any], **_: Any) -> None:
        consumed = parsed.get("ConsumedCapacity", [])
        each = [consumed] if isinstance(consumed, dict) else consumed
        self._found["requests"] += 1
        self._found["units"] += sum(one["CapacityUnits"] for one in each)
