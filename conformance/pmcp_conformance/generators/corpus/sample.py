"""What the corpus consists of: an id, a value or a pair of keys, with the bug that it provokes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Sample:
    """An id or a value, and the bug that it provokes."""

    value: Any
    provokes: str


@dataclass(frozen=True)
class KeyPair:
    """Two keys, each (owner, task), that must stay two; `{}` in an owner stands for a UUID."""

    left: tuple[str, str]
    right: tuple[str, str]
    provokes: str
