"""What the rules share while they run against one target in one process.

A handle that is opened once and replaced when a rule may have left it unusable, and the owners
used. Each owner is looked at once more at the end (`ledger`): nobody would let a kit that leaves
records behind into a shared table.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from itertools import pairwise
from typing import Any, Protocol, TypeVar
from uuid import uuid4

from pmcp_conformance.engine.ledger import Entry, Ledger
from pmcp_conformance.engine.patience import load_factor
from pmcp_conformance.engine.sweep import sweep
from pmcp_conformance.engine.turns import Turns
from pmcp_conformance.engine.violation import Inconclusive
from pmcp_conformance.engine.watchdog import Hang, Watchdog, WatchedBackend, close_quietly
from pmcp_conformance.engine.watched_target import call_watched, failure_of
from pmcp_conformance.report.results import Leftover, Result
from pmcp_conformance.target import BackendTarget
from pmcp_storage import BackendError, StorageBackend, StorageError

_MOST_HANGS = 3

_MOST_FAILED_OPENINGS = 3

_LOOKS = 12
"""Reads whose fastest counts: on a busy machine most of them are interrupted."""


class Closable(Protocol):
    """What is used by several rules and closed at the end of the run."""

    def close(self) -> None: ...


Shared = TypeVar("Shared", bound=Closable)


class TargetRun:
    """The state of a run against `target` in this process.

    `ledger` is where owners are noted, where another process is to clean up after a crash of this
    one; `seed` is what random choices depend on; `unavailable` says why no rule can
    run, and is empty where rules can.
    """

    def __init__(
        self,
        target: BackendTarget,
        ledger: Ledger | None = None,
        seed: int = 0,
        unavailable: str = "",
    ) -> None:
        self.target = target
        self.seed = seed
        self.unavailable = unavailable
        self.owners: list[str] = []
        self.results: dict[str, Result] = {}
        """What has become of rules so far, of those in parts of the last one."""
        self.storage_failure: BackendError | None = None
        """What has ended the last rule, where the storage says that it has failed: it may work
        again."""
        self.tokens: list[str] = []
        """Those of fresh storage that has not been taken down."""
        self.underway: Watchdog | None = None
        """What watches the rule under way; None between two rules."""
        self._hangs = Counter[str]()
        self._was_open = False
        self._failed_openings = 0
        self.ledger = ledger
        self._turns = Turns(ledger.path) if ledger and target.offers("crash") else None
        self._handle: StorageBackend | None = None
        self._shared: dict[type, Any] = {}
        self._latency: float | None = None

    @contextmanager
    def turn(self, *, alone: bool) -> Iterator[None]:
        """The time of a rule, which a rule that runs `alone` shares with no other worker's."""
        with ExitStack() as stack:
            if self._turns and alone:
                stack.enter_context(self._turns.alone())
            elif self._turns and stack.enter_context(self._turns.together()):
                self.discard_handle()  # the server that it knew is gone
            yield

    @property
    def hangs(self) -> int:
        """Rules so far in which an operation did not return."""
        return self._hangs.total()

    def count_hang(self, group: str) -> None:
        """Count a rule of this group in which an operation did not return."""
        self._hangs[group] += 1

    def why_not_run(self, group: str) -> str:
        """Why no rule of this group can run; empty if rules can.

        After a few that hang no more rules of the group are tried: each would cost a minute or so.
        """
        if not self.unavailable and self._hangs[group] >= _MOST_HANGS:
            return f"operations hang in {_MOST_HANGS} rules of {group} already: fix those first"
        return self.unavailable

    def handle(self) -> StorageBackend:
        """The handle that rules share. Raises what opening one raises, or Hang."""
        if self._handle is None:
            self._handle = self._opened()
        return self._handle

    def _opened(self) -> StorageBackend:
        """A new handle. Where that fails again and again, no more rules are tried."""
        try:
            handle = call_watched("open", self.target.handle, self.target.answer_within)
        except Exception as error:
            self._failed_openings += 1
            if not self._was_open or self._failed_openings >= _MOST_FAILED_OPENINGS:
                self.unavailable = failure_of("open", error)
            raise
        self._failed_openings = 0
        self._was_open = True
        return handle

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
        """How many seconds of an idle machine the fastest reads take."""
        if self._latency is None:
            owner_id = self.new_owner()
            watchdog = Watchdog(self.target.answer_within)
            handle = WatchedBackend(self.handle(), watchdog)
            fastest = watchdog.run(partial(_seconds_of_a_get, handle, owner_id))
            self._latency = fastest / load_factor()
        return self._latency

    def new_owner(self, form: str = "{}") -> str:
        """An owner id that nobody else uses; `form` says where its UUID goes."""
        return self.claim_owner(form.replace("{}", f"pmcp-{uuid4().hex}"))

    def claim_owner(self, owner_id: str) -> str:
        """Note an owner id as used by this run; it must have a fresh one within itself."""
        self.owners.append(owner_id)
        if self.ledger is not None:
            self.ledger.note(Entry.OWNER, self.target.name, owner_id)
        return owner_id

    def new_token(self) -> str:
        """A token for fresh storage, to be given to `dispose_fresh` at the end."""
        token = uuid4().hex
        self.tokens.append(token)
        if self.ledger is not None:
            self.ledger.note(Entry.FRESH, self.target.name, token)
        return token

    def dispose_fresh(self, target: BackendTarget, token: str) -> None:
        """Take down fresh storage, by way of this target. Raises what that raises."""
        target.dispose_fresh(token)
        self.tokens.remove(token)
        if self.ledger is not None:
            self.ledger.note(Entry.DISPOSED, self.target.name, token)

    def finish(self) -> list[Leftover]:
        """Look at every owner once more; return a leftover for each that still had records.

        What is found is removed, and so is fresh storage. That a rule leaves something that was
        cut off is no wonder: then only what cannot be removed is reported.
        """
        with self.turn(alone=False):
            cut_off = self.underway is not None
            self.close()
            found = sweep(self.target, self.owners, self.tokens)
            return [leftover for leftover in found if not (cut_off and leftover.removed)]

    def close(self) -> None:
        """Close the shared handle and whatever else the rules shared: nobody writes any more."""
        for shared in self._shared.values():
            shared.close()
        if self.underway is not None:
            self.underway.settle()
        watchdog = Watchdog(self.target.answer_within)
        with suppress(Hang, Inconclusive):
            watchdog.run(partial(watchdog.call, "close", self.discard_handle))


def _seconds_of_a_get(handle: WatchedBackend, owner_id: str) -> float:
    """How long the fastest of some reads takes."""
    instants = [time.perf_counter()]
    for _ in range(_LOOKS):
        with suppress(StorageError):
            handle.get(owner_id, "task")
        instants.append(time.perf_counter())
    return min(later - earlier for earlier, later in pairwise(instants))
