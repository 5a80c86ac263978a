"""Random sequences of operations, an independent model to compare them with, and their shrinking.

The model is written from the contract, not from any backend's code. Sequences are drawn from a
seed, on few keys whose ids begin alike or are odd, so that writes, stale versions, re-creations
after deletes and page boundaries meet often. A failing sequence is cut down by delta debugging.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from pmcp_conformance.generators import corpus

STEPS = 40
"""The steps of a sequence."""

_ODD = [
    corpus.CASES,
    corpus.ACCENTS,
    corpus.SPACES,
    corpus.PATTERNS,
    corpus.UNICODE,
    corpus.NUMBERS,
    corpus.PATHS,
    corpus.QUERIES,
    corpus.RESERVED,
    corpus.ORDER,
]

Key = tuple[int, str]


@dataclass(frozen=True)
class Step:
    """One operation: on which handle, by its name, on which key, with what.

    `owner` is an index: each run of a sequence has owners of its own. `number` is the expected
    version, the limit of a page, or the greatest count; `after` continues a listing.
    """

    operation: str
    handle: int
    owner: int
    task_id: str = ""
    value: int = 0
    number: int = 0
    after: str | None = None


@dataclass(frozen=True)
class Stored:
    """What a key holds in the model."""

    value: int
    version: int


class Model:
    """What the contract says that operations do; outcomes are comparable with `==`."""

    def __init__(self) -> None:
        self.rows: dict[Key, Stored] = {}

    def apply(self, step: Step) -> Any:
        """The outcome that the contract demands of this step."""
        outcome: Any = getattr(self, f"_{step.operation}")(step, (step.owner, step.task_id))
        return outcome

    def _get(self, step: Step, key: Key) -> Any:
        stored = self.rows.get(key)
        return ("not found",) if stored is None else (stored.value, stored.version)

    def _create(self, step: Step, key: Key) -> Any:
        if key in self.rows:
            return ("already exists",)
        self.rows[key] = Stored(step.value, 1)
        return 1

    def _put(self, step: Step, key: Key) -> Any:
        stored = self.rows.get(key)
        version = 1 if stored is None else stored.version + 1
        self.rows[key] = Stored(step.value, version)
        return version

    def _put_if_version(self, step: Step, key: Key) -> Any:
        stored = self.rows.get(key)
        if stored is None:
            return ("not found",)
        if stored.version != step.number:
            return ("conflict", step.number, stored.version)
        self.rows[key] = Stored(step.value, stored.version + 1)
        return stored.version + 1

    def _delete(self, step: Step, key: Key) -> Any:
        return self.rows.pop(key, None) is not None

    def _list_by_owner(self, step: Step, key: Key) -> Any:
        ids = sorted((task for owner, task in self.rows if owner == step.owner), reverse=True)
        if step.after is not None:
            ids = [task for task in ids if task < step.after]
        rows = [(task, self.rows[step.owner, task]) for task in ids[: step.number]]
        return [(task, stored.value, stored.version) for task, stored in rows]

    def _count_by_owner(self, step: Step, key: Key) -> Any:
        return min(step.number, sum(owner == step.owner for owner, _ in self.rows))


class Generator:
    """Draws sequences; the same seed gives the same sequence."""

    def __init__(self, seed: int, *, handles: int = 1) -> None:
        self._random = Random(seed)
        self._handles = handles
        self._model = Model()
        self._ids = self._draw_ids()
        self._deleted: list[Key] = []

    def sequence(self) -> list[Step]:
        """A sequence of STEPS steps."""
        return [self._drawn() for _ in range(STEPS)]

    def _draw_ids(self) -> list[str]:
        random = self._random
        siblings = random.sample([odd.value for odd in corpus.SIBLINGS], 3)
        odd = random.sample([odd.value for odd in random.choice(_ODD)], 2)
        return list(dict.fromkeys(["task", *siblings, *odd]))

    def _drawn(self) -> Step:
        draw = self._random.choices(
            (self._draw_write, self._draw_swap, self._draw_read, self._draw_delete),
            weights=(8, 7, 6, 4),
        )[0]
        step = draw()
        outcome = self._model.apply(step)
        if step.operation == "delete" and outcome:
            self._deleted.append((step.owner, step.task_id))
        return step

    def _key(self) -> Key:
        random = self._random
        if self._deleted and random.random() < 0.25:
            return random.choice(self._deleted)
        return random.choices((0, 1), weights=(3, 1))[0], random.choice(self._ids)

    def _step(self, operation: str, key: Key, **arguments: Any) -> Step:
        value, handle = self._random.randrange(1_000_000), self._random.randrange(self._handles)
        return Step(operation, handle, *key, value=value, **arguments)

    def _draw_write(self) -> Step:
        return self._step(self._random.choice(("create", "put", "put")), self._key())

    def _draw_swap(self) -> Step:
        key = self._key()
        stored = self._model.rows.get(key)
        version = 1 if stored is None else stored.version
        offset = self._random.choices((0, -1, 1, -2), weights=(6, 3, 1, 1))[0]
        return self._step("put_if_version", key, number=max(1, version + offset))

    def _draw_read(self) -> Step:
        random, key = self._random, self._key()
        if random.random() < 0.4:
            return self._step("get", key)
        if random.random() < 0.2:
            return self._step("count_by_owner", key, number=random.randint(1, 6))
        there = [task for owner, task in self._model.rows if owner == key[0]]
        limit = max(1, len(there) + random.choice((-2, -1, 0, 1)))
        after = random.choice([None, None, *self._ids])
        return self._step("list_by_owner", key, number=limit, after=after)

    def _draw_delete(self) -> Step:
        there = list(self._model.rows)
        key = self._random.choice(there) if there and self._random.random() < 0.8 else self._key()
        return self._step("delete", key)


def shrunk(steps: list[Step], fails: Callable[[list[Step]], bool], budget: int) -> list[Step]:
    """The fewest steps that still fail, by delta debugging; at most `budget` calls of `fails`."""
    size = max(1, len(steps) // 2)
    while budget > 0:
        start = 0
        while start < len(steps) and budget > 0:
            shorter = steps[:start] + steps[start + size :]
            budget -= 1
            if shorter and fails(shorter):
                steps = shorter
            else:
                start += size
        if size == 1:
            break
        size //= 2
    return steps
