"""Mutants of STORE-23."""

from __future__ import annotations

from typing import Any

from mutants.rules_store.support import Seam
from pmcp_storage import (
    InvalidVariablesError,
    VersionedRecord,
)


class DepthOfObjectsOnly(Seam):
    """breaks STORE-23: lists do not count as levels."""

    def set_variables(self, owner: str, task: str, variables: Any) -> VersionedRecord:
        return self.lifted(max_variable_depth=5).set_variables(owner, task, variables)


class KeysAreNotMeasured(Seam):
    """breaks STORE-23: only values are held to the limit of strings."""

    def set_variables(self, owner: str, task: str, variables: Any) -> VersionedRecord:
        try:
            return super().set_variables(owner, task, variables)
        except InvalidVariablesError:
            if not any(len(key.encode()) > 20 for key in variables):
                raise
            return self.lifted(max_string_bytes=1_000).set_variables(owner, task, variables)


class InnerKeysAreNotMeasured(Seam):
    """breaks STORE-23: the limit of strings holds for the keys of variables, not for those of the
    objects in them.
    """

    def set_variables(self, owner: str, task: str, variables: Any) -> VersionedRecord:
        try:
            return super().set_variables(owner, task, variables)
        except InvalidVariablesError as error:
            if "a key of" not in error.reason or error.place == "variables":
                raise
            return self.lifted(max_string_bytes=1_000).set_variables(owner, task, variables)
