"""Random sequences of operations, and shrinking one that fails.

Sequences are drawn from a seed, on few keys whose ids begin alike or are unusual, so that writes,
stale versions, re-creations after deletes and page boundaries meet often. A failing sequence is
cut down by delta debugging.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, TypeVar

from pmcp_conformance.generators import corpus
from pmcp_conformance.generators.reference_model import Key, ReferenceModel, Step

STEPS = 40
"""The steps of a sequence."""

_UNUSUAL_IDS = [
    corpus.ids.CASES,
    corpus.ids.ACCENTS,
    corpus.ids.SPACES,
    corpus.ids.PATTERNS,
    corpus.ids.UNICODE,
    corpus.ids.NUMBERS,
    corpus.ids.PATHS,
    corpus.ids.QUERIES,
    corpus.ids.RESERVED,
    corpus.ids.ORDER,
]


T = TypeVar("T")


class SequenceGenerator:
    """Draws sequences; the same seed gives the same sequence."""

    def __init__(self, seed: int, *, handles: int = 1) -> None:
        self._random = Random(seed)
        self._handles = handles
        self._model = ReferenceModel()
        self._ids = self._draw_ids()
        self._deleted: list[Key] = []

    def sequence(self) -> list[Step]:
        """A sequence of STEPS steps."""
        return [self._draw_step() for _ in range(STEPS)]

    def _draw_ids(self) -> list[str]:
        random = self._random
        siblings = random.sample([sample.value for sample in corpus.ids.SIBLINGS], 3)
        unusual = random.sample([sample.value for sample in random.choice(_UNUSUAL_IDS)], 2)
        return list(dict.fromkeys(["task", *siblings, *unusual]))

    def _draw_step(self) -> Step:
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
        present = [task for owner, task in self._model.rows if owner == key[0]]
        limit = max(1, len(present) + random.choice((-2, -1, 0, 1)))
        after = random.choice([None, None, *self._ids])
        return self._step("list_by_owner", key, number=limit, after=after)

    def _draw_delete(self) -> Step:
        present = list(self._model.rows)
        key = (
            self._random.choice(present) if present and self._random.random() < 0.8 else self._key()
        )
        return self._step("delete", key)


def shrunk(steps: list[T], fails: Callable[[list[T]], bool], budget: int) -> list[T]:
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
