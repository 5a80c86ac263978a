"""Mutants of KEY-13."""

from __future__ import annotations

from typing import Any

from mutants.sqlite import SqliteRows


class OwnersAreNumbers(SqliteRows):
    """breaks KEY-13: the column of owners has the affinity of numbers: "01" is stored as 1."""

    layout = SqliteRows.layout.replace("owner_id TEXT", "owner_id NUMERIC")


class NobodyIsNull(SqliteRows):
    """breaks KEY-13: what stands for nothing in some language is no owner, and all the same."""

    def run(self, statement: str, **values: Any) -> tuple[list[tuple[Any, ...]], int]:
        if values.get("owner") in ("null", "None", "undefined", "NULL"):
            values["owner"] = ""
        return super().run(statement, **values)
