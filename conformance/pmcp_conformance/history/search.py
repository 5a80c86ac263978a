"""The exact check of one key whose versions do not order everything: deletes restart them.

It explores every possible course of events at once. A configuration is a state of the record with
the set of pending operations that have taken effect on the way there. Reads take effect as soon
as the state fits, which hinders nothing; writes only when an operation ends that has to have
taken effect by then (just-in-time linearization: Lowe, "Testing for linearizability", 2017).
If no configuration is left, no order of the operations explains what they returned.

The unknown writes that nobody read make this expensive, so a first pass keeps only the
configurations that need the fewest of them, and later passes more. Any pass can accept a
history; only one that left nothing out can reject it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

from pmcp_conformance.history.claims import Claims
from pmcp_conformance.history.operations import Operation, Undecided

BUDGET = 500_000
"""The configurations that a pass may make: some seconds."""

SLACKS = (0, 1, 3, math.inf)
"""How many unknown writes more than the fewest a configuration may use, pass by pass."""

RecordState = tuple[int, str | None]
"""Version and write id of the record; the id is None where nobody read it."""
Configuration = tuple[RecordState, int]
"""A state, and the bits of the pending operations that have taken effect."""
Event = tuple[float, bool, Operation]
"""A time, whether it is the end of the operation or its call, and the operation."""
Transition = Callable[[RecordState], RecordState | None]
"""The state after an operation; None where its outcome does not fit the state before."""

ABSENT: RecordState = (0, None)

_TOO_MANY = "more courses of events than the budget allows: record fewer operations per key"


def find_failure(claims: Claims, budget: int = BUDGET) -> Operation | Undecided | None:
    """The operation that no order explains together with those before it; None if one does.

    `budget` is the number of configurations that a pass may make before it gives up.
    """
    transitions = {id(operation): _transition(operation, claims) for operation in claims.operations}
    events = _events(claims.operations)
    for slack in SLACKS:
        one_pass = _Pass(claims, transitions, slack, budget)
        failure = one_pass.run(events)
        if failure is None or isinstance(failure, Undecided) or not one_pass.left_out:
            return failure
    raise AssertionError("the last pass leaves nothing out")


def _events(operations: Iterable[Operation]) -> list[Event]:
    """Calls and ends in the order of time; at the same instant calls come first."""
    events: list[Event] = []
    for operation in operations:
        if operation.kind != "get" or operation.status != "unknown":
            events.append((operation.call, False, operation))
            events.append((operation.end, True, operation))
    return sorted(events, key=lambda event: event[:2])


class _Pass:
    """One pass over the events."""

    def __init__(
        self, claims: Claims, transitions: dict[int, Transition], slack: float, budget: int
    ) -> None:
        self.left_out = False
        """Whether configurations were dropped that may have led on."""
        self._claims = claims
        self._transitions = transitions
        self._slack = slack
        self._budget = budget
        self._bits: dict[int, int] = {}
        self._free = [1]
        self._reads: dict[int, Transition] = {}
        self._writes: dict[int, Transition] = {}
        # Unknown writes that nobody read are interchangeable if they do the same until the same
        # instant: of each such group, the lowest bit that is left is used.
        self._groups: defaultdict[object, dict[int, Transition]] = defaultdict(dict)
        self._optional_bits = 0
        self._group_bits = 0

    def run(self, events: list[Event]) -> Operation | Undecided | None:
        configurations = {(ABSENT, 0)}
        for time, ends, operation in events:
            if time == math.inf:
                break
            if not ends:
                configurations = self._call(operation, configurations)
                continue
            configurations = self._end(operation, configurations)
            if self._budget < 0:
                return Undecided(operation.key, _TOO_MANY)
            if not configurations:
                return operation
        return None

    def _call(self, operation: Operation, configurations: set[Configuration]) -> set[Configuration]:
        bit = self._take_bit(operation)
        transition = self._transitions[id(operation)]
        if not operation.changes:
            self._reads[bit] = transition
            return {(s, done | bit if transition(s) else done) for s, done in configurations}
        if operation.status == "unknown":
            self._optional_bits |= bit
        if operation.status == "unknown" and operation.wid not in self._claims.reads:
            self._group_bits |= bit
            self._groups[_group(operation)][bit] = transition
        else:
            self._writes[bit] = transition
        return configurations

    def _take_bit(self, operation: Operation) -> int:
        bit = self._free.pop()
        if not self._free:
            self._free.append(bit << 1)
        self._bits[id(operation)] = bit
        return bit

    def _end(self, operation: Operation, configurations: set[Configuration]) -> set[Configuration]:
        bit = self._bits.pop(id(operation))
        if not all(done & bit for _, done in configurations):
            configurations = self._reach(bit, configurations)
        self._forget(bit, operation)
        return {(state, done & ~bit) for state, done in configurations}

    def _forget(self, bit: int, operation: Operation) -> None:
        self._free.append(bit)
        self._reads.pop(bit, None)
        self._writes.pop(bit, None)
        self._optional_bits &= ~bit
        if self._group_bits & bit:
            self._group_bits &= ~bit
            group = self._groups[_group(operation)]
            del group[bit]
            if not group:
                del self._groups[_group(operation)]

    def _reach(self, bit: int, configurations: set[Configuration]) -> set[Configuration]:
        """Let pending writes take effect until the one of `bit` has; an optional one need not."""
        optional = bool(self._optional_bits & bit)
        reached: set[Configuration] = set()
        limit = math.inf
        for cost, found in self._grow(bit, configurations):
            if cost > limit:
                self.left_out = True
                break
            if found[1] & bit or (optional and found in configurations):
                reached.add(found)
                limit = min(limit, cost + self._slack)
        return reached

    def _grow(
        self, bit: int, configurations: set[Configuration]
    ) -> Iterator[tuple[int, Configuration]]:
        """The configurations, and what becomes of those without `bit`, by ascending cost."""
        seen = set(configurations)
        levels: defaultdict[int, list[Configuration]] = defaultdict(list)
        for configuration in configurations:
            levels[self._cost(configuration)].append(configuration)
        while levels and self._budget >= 0:
            cost = min(levels)
            origin = levels[cost].pop()
            if not levels[cost]:
                del levels[cost]
            yield cost, origin
            fresh = () if origin[1] & bit else set(self._successors(origin)) - seen
            for configuration in fresh:
                levels[self._cost(configuration)].append(configuration)
            seen.update(fresh)
            self._budget -= len(fresh)

    def _cost(self, configuration: Configuration) -> int:
        """How many of the unknown writes that nobody read it has used."""
        return (configuration[1] & self._group_bits).bit_count()

    def _successors(self, configuration: Configuration) -> Iterator[Configuration]:
        state, done = configuration
        for bit, transition in self._writes.items():
            if not done & bit and (after := transition(state)):
                yield self._settle(after, done | bit)
        for group in self._groups.values():
            for bit, transition in group.items():
                if not done & bit:
                    if after := transition(state):
                        yield self._settle(after, done | bit)
                    break

    def _settle(self, state: RecordState, done: int) -> Configuration:
        for bit, transition in self._reads.items():
            if not done & bit and transition(state):
                done |= bit
        return state, done


def _group(operation: Operation) -> object:
    return operation.kind, operation.expected, operation.ret


def _transition(operation: Operation, claims: Claims) -> Transition:
    """What an operation of this outcome does to the state."""
    if operation.writes:
        wid = operation.wid if operation.wid in claims.reads else None
        return _write_transition(claims.version_of(operation), wid)
    if operation.changes:
        return lambda state: ABSENT if state[0] else None
    if operation.kind == "get" and operation.status == "ok":
        seen = (operation.version, operation.rwid)
        return lambda state: state if state == seen else None
    return _refusal_transition(operation)


def _write_transition(version: int | None, wid: str | None) -> Transition:
    if version is None:
        return lambda state: (state[0] + 1, wid)
    before, after = version - 1, (version, wid)
    return lambda state: after if state[0] == before else None


def _refusal_transition(operation: Operation) -> Transition:
    expected, actual = operation.expected, operation.version
    if operation.status == "absent":
        return lambda state: None if state[0] else state
    if operation.status == "exists":
        return lambda state: state if state[0] else None
    if actual is None:
        return lambda state: state if state[0] not in (0, expected) else None
    return lambda state: state if state[0] == actual else None
