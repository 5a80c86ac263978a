"""Mutants of STORE-5."""

from __future__ import annotations

from typing import Any

from mutants.rules_store.support import Seam
from pmcp_storage import (
    VersionedRecord,
)


class TtlIsCapped(Seam):
    """breaks STORE-5: a ttl over the maximum is shortened, and the task ends before its caller
    expects it.
    """

    def create(self, *args: Any, ttl_ms: int | None = None, **kwargs: Any) -> VersionedRecord:
        ttl_ms = min(ttl_ms, self.config.max_ttl_ms) if isinstance(ttl_ms, int) else ttl_ms
        return super().create(*args, ttl_ms=ttl_ms, **kwargs)


class TtlZeroIsTheDefault(Seam):
    """breaks STORE-5: `ttl or default` takes 0 for none given."""

    def create(self, *args: Any, ttl_ms: int | None = None, **kwargs: Any) -> VersionedRecord:
        return super().create(*args, ttl_ms=ttl_ms or None, **kwargs)


class TtlHasAFloor(Seam):
    """breaks STORE-5: a ttl of under a second is raised to one, and nobody is told."""

    def create(self, *args: Any, ttl_ms: Any = None, **kwargs: Any) -> VersionedRecord:
        tiny = type(ttl_ms) is int and 1 <= ttl_ms < 1_000
        return super().create(*args, ttl_ms=1_000 if tiny else ttl_ms, **kwargs)
