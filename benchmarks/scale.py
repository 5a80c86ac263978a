"""How much is measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """The sizes of a run."""

    rounds: int
    """Turns of each side in a comparison."""
    seconds: float
    """The time for one curve, once each point of it has had some turns."""
    sizes: tuple[int, ...]
    """How many tasks an owner has, and how many owners there are, in the curves."""
    most_of_dynamodb: int
    """The greatest of those sizes for DynamoDB Local, which takes long to fill."""
    kilobytes: tuple[int, ...]
    workers: tuple[int, ...]
    is_quick: bool


FULL = Scale(
    rounds=300,
    seconds=6,
    sizes=(10, 100, 1_000, 10_000, 100_000),
    most_of_dynamodb=10_000,
    kilobytes=(1, 4, 16, 64, 350),
    workers=(1, 2, 4, 8, 16, 32, 64),
    is_quick=False,
)
QUICK = Scale(
    rounds=30,
    seconds=0.3,
    sizes=(10, 100, 1_000),
    most_of_dynamodb=100,
    kilobytes=(1, 350),
    workers=(1, 8),
    is_quick=True,
)
