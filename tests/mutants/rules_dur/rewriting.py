"""Files that are put in order where they stand, when they are opened or closed."""

from __future__ import annotations

from pathlib import Path

from mutants.files import FileStorage
from mutants.rules_dur.support import Filed
from pmcp_storage.backends.memory import Key, Row


class Rewriting(FileStorage):
    """Knows what it has written, in a file, and writes that anew in place."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.written = folder / "written"

    def write(self, key: Key, row: Row) -> None:
        super().write(key, row)
        self.written.write_text(str(self.rows.path(key)))

    def rewrite(self) -> None:
        path = Path(self.written.read_text()) if self.written.exists() else self.folder
        if path.is_file():
            path.write_text(path.read_text())
        self.written.unlink(missing_ok=True)


class RewritingAtOpening(Rewriting):
    """Does so when opened."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        with self.lock:
            self.rewrite()


class RewritesWhenClosed(Filed):
    """Leaves its last record in order."""

    _storage: Rewriting

    def _close(self) -> None:
        with self._storage.lock:
            self._storage.rewrite()
