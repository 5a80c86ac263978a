"""Waiting for the end of a process that is no child of this one."""

from __future__ import annotations

import os
import select

_WITHIN = 30.0


def wait_for_end(pid: int) -> None:
    """Return as soon as the process has ended; fails if it goes on for half a minute."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        ready, _, _ = select.select([descriptor], [], [], _WITHIN)
    finally:
        os.close(descriptor)
    assert ready, f"process {pid} goes on"
