"""A correct store in a log of JSON lines, which each handle keeps the rows of in memory.

A line without its end is the rest of a writer that was killed: whoever comes next cuts it off. When
the log has become long, a writer replaces it by one that has each row once.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from mutants.files import FileLock, FileTarget, parsed, written
from mutants.rules_dur.support import Filed
from pmcp_storage import InMemoryBackend, MemoryStorage, StorageBackend
from pmcp_storage.backends.memory import Key, Row

_PIECE = 65_536
"""Bytes that are written at a time."""


class LogLock(FileLock):
    """Lets its holder catch up with what others have written."""

    def __init__(self, path: Path, catch_up: Callable[[], None]) -> None:
        super().__init__(path)
        self._catch_up = catch_up

    def __enter__(self) -> None:
        super().__enter__()
        try:
            self._catch_up()
        except BaseException:
            self.__exit__()
            raise


class LogStorage(MemoryStorage):
    """The storage of `InMemoryBackend`, with a log in a folder."""

    most_lines = 4_000
    """Of a log that is not replaced yet."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / "log"
        self.log.touch()
        self.forget()
        self.lock = LogLock(folder / "lock", self.catch_up)  # type: ignore[assignment]

    def forget(self) -> None:
        super().__init__()
        self.inode = self.log.stat().st_ino
        self.end = self.lines = 0

    def catch_up(self) -> None:
        found = self.log.stat()
        if self.was_replaced(found):
            self.forget()
        if found.st_size > self.end:
            with self.log.open("rb") as log:
                log.seek(self.end)
                self.replay(log.read())

    def was_replaced(self, found: os.stat_result) -> bool:
        return found.st_ino != self.inode

    def replay(self, text: bytes) -> None:
        whole, _, rest = text.rpartition(b"\n")
        for line in whole.splitlines():
            self.apply(line)
        self.end += len(text) - len(rest)
        if rest:
            os.truncate(self.log, self.end)

    def apply(self, line: bytes) -> None:
        self.lines += 1
        key, row = parsed(line.decode())
        if row.version:
            super().write(key, row)
        else:
            super().remove(key)

    def write(self, key: Key, row: Row) -> None:
        self.append(written(key, row).encode() + b"\n")
        super().write(key, row)
        self.compact()

    def remove(self, key: Key) -> bool:
        if key not in self.rows:
            return False
        self.append(written(key, Row("", 0, None)).encode() + b"\n")
        return super().remove(key)

    def append(self, line: bytes) -> None:
        with self.log.open("ab", buffering=0) as log:
            for start in range(0, len(line), _PIECE):
                log.write(line[start : start + _PIECE])
        self.end += len(line)
        self.lines += 1

    def compact(self) -> None:
        if self.lines > self.most_lines and self.lines > 4 * len(self.rows):
            self.replace_log()
            self.forget()
            self.catch_up()

    def replace_log(self) -> None:
        scratch = self.log.with_suffix(".new")
        scratch.write_bytes(b"".join(self.compacted()))
        scratch.replace(self.log)

    def compacted(self) -> list[bytes]:
        return [written(key, row).encode() + b"\n" for key, row in self.rows.items()]


class LogTarget(FileTarget):
    """A log in a temporary folder."""

    name = "log"
    backend: type[InMemoryBackend] = Filed
    log_storage: type[LogStorage] = LogStorage

    def open_fresh(self, token: str) -> StorageBackend:
        return self.backend(self.log_storage(self.folder / token))
