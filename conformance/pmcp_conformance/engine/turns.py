"""Which rules of a run's workers run at the same time: one that crashes a server runs alone."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Turns:
    """The turns of the workers whose ledger is this file.

    Whoever wants to be alone keeps the gate while the others, who only pass through it, come to
    their ends: so it waits for one rule of each worker at most.
    """

    def __init__(self, ledger: Path) -> None:
        self._gate = ledger.with_suffix(".gate")
        self._turns = ledger.with_suffix(".turns")
        self._seen = 0

    @contextmanager
    def together(self) -> Iterator[bool]:
        """A turn beside others; whether somebody has been alone since the last one."""
        with _locked(self._gate, fcntl.LOCK_EX):
            turn = _locked(self._turns, fcntl.LOCK_SH)
            turn.__enter__()
        try:
            before, self._seen = self._seen, self._turns.stat().st_size
            yield before != self._seen
        finally:
            turn.__exit__(None, None, None)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """A turn while nobody else has one."""
        with _locked(self._gate, fcntl.LOCK_EX), _locked(self._turns, fcntl.LOCK_EX) as turns:
            try:
                yield
            finally:
                os.write(turns, b"!")

    def remove(self) -> None:
        """Remove the files, when no worker is left."""
        for file in (self._gate, self._turns):
            file.unlink(missing_ok=True)


@contextmanager
def _locked(path: Path, how: int) -> Iterator[int]:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, how)
        yield descriptor
    finally:
        os.close(descriptor)
