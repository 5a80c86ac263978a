"""Mutants of KEY-14."""

from __future__ import annotations

import hashlib
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import reduce
from pathlib import Path

from mutants.base import CollatedStorage
from mutants.files import Files, FileStorage, FileTarget
from mutants.sqlite import SqliteRows
from pmcp_storage.backends.memory import Key


class KeysByCrc(CollatedStorage):
    """breaks KEY-14: rows are found by the CRC-32 of their key, and the key itself is not
    compared.
    """

    def folded(self, key: Key) -> Key:
        return "", str(zlib.crc32("\0".join(key).encode()))


class KeysByHashCode(CollatedStorage):
    """breaks KEY-14: rows are found by Java's hash of their key, which "Aa" shares with "BB"."""

    def folded(self, key: Key) -> Key:
        return "", str(java_hash("\0".join(key)))


class TasksByDigest(CollatedStorage):
    """An owner's rows are found by the first 32 bits of a digest of the task_id."""

    digest = "md5"

    def folded(self, key: Key) -> Key:
        return key[0], hashlib.new(self.digest, key[1].encode()).hexdigest()[:8]


class TasksByMd5(TasksByDigest):
    """breaks KEY-14: an owner's rows are found by the first 8 hex digits of an MD5."""


class TasksBySha1(TasksByDigest):
    """breaks KEY-14: an owner's rows are found by the first 8 hex digits of a SHA-1."""

    digest = "sha1"


class TasksBySha256(TasksByDigest):
    """breaks KEY-14: an owner's rows are found by the first 8 hex digits of a SHA-256."""

    digest = "sha256"


class Checksummed(Files):
    """Rows in files that are named by checksums of the ids."""

    def path(self, key: Key) -> Path:
        owner, task = (f"{zlib.crc32(part.encode()):08x}" for part in key)
        return self.folder / owner / f"{task}.json"


class ChecksummedStorage(FileStorage):
    """Names files by 32 bits."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.rows = Checksummed(folder)


class ChecksumsNameRecords(FileTarget):
    """breaks KEY-14: a record's file is named by the CRC-32 of its ids, which some ids share."""

    storage = ChecksummedStorage


class HashesNameOwners(SqliteRows):
    """breaks KEY-14: an owner is stored by the hash that Java's strings have, to save space."""

    owner = "owner_id = java_hash(:owner)"
    insert = SqliteRows.insert.replace(":owner", "java_hash(:owner)")

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        with super().connection() as db:
            db.create_function("java_hash", 1, java_hash)
            yield db


def java_hash(text: str) -> int:
    return reduce(lambda value, char: (31 * value + ord(char)) % 2**32, text, 0)
