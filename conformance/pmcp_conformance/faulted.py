"""Calls on a spoilt way: each through a handle and a proxy of its own, and what it came to.

A call under a fault runs in a thread of its own, so that one that never ends is noticed, and many
run at once, because most of their time is waiting. Writes get a key of their own each. What the
storage then holds is read by the rule's own handle, which no fault touches.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Self, TypeVar

from pmcp_conformance import faults
from pmcp_conformance.bench import close_quietly
from pmcp_conformance.faults import Fault, Proxy, Script
from pmcp_conformance.race import Attempt
from pmcp_conformance.trace import Trace, TracedBackend
from pmcp_conformance.trial import Trial
from pmcp_conformance.violation import Violation
from pmcp_storage import (
    NotFoundError,
    TaskRecord,
    VersionedRecord,
)

AT_ONCE = 24
"""The calls that run at the same time. Each holds some ten files, and some systems allow 256."""

_GRACE = 5.0
"""Seconds for a call to end after its connections have been closed."""

T = TypeVar("T")
Call = Callable[[TracedBackend], object]


class NoAnswer(Exception):  # noqa: N818 - a finding
    """A call did not end within the target's `answer_within`."""


class Route:
    """A handle that reaches the storage through a proxy of its own; `trace` is its story."""

    def __init__(self, trial: Trial) -> None:
        self.trace = Trace(trial.watch, owners=trial.trace.owners)
        self.proxy = Proxy(trial.target.address(), trial.seed_number)
        self._target = trial.target
        self._handle: TracedBackend | None = None
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # The proxy first: that ends the calls that wait for an answer.
        self.proxy.close()
        for thread in self._threads:
            thread.join(_GRACE)
        if self._handle is not None:
            close_quietly(self._handle.untraced)

    def handle(self) -> TracedBackend:
        """The handle, opened when it is first asked for."""
        if self._handle is None:
            handle = self._target.handle("open_at", *self.proxy.address)
            self._handle = TracedBackend(handle, self.trace, "handle")
        return self._handle

    def call(self, operation: Call, meanwhile: Callable[[], object] = lambda: None) -> Attempt:
        """What an operation comes to within the time that the target declares.

        `meanwhile` is called while it runs. An error of opening the handle is the operation's.
        """
        attempts: list[Attempt] = []
        thread = threading.Thread(target=self._run, args=(operation, attempts), daemon=True)
        self._threads.append(thread)
        thread.start()
        meanwhile()
        thread.join(self._target.answer_within)
        if attempts:
            return attempts[0]
        within = f"no answer within {self._target.answer_within:g} s"
        self.trace.lines.append(f"# {within}")
        return Attempt(error=NoAnswer(within))

    def _run(self, operation: Call, attempts: list[Attempt]) -> None:
        try:
            attempts.append(Attempt(operation(self.handle())))
        except Exception as error:
            attempts.append(Attempt(error=error))


@dataclass(frozen=True)
class Read:
    """An operation that changes nothing, and its right answer."""

    name: str
    run: Call
    right: object


@dataclass(frozen=True)
class Write:
    """An operation that changes a key, which stands at `former` (None: absent) before it."""

    name: str
    run: Call
    key: tuple[str, str]
    former: VersionedRecord | None
    record: TaskRecord | None
    """What it writes; None for a delete."""

    @property
    def version(self) -> int:
        """The version of the former record; 0 where there is none."""
        return 0 if self.former is None else self.former.version

    @property
    def applied(self) -> VersionedRecord | None:
        """What the storage holds after it."""
        return None if self.record is None else VersionedRecord(self.record, self.version + 1)


Operation = Read | Write
Maker = Callable[[Trial], Operation]
"""Makes an operation anew: a write on a key that is its own."""


def _write(name: str, present: bool, trial: Trial) -> Write:
    owner = trial.owner()
    former = VersionedRecord(trial.seed(owner), 1) if present else None
    record = trial.record(owner)
    calls: dict[str, Call] = {
        "create": lambda handle: handle.create(record),
        "put": lambda handle: handle.put(record),
        "put_if_version": lambda handle: handle.put_if_version(record, 1),
        "delete": lambda handle: handle.delete(owner, "task"),
    }
    told = {"put": f"put of {'a present' if present else 'an absent'} key"}.get(name, name)
    written = None if name == "delete" else record
    return Write(told, calls[name], (owner, "task"), former, written)


CREATE, PUT_NEW = partial(_write, "create", False), partial(_write, "put", False)
PUT, SWAP = partial(_write, "put", True), partial(_write, "put_if_version", True)
DELETE = partial(_write, "delete", True)
WRITES: tuple[Callable[[Trial], Write], ...] = (CREATE, PUT_NEW, PUT, SWAP, DELETE)


def reads(trial: Trial, count: int) -> list[Maker]:
    """Every reading operation, on an owner with this many records."""
    owner = trial.owner()
    for number in range(count):
        trial.seed(owner, f"{number:03}")
    calls: dict[str, Call] = {
        "get": lambda handle: handle.get(owner, "000"),
        "list_by_owner": lambda handle: handle.list_by_owner(owner, limit=count + 1),
        "iter_by_owner": lambda handle: list(handle.iter_by_owner(owner)),
        "count_by_owner": lambda handle: handle.count_by_owner(owner),
    }
    with trial.premise("LIST-10"):
        found = [Read(name, call, call(trial.backend)) for name, call in calls.items()]
    return [lambda trial, read=read: read for read in found]  # type: ignore[misc]


@dataclass
class Case:
    """One operation whose exchange `at` of `of` is struck; what it came to, and why."""

    operation: Operation
    fault: Fault
    at: int
    of: int
    lasts: bool
    meanwhile: Callable[[Case], object] | None = None
    """What somebody else does when the fault strikes."""
    attempt: Attempt = field(default_factory=Attempt)
    trace: Trace = field(init=False)
    interfered: VersionedRecord | None = None
    """What somebody else has written meanwhile."""
    applied_before: bool = False
    """Whether that was after this operation had been applied."""

    @property
    def script(self) -> Script:
        return (faults.lasting if self.lasts else faults.once)(self.fault, self.at)

    def __str__(self) -> str:
        exchange = f"exchange {self.at} of {self.of}"
        where = f"from {exchange} on" if self.lasts else exchange
        return f"{self.operation.name} ({where}: {self.fault})"

    def run(self, trial: Trial) -> None:
        """Carry the operation out under the fault."""
        with Route(trial) as route:
            self.trace = route.trace
            route.proxy.play(self.script, partial(self._strike, route))
            self.attempt = route.call(self.operation.run)
            if route.proxy.hook_error is not None:
                raise route.proxy.hook_error

    def _strike(self, route: Route) -> None:
        exchange = route.proxy.struck[0]
        route.trace.lines.append(f"# exchange {exchange}: {self.fault}")
        if self.meanwhile is not None:
            self.meanwhile(self)


def at_once(jobs: Iterable[Callable[[], T]]) -> list[T]:
    """Run the jobs in threads, many at the same time; their results in the jobs' order."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return [future.result() for future in [pool.submit(job) for job in jobs]]


def exchanges(trial: Trial, operation: Operation) -> int:
    """How many exchanges the operation takes through a fresh handle where nothing is amiss."""
    with Route(trial) as route:
        attempt = route.call(operation.run)
        if attempt.error is not None:
            told = f"{operation.name} through a proxy without faults: it {attempt}"
            raise Violation("an operation that works at the address of open_at", told)
        # Not even one, where a client claims success before its request is on the way.
        return max(1, route.proxy.exchanges)


def struck_cases(
    trial: Trial,
    makers: Sequence[Maker],
    *faults: Fault,
    lasts: Sequence[bool] = (True, False),
    meanwhile: Callable[[Case], object] | None = None,
) -> list[Case]:
    """Run every operation with every fault at each of its exchanges, for good and once.

    `lasts` chooses between the two; what takes longest comes first.
    """
    counts = at_once([partial(exchanges, trial, maker(trial)) for maker in makers])
    cases = [
        Case(maker(trial), fault, at, count, lasting, meanwhile)
        for lasting in lasts
        for fault in faults
        for maker, count in zip(makers, counts, strict=True)
        for at in range(1, count + 1)
    ]
    at_once([partial(case.run, trial) for case in cases])
    return cases


def another(trial: Trial, case: Case) -> TracedBackend:
    """A handle of somebody else's, which no fault touches, noted in the case's story."""
    return TracedBackend(trial.backend.untraced, case.trace, "another")


def stored(trial: Trial, key: tuple[str, str]) -> VersionedRecord | None:
    """What a handle finds that no fault touches."""
    try:
        return trial.backend.untraced.get(*key)
    except NotFoundError:
        return None
