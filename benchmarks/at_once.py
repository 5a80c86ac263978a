"""An operation carried out by 32 at once: from threads, or from the tasks of an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

from benchmarks.results import Limit, Result
from benchmarks.scale import Scale
from benchmarks.side_by_side import Step, result, take_turns

AT_ONCE = 32
OPERATIONS = 800
"""Of one turn, by all of them together."""


def from_threads(threads: ThreadPoolExecutor, call: Callable[[], object]) -> Step:
    """A step in which so many threads make calls."""

    def work(_: int) -> None:
        for _ in range(OPERATIONS // AT_ONCE):
            call()

    return lambda number: list(threads.map(work, range(AT_ONCE)))


def from_tasks(runner: asyncio.Runner, begin: Callable[[], Awaitable[object]]) -> Step:
    """A step in which so many tasks of the runner's event loop await calls."""

    async def work() -> None:
        for _ in range(OPERATIONS // AT_ONCE):
            await begin()

    async def work_all() -> None:
        await asyncio.gather(*(work() for _ in range(AT_ONCE)))

    return lambda number: runner.run(work_all())


def beside(
    names: tuple[str, str, str], ours: Step, theirs: Step, scale: Scale, limit: Limit | None = None
) -> Result:
    """Both of them in turns; `names` are those of the operation, of our side and of the other."""
    us, them = take_turns([ours, theirs], max(6, scale.rounds // 30), OPERATIONS)
    return result(names, us, them, limit)
