"""The reference model: what the contract says that a sequence of operations gives.

It is written from the contract, not from any backend's code. Nothing here draws or runs a
sequence: `sequences` draws them, and the rules of the group MOD run them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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
    """The value and the version of a key in the model."""

    value: int
    version: int


class ReferenceModel:
    """What operations do to a storage that keeps the contract; outcomes compare with `==`."""

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
