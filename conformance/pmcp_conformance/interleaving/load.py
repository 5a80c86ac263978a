"""A machine that has more to do than it can: whatever runs on it is interrupted at any moment.

A server with threads that compares, and writes a moment later, hardly ever shows it on an idle
machine, where a request has an interpreter to itself for longer than it takes.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

_MOST = 8
"""Processes, where the machine has many processors."""

_LONGEST = 60
"""Seconds after which they end in any case."""

_SPIN = f"""
import os, time
parent, end = os.getppid(), time.monotonic() + {_LONGEST}
while os.getppid() == parent and time.monotonic() < end:
    pass
"""


@contextmanager
def busy_processors() -> Iterator[None]:
    """Keep every processor of this machine busy, in processes that end with this one."""
    with ExitStack() as stack:
        for _ in range(min(os.cpu_count() or 1, _MOST)):
            spinning = stack.enter_context(subprocess.Popen([sys.executable, "-ISc", _SPIN]))
            stack.callback(spinning.kill)
        yield
