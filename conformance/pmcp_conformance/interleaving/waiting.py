"""Whether a thread or process still has its turn, or waits for another one's lock."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pmcp_conformance.engine.patience import load_factor
from pmcp_conformance.stepping import loop_threads

_LOOK = 0.0003
"""Seconds between two looks at whoever has the turn."""

_MOST_LOOKS = 60
"""After which a turn is over in any case, on a machine that has nothing else to do."""

_BLOCKED_LOOKS = 3
"""Looks that find it waiting, before it is taken to wait for a lock rather than for its storage."""


def wait_until_blocked(
    task_id: int | None, turn_ended: Callable[[float], bool], latency: float = 0.0
) -> bool:
    """Wait until the turn of a thread or process ends; True if it was seen to be blocked first.

    `task_id` is the system's number of the thread or process. `turn_ended` waits up to as many
    seconds as it is given, and says whether the turn has ended. `latency` is how many seconds an
    operation waits for the storage, which is not yet being blocked. A turn that takes longer than
    some 20 ms and that latency, and on a busy machine accordingly more, counts as ended.
    """
    blocked_looks = _BLOCKED_LOOKS + round(4 * latency / _LOOK)
    for _ in range(round(_MOST_LOOKS * load_factor()) + blocked_looks):
        if turn_ended(_LOOK):
            return False
        blocked_looks -= all(map(is_blocked, (task_id, *loop_threads())))
        if not blocked_looks:
            return True
    return False


def is_blocked(task_id: int | None) -> bool:
    """Whether a thread or process waits for something; False where the system does not say."""
    return state_of(task_id) == "S"


def state_of(task_id: int | None) -> str:
    """The letter by which the system names the state of a thread or process: S waits, T is stopped;
    "" where it does not say, or there is none."""
    try:
        state = Path(f"/proc/{task_id}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return state[0]
