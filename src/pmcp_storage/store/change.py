"""What a caller wants changed of a task: the answer of a `decide` function.

It is data only: `validation` says which changes are accepted, `lifecycle` what one makes of a
task, and `deciding` how it gets into the storage.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pmcp_storage.records import TaskRecord, TaskStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskChange:
    """What is to be different about a task; what is not named stays as it is.

    `status`: the status that follows, by the state machine. `message`: the new status message.
    `variables`: merged into the task's own, key by key; null removes a key. `result`: any JSON
    value; None leaves the result that there is, which `set_result` can remove.
    """

    status: TaskStatus | None = None
    message: str | None = None
    variables: dict[str, Any] = field(default_factory=dict, repr=False)
    result: Any = field(default=None, repr=False)


Decide = Callable[[TaskRecord], TaskChange | None]
"""Says, of a task as it is now, what is to be changed; None: nothing."""
