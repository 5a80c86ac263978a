"""Logs that are not whole at every instant while they are compacted."""

from __future__ import annotations

import os

from mutants.rules_dur.log import LogStorage


class CompactingInPlace(LogStorage):
    """Writes the compacted log where the log is."""

    most_lines = 1_000

    def was_replaced(self, found: os.stat_result) -> bool:
        return found.st_size < self.end

    def replace_log(self) -> None:
        lines = self.compacted()
        with self.log.open("wb", buffering=0) as log:
            for line in lines:
                log.write(line)


class RemovingTheLog(LogStorage):
    """Has no log for a moment."""

    most_lines = 1_000

    def replace_log(self) -> None:
        scratch = self.log.with_suffix(".new")
        scratch.write_bytes(b"".join(self.compacted()))
        self.log.unlink()
        scratch.rename(self.log)
