"""What the rules share while they run against one target in one process.

A handle that is opened once and replaced when a rule may have left it unusable, and the owners
used. Each owner is looked at once more at the end (`ledger`): nobody would let a kit that leaves
records behind into a shared table.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar
from uuid import uuid4

from pmcp_conformance.engine.ledger import sweep, write_ledger
from pmcp_conformance.engine.watchdog import Hang, Watchdog, close_quietly
from pmcp_conformance.report.results import Leftover
from pmcp_conformance.target import BackendTarget
from pmcp_storage import StorageBackend, StorageError

_MOST_HANGS = 3

_ROUND_TRIP = 0.001
"""Seconds that a request to another process takes at least."""


class Closable(Protocol):
    """What is used by several rules and closed at the end of the run."""

    def close(self) -> None: ...


Shared = TypeVar("Shared", bound=Closable)


class TargetRun:
    """The state of a run against `target` in this process.

    `ledger` is the file in which owners are noted, where another process is to clean up after a
    crash of this one; `seed` is what random choices depend on; `unavailable` says why no rule can
    run, and is empty where rules can.
    """

    def __init__(
        self,
        target: BackendTarget,
        ledger: Path | None = None,
        seed: int = 0,
        unavailable: str = "",
    ) -> None:
        self.target = target
        self.seed = seed
        self.unavailable = unavailable
        self.owners: list[str] = []
        self._hangs = 0
        self._ledger = ledger
        self._handle: StorageBackend | None = None
        self._shared: dict[type, Any] = {}
        self._latency: float | None = None

    def count_hang(self) -> None:
        """Count a rule in which an operation did not return.

        After a few of them no more rules are tried: each would cost a minute or so.
        """
        self._hangs += 1
        if self._hangs >= _MOST_HANGS:
            self.unavailable = f"operations hang in {self._hangs} rules already: fix those first"

    def handle(self) -> StorageBackend:
        """The handle that rules share."""
        if self._handle is None:
            self._handle = self.target.handle()
        return self._handle

    def discard_handle(self) -> None:
        """Close the shared handle; the next rule gets another."""
        handle, self._handle = self._handle, None
        if handle is not None:
            close_quietly(handle)

    def forget_handle(self) -> None:
        """Leave the shared handle as it is, for closing it would hang."""
        self._handle = None

    def shared(self, kind: type[Shared], make: Callable[[], Shared]) -> Shared:
        """What the rules share besides the handle, one of each kind, made when first asked for."""
        if kind not in self._shared:
            self._shared[kind] = make()
        found: Shared = self._shared[kind]
        return found

    @property
    def latency(self) -> float:
        """How many seconds an operation waits for the storage; 0 where that is negligible."""
        if self._latency is None:
            owner_id = self.new_owner()
            self._latency = min(_seconds_of_a_get(self.handle(), owner_id) for _ in range(3))
        return self._latency if self._latency >= _ROUND_TRIP else 0.0

    def new_owner(self, form: str = "{}") -> str:
        """An owner id that nobody else uses; `form` says where its UUID goes."""
        return self.claim_owner(form.replace("{}", f"pmcp-{uuid4().hex}"))

    def claim_owner(self, owner_id: str) -> str:
        """Note an owner id as used by this run; it must have a fresh one within itself."""
        self.owners.append(owner_id)
        if self._ledger is not None:
            write_ledger(self._ledger, self.target.name, owner_id)
        return owner_id

    def finish(self) -> list[Leftover]:
        """Look at every owner once more; return a leftover for each that still had records.

        What is found is removed.
        """
        leftovers = sweep(self.target, self.owners) if self.owners else []
        self.close()
        return leftovers

    def close(self) -> None:
        """Close the shared handle and whatever else the rules shared."""
        watchdog = Watchdog(self.target.answer_within)
        with suppress(Hang):
            watchdog.run(partial(watchdog.call, "close", self.discard_handle))
        for shared in self._shared.values():
            shared.close()


def _seconds_of_a_get(handle: StorageBackend, owner_id: str) -> float:
    begun = time.perf_counter()
    with suppress(StorageError):
        handle.get(owner_id, "task")
    return time.perf_counter() - begun
