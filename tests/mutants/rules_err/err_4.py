"""Mutants of ERR-4."""

from __future__ import annotations

from typing import Any

from mutants.rules_err.support import Missing, MissingTarget
from pmcp_storage import (
    BackendError,
    InMemoryBackend,
    StorageBackend,
)


class MissingIsEmpty(MissingTarget):
    """breaks ERR-4: a listing on a missing table is empty: the error counts as no rows."""

    class missing(Missing):  # noqa: N801
        def fail(self, operation: str) -> Any:
            return [] if operation == "list_by_owner" else super().fail(operation)


class MissingIsMade(MissingTarget):
    """breaks ERR-4: missing storage is created on the fly, so a typo in its name silently loses
    all tasks.
    """

    def open_misconfigured(self) -> StorageBackend:
        return InMemoryBackend()


class MissingIsACode(MissingTarget):
    """breaks ERR-4: the message is the storage's code and names nothing."""

    class missing(Missing):  # noqa: N801
        def fail(self, operation: str) -> Any:
            try:
                return super().fail(operation)
            except BackendError as error:
                raise BackendError("error 1146") from error
