"""Mutants of STORE-19."""

from __future__ import annotations

from typing import Any

from mutants.rules_store.support import Seam
from pmcp_storage import (
    TaskBackendError,
    TaskConflictError,
    TaskError,
    VersionedRecord,
)


class ErrorsQuoteTheirCause(Seam):
    """breaks STORE-19: the error of a wrong value quotes it, as validation errors do."""

    def set_variables(self, owner: str, task: str, variables: Any) -> VersionedRecord:
        try:
            return super().set_variables(owner, task, variables)
        except TaskError as error:
            raise error from ValueError(f"input: {variables!r}")


class FailuresQuoteTheChange(Seam):
    """breaks STORE-19: what could not be stored is told, so that operators can repeat it by
    hand.
    """

    def set_variables(self, owner: str, task: str, variables: Any) -> VersionedRecord:
        try:
            return super().set_variables(owner, task, variables)
        except TaskBackendError as error:
            raise TaskBackendError(f"{error}: {variables!r}") from error.__cause__


class ConflictsCarryTheChange(Seam):
    """breaks STORE-19: a conflict brings the refused change along, for the caller to repeat."""

    def set_variables(self, owner: str, task: str, variables: Any) -> VersionedRecord:
        try:
            return super().set_variables(owner, task, variables)
        except TaskConflictError as error:
            error.args = (*error.args, variables)
            raise
