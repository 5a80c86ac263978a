"""The same work by this project's backends and by libraries that people would reach for.

The work: create a task of 2 KB, read it, update it five times where nobody else has, list 50 tasks
of its owner, delete it. All are on one engine and use the same JSON; what a library cannot do is
left out. py-key-value has no versions, so its updates overwrite whatever is there, and its DynamoDB
store lists nothing. The checkpoints of langgraph-checkpoint-aws are no records: an update adds one,
a deletion removes them all, and there is nothing to list by owner. Requests are counted by
botocore's events and, for Redis, on the wire, by a proxy through which both sides work; units are
DynamoDB's ConsumedCapacity.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace

from benchmarks import rivals_dynamodb, rivals_redis
from benchmarks.engines import Engines
from benchmarks.results import Result
from benchmarks.rival import Rival
from benchmarks.scale import Scale
from benchmarks.side_by_side import compare

EXTRA = "'pmcp-storage[benchmarks]'"
PACKAGES = {"langgraph-checkpoint-aws": "langgraph-checkpoint-aws"}
"""What has to be installed for a library, where it is not the extra."""


def run(engines: Engines, scale: Scale) -> Iterator[Result | str]:
    rounds = max(4, scale.rounds // 3)
    yield from _beside(rivals_dynamodb.RIVALS, engines.dynamodb(), rounds)
    yield from _beside(rivals_redis.RIVALS, f"{engines.redis()}/15", rounds)


def _beside(
    kinds: Mapping[str, Callable[[str, ExitStack], Rival]], url: str, rounds: int
) -> Iterator[Result | str]:
    with ExitStack() as stack:
        rivals = dict[str, Rival]()
        for name, opened in kinds.items():
            try:
                rivals[name] = opened(url, stack)
            except ImportError:
                wanted = PACKAGES.get(name, EXTRA)
                yield f"{name} is left out, as it is not installed: pip install {wanted}."
        sides = {name: rival.steps() for name, rival in rivals.items()}
        for measured in compare(sides, {}, rounds):
            ours, beside = (rivals[name] for name in (measured.side, measured.beside))
            yield replace(
                measured,
                counted=ours.counted(measured.operation),
                beside_counted=beside.counted(measured.operation),
            )
