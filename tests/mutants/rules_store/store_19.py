"""Mutants of STORE-19."""

from __future__ import annotations

from typing import Any

from mutants.rules_store.support import Seam
from pmcp_storage import (
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
