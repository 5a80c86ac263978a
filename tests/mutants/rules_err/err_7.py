"""Mutants of ERR-7."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pmcp_storage import (
    BackendError,
    InMemoryBackend,
    VersionedRecord,
)


class SecondCloseFails(InMemoryBackend):
    """breaks ERR-7: closing twice fails, as file descriptors and pools do."""

    def close(self) -> None:
        self._check_open()
        super().close()


class CloseEndsTheStorage(InMemoryBackend):
    """breaks ERR-7: closing one handle ends the storage for all: it closes what it was given."""

    def _close(self) -> None:
        for key in list(self._storage.rows):
            self._storage.remove(key)


class CountsAfterClosing(InMemoryBackend):
    """breaks ERR-7: count_by_owner works on a closed handle, by opening a new connection."""

    def count_by_owner(self, owner_id: str, **options: Any) -> int:
        closed, self._closed = self._closed, False
        try:
            return super().count_by_owner(owner_id, **options)
        finally:
            self._closed = closed


class ClosedIsAnAttributeError(InMemoryBackend):
    """breaks ERR-7: an operation on a closed handle fails on the None in place of a connection."""

    def _check_open(self) -> None:
        if self._closed:
            raise AttributeError("'NoneType' object has no attribute 'execute'")


class CloseFailsWhileIterating(InMemoryBackend):
    """breaks ERR-7: a handle cannot be closed while an iteration is unfinished."""

    _reading = 0

    def _pages(self, owner_id: str) -> Iterator[VersionedRecord]:
        self._reading += 1
        try:
            yield from super()._pages(owner_id)
        finally:
            self._reading -= 1

    def _close(self) -> None:
        if self._reading:
            raise BackendError("unable to close due to unfinalized statements")
