"""Who may work on a task: the lease in its record, and what may become of it.

A run holds its task's lease and renews it; each of its writes is a compare-and-swap on a record
that names the run. So a run that has lost its lease changes nothing any more, whatever it believes.
When a lease has lapsed is judged by the clock of whoever looks: the clocks of the processes must
not differ by more than a part of the lease.
"""

from __future__ import annotations

import secrets
import time
from typing import Any

from pmcp_storage.records import TaskRecord, TaskStatus

LEASE = "mcp.lease"
"""{"run": who works on the task, "until": milliseconds since 1970}. The run is "" where nobody has
begun, or whoever had begun has handed the task over."""


class LeaseLostError(Exception):
    """The task has ended, or another run has it: this run has no say any more."""


def new_run() -> str:
    """A name for a run."""
    return secrets.token_hex(8)


def lease(run: str, seconds: float) -> dict[str, Any]:
    """A lease from now on."""
    return {"run": run, "until": int((time.time() + seconds) * 1000)}


def holder(record: TaskRecord) -> str:
    """The run that works on a task, by its record; "" if there is none."""
    run = record.variables.get(LEASE, {}).get("run", "")
    return run if isinstance(run, str) else ""


def is_abandoned(record: TaskRecord) -> bool:
    """Whether a task should be worked on, and the lease of whoever should do so has lapsed."""
    if record.status is not TaskStatus.WORKING or LEASE not in record.variables:
        return False
    return bool(record.variables[LEASE]["until"] <= time.time() * 1000)


def is_free(record: TaskRecord) -> bool:
    """Whether a run may begin that need not wait for a lease to lapse."""
    return record.status is TaskStatus.WORKING and not holder(record)
