"""Shared by the rules on crashes."""

from __future__ import annotations

SECONDS = 1.0
"""For all yield points of an operation, where an operation takes milliseconds."""

LONGEST = 0.03
"""Seconds after its first acknowledgement until a writing child is killed at the latest."""


def killed_at(where: str) -> str:
    """When a finding came about, for `noting_when`; `where` is "" if the child was not killed."""
    return f"after a process was killed at {where}" if where else ""
