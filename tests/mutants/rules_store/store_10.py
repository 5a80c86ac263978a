"""Mutants of STORE-10."""

from __future__ import annotations

from typing import Any

from mutants.rules_store.support import Seam
from pmcp_storage import (
    TaskEndedError,
    VersionedRecord,
)


class ResultsArriveLate(Seam):
    """breaks STORE-10: a result is accepted after the end, for a job that was too slow."""

    def set_result(self, owner: str, task: str, result: Any) -> VersionedRecord:
        try:
            return super().set_result(owner, task, result)
        except TaskEndedError:
            return self.rewrite(self.get(owner, task), result=result)
