"""Other processes for tests: forked ones, scripts in a Python of their own, and their end."""

from __future__ import annotations

import multiprocessing
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

_ENDED_WITHIN = 30.0


def fork(work: Callable[[], object], user: int | None = None) -> int:
    """Run `work` in a forked process, as another user if one is given; return its exit code."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.alarm(30)
            if user is not None:
                os.setuid(user)
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def run_in_children(method: str, work: Callable[..., object], *arguments: object) -> None:
    """Call `work` in three processes at once, which `method` (fork, spawn) starts."""
    context: Any = multiprocessing.get_context(method)
    children = [context.Process(target=work, args=arguments) for _ in range(3)]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
        assert child.exitcode == 0


def run_python(script: str, *arguments: str) -> str:
    """What a script prints, in which everything can be imported that can be here."""
    with start_python(script, *arguments, stderr=subprocess.PIPE, text=True) as process:
        output, errors = process.communicate()
    assert process.returncode == 0, errors
    return str(output)


def start_python(script: str, *arguments: str, **options: Any) -> subprocess.Popen[Any]:
    """Start a script with pipes to its standard input and output; `options` are Popen's."""
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        **options,
    )


def wait_for_end(pid: int) -> None:
    """Return as soon as the process has ended; fails if it goes on for half a minute."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        ready, _, _ = select.select([descriptor], [], [], _ENDED_WITHIN)
    finally:
        os.close(descriptor)
    assert ready, f"process {pid} goes on"
