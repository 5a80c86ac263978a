"""A machine with more to do than it can do at once, so that whatever runs on it is interrupted.

A threaded server that compares, and writes a moment later, hardly ever shows it on an idle machine,
where a request has an interpreter to itself for longer than it takes.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

_MOST_PROCESSES = 8
"""However many processors the machine has."""

_LONGEST = 60
"""Seconds after which the processes end in any case."""

_SPIN = f"""
import os, time
parent, end = os.getppid(), time.monotonic() + {_LONGEST}
while os.getppid() == parent and time.monotonic() < end:
    pass
"""


@contextmanager
def busy_processors() -> Iterator[None]:
    """Keep the processors of this machine busy, up to 8 of them, by processes that end with the
    block, with this process, or after 60 seconds."""
    with ExitStack() as stack:
        for _ in range(min(os.cpu_count() or 1, _MOST_PROCESSES)):
            spinning = stack.enter_context(subprocess.Popen([sys.executable, "-ISc", _SPIN]))
            stack.callback(spinning.kill)
        yield
