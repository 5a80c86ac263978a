"""Shared by the rules on crashes."""

from __future__ import annotations

SECONDS = 1.5
"""For all places of an operation, where one takes milliseconds."""


LONGEST = 0.03
"""Seconds after its first acknowledgement until a writer is killed at the latest."""
