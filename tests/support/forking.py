"""Children that use the handle of their parent at the same moment."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable


def in_children(number: int, act: Callable[[], str]) -> Counter[str]:
    """What `act` returns in each of so many forked children, which begin together."""
    start_read, start_write = os.pipe()
    ends = [_fork(act, start_read, start_write) for _ in range(number)]
    os.close(start_read)
    os.close(start_write)  # the children wait for the end of this pipe
    outcomes: Counter[str] = Counter()
    for child, end in ends:
        with os.fdopen(end) as answer:
            outcomes[answer.read()] += 1
        os.waitpid(child, 0)
    return outcomes


def _fork(act: Callable[[], str], start_read: int, start_write: int) -> tuple[int, int]:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(start_write)
            os.read(start_read, 1)
            try:
                outcome = act()
            except Exception as error:
                outcome = type(error).__name__
            os.write(write, outcome.encode())
        finally:
            os._exit(0)
    os.close(write)
    return child, read
