"""What the rules on listings share: a large size, and limits that are too great for some."""

from __future__ import annotations

BIG = 350 * 1024
"""Bytes of a record: three of them exceed the megabyte at which DynamoDB ends a page."""

HUGE = (2**31 - 1, *(2**bits + 2 for bits in (15, 16, 31, 32, 63, 64)), 10**40)
"""Limits, some of which are 2 or negative where only so many bits of them are kept."""
