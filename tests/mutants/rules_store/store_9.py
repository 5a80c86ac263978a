"""Mutants of STORE-9."""

from __future__ import annotations

from typing import Any

from mutants.rules_store.support import Seam
from pmcp_storage import (
    VersionedRecord,
)


class VariablesAreReplaced(Seam):
    """breaks STORE-9: set_variables replaces all variables by those given."""

    def set_variables(self, owner: str, task: str, variables: Any) -> VersionedRecord:
        gone = dict.fromkeys(self.get(owner, task).record.variables)
        return super().set_variables(owner, task, {**gone, **variables})


class VariablesMergeDeeply(Seam):
    """breaks STORE-9: objects are merged within, as JSON Merge Patch does."""

    def set_variables(self, owner: str, task: str, variables: Any) -> VersionedRecord:
        old = self.get(owner, task).record.variables
        merged = {
            key: {**old[key], **value} if isinstance(value, dict) and key in old else value
            for key, value in variables.items()
        }
        return super().set_variables(owner, task, merged)


class NullsAreKept(Seam):
    """breaks STORE-9: null is stored instead of removing its key."""

    def set_variables(self, owner: str, task: str, variables: Any) -> VersionedRecord:
        changed = super().set_variables(owner, task, variables)
        nulls = {key: None for key, value in variables.items() if value is None}
        return self.rewrite(changed, variables={**changed.record.variables, **nulls})


class DottedKeysArePaths(Seam):
    """breaks STORE-9: a dot in a key leads into the object of that name, as in the update
    expressions of document databases.
    """

    def set_variables(self, owner: str, task: str, variables: Any) -> VersionedRecord:
        merged: dict[str, Any] = {}
        for key, value in variables.items():
            first, dot, rest = key.partition(".")
            old = self.get(owner, task).record.variables.get(first) if dot else None
            merged[first if dot else key] = {**(old or {}), rest: value} if dot else value
        return super().set_variables(owner, task, merged)


class EmptyTextRemovesTheKey(Seam):
    """breaks STORE-9: a key that is set to an empty text is removed, as from a form."""

    def set_variables(self, owner: str, task: str, variables: Any) -> VersionedRecord:
        given = {key: None if value == "" else value for key, value in variables.items()}
        return super().set_variables(owner, task, given)
