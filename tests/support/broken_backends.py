"""Broken backends of each sequential group, as the targets of a project: on memory, files, SQLite.

Each target has the name of what is broken in it. Where the environment variable `FIXED` is
set, the backends are correct.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mutants.base import MutantTarget
from mutants.files import FileTarget
from mutants.rules_cas.cas_2 import AcceptsOlderVersions
from mutants.rules_cre.cre_2 import CreateIsAnUpsert
from mutants.rules_del.del_2 import SecondDeleteIsNotFound
from mutants.rules_err.err_1 import CauseIsHidden, KeyErrorEscapes, LibraryErrorEscapes
from mutants.rules_err.err_4 import MissingIsACode, MissingIsEmpty, MissingIsMade
from mutants.rules_err.err_5 import (
    ConflictShowsTheRecord,
    CorruptShowsTheBytes,
    HandleShowsItsCache,
    StatementIsShown,
    SwapsAreLogged,
)
from mutants.rules_err.err_8 import ConflictCannotBePickled, NotFoundForgetsItsIds
from mutants.rules_err.err_9 import AtMostIsConverted
from mutants.rules_err.support import MissingTarget
from mutants.rules_exp.exp_5 import CleansUpByTheTtl
from mutants.rules_exp.exp_8 import GetHidesTheExpired
from mutants.rules_exp.exp_12 import (
    CleansUpAThousand,
    CleanupCountsTheLastBatch,
    CleanupOfAHundred,
)
from mutants.rules_exp.exp_13 import CleanupInLocalTime, CountByText, LocalTimesOfDay
from mutants.rules_get.get_3 import ReadsCountAsWrites
from mutants.rules_iso.iso_1 import KeepsTheCallersRecord
from mutants.rules_key.key_7 import KeysByLine
from mutants.rules_list.list_3 import ListedWithoutResults
from mutants.rules_list.list_9 import ListsByJoinedKey
from mutants.rules_mod.mod_1 import FormerLifeStillCounts
from mutants.rules_put.put_4 import PutMergesVariables
from mutants.rules_val.val_3 import LineEndsRewritten
from mutants.rules_val.val_8 import MeasuresAscii
from mutants.sqlite import SqliteRows, SqliteRowsTarget
from pmcp_conformance import BackendTarget
from pmcp_storage import InMemoryBackend, MemoryStorage, NotFoundError, TaskRecord, VersionedRecord

Broken = tuple[str, type[Any]]
"""The rule that is broken, and what breaks it."""

IN_MEMORY: list[Broken] = [
    ("GET-3", ReadsCountAsWrites),
    ("CRE-2", CreateIsAnUpsert),
    ("PUT-4", PutMergesVariables),
    ("CAS-2", AcceptsOlderVersions),
    ("DEL-2", SecondDeleteIsNotFound),
    ("LIST-3", ListedWithoutResults),
    ("KEY-7", KeysByLine),
    ("VAL-3", LineEndsRewritten),
    ("ISO-1", KeepsTheCallersRecord),
    ("EXP-8", GetHidesTheExpired),
    ("EXP-13", CleanupInLocalTime),
    ("EXP-13", CountByText),
    ("ERR-1", KeyErrorEscapes),
    ("ERR-5", ConflictShowsTheRecord),
    ("ERR-5", HandleShowsItsCache),
    ("ERR-5", SwapsAreLogged),
    ("ERR-5", CorruptShowsTheBytes),
    ("ERR-8", ConflictCannotBePickled),
    ("ERR-8", NotFoundForgetsItsIds),
    ("ERR-9", AtMostIsConverted),
    ("MOD-1", FormerLifeStillCounts),
]

IN_FILES: list[Broken] = [
    ("CAS-2", AcceptsOlderVersions),
    ("PUT-4", PutMergesVariables),
    ("ISO-1", KeepsTheCallersRecord),
    ("MOD-1", FormerLifeStillCounts),
]
"""Some of them, which can as well run on files."""

CLEANING: list[Broken] = [
    ("EXP-12", CleanupOfAHundred),
    ("EXP-12", CleanupCountsTheLastBatch),
]

MISCONFIGURED: list[Broken] = [
    ("ERR-1", LibraryErrorEscapes),
    ("ERR-1", CauseIsHidden),
    ("ERR-4", MissingIsEmpty),
    ("ERR-4", MissingIsMade),
    ("ERR-4", MissingIsACode),
    ("ERR-5", StatementIsShown),
]


class GetsTheFormerVersion(SqliteRows):
    select = "SELECT task_id, data, version - (version > 1) FROM tasks WHERE {key}"


class CreateReplaces(SqliteRows):
    insert = "INSERT OR REPLACE INTO tasks VALUES (:owner, :task, 1, :expiry, :data)"


class SwapMerges(SqliteRows):
    swap = """UPDATE tasks SET version = version + 1, expires_at = :expiry,
        data = json_patch(data, :data) WHERE {key} AND version = :expected"""


class SwapsOlderVersions(SqliteRows):
    swap = """UPDATE tasks SET version = version + 1, expires_at = :expiry, data = :data
        WHERE {key} AND version >= :expected"""


class DeletesByTaskAlone(SqliteRows):
    remove = "DELETE FROM tasks WHERE task_id = :task"


class IgnoresCase(SqliteRows):
    key = "{owner} AND task_id = :task COLLATE NOCASE"


class MarksWhatItIsGiven(SqliteRows):
    def values(self, record: TaskRecord) -> dict[str, Any]:
        record.variables["stored"] = True
        return super().values(record)


class CorruptIsMissing(SqliteRows):
    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        try:
            return super()._get(owner_id, task_id)
        except Exception:
            raise NotFoundError(owner_id, task_id) from None


ON_SQLITE: list[Broken] = [
    ("GET-2", GetsTheFormerVersion),
    ("CRE-2", CreateReplaces),
    ("PUT-4", SwapMerges),
    ("CAS-2", SwapsOlderVersions),
    ("DEL-3", DeletesByTaskAlone),
    ("LIST-9", ListsByJoinedKey),
    ("KEY-3", IgnoresCase),
    ("VAL-8", MeasuresAscii),
    ("ISO-4", MarksWhatItIsGiven),
    ("EXP-5", CleansUpByTheTtl),
    ("EXP-12", CleansUpAThousand),
    ("EXP-13", LocalTimesOfDay),
    ("ERR-2", CorruptIsMissing),
]


class InFiles(FileTarget):
    def __init__(self, backend: type[InMemoryBackend]) -> None:
        super().__init__()
        self.backend = backend


class InSqlite(SqliteRowsTarget):
    """By the class itself: it need not be found by a process that a rule starts."""

    def __init__(self, backend: type[SqliteRows]) -> None:
        super().__init__()
        self._kind = backend

    @property
    def backend(self) -> type[SqliteRows]:
        return self._kind


def named(
    make: Callable[[Any], BackendTarget], broken: list[Broken], correct: type[Any]
) -> list[BackendTarget]:
    """A target for each rule that is broken."""
    targets = []
    for _rule, kind in broken:
        target = make(correct if os.environ.get("FIXED") else kind)
        target.name = kind.__name__
        targets.append(target)
    return targets


def on_memory() -> list[BackendTarget]:
    return named(MutantTarget, IN_MEMORY, InMemoryBackend)


def on_cleaning() -> list[BackendTarget]:
    return named(lambda storage: MutantTarget(storage=storage), CLEANING, MemoryStorage)


def on_misconfigured() -> list[BackendTarget]:
    return named(lambda target: target(), MISCONFIGURED, MissingTarget)


def on_files() -> list[BackendTarget]:
    return named(InFiles, IN_FILES, InMemoryBackend)


def on_sqlite() -> list[BackendTarget]:
    return named(InSqlite, ON_SQLITE, SqliteRows)


STORAGES: dict[str, list[Broken]] = {
    "memory": IN_MEMORY,
    "cleaning": CLEANING,
    "misconfigured": MISCONFIGURED,
    "files": IN_FILES,
    "sqlite": ON_SQLITE,
}
"""What is broken on each storage; `on_<storage>` makes the targets."""

TESTS = Path(__file__).parents[1]
