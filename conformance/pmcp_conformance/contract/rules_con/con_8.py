"""CON-8: random histories."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from random import Random
from typing import NamedTuple

from pmcp_conformance.catalogue import rule
from pmcp_conformance.engine.attempt import Attempt, Call, raise_unexpected
from pmcp_conformance.engine.handles import contenders
from pmcp_conformance.engine.pacing import is_fast
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_conformance.history.recorder import Client, History
from pmcp_conformance.interleaving.exploration import explore_crossings
from pmcp_conformance.interleaving.preemption import preempting
from pmcp_conformance.interleaving.simultaneous import call_simultaneously
from pmcp_storage import BackendError, StorageBackend


class CrossedStep(NamedTuple):
    """An operation on a task, and the version that the task has before, or 0 if it is absent.

    A swap expects version 1.
    """

    task: str
    version: int
    operation: str


def on_one_task(version: int, first: str, second: str) -> tuple[CrossedStep, CrossedStep]:
    return CrossedStep("a", version, first), CrossedStep("a", version, second)


_CROSSED = [
    on_one_task(1, "get", "put"),
    on_one_task(1, "get", "delete"),
    on_one_task(0, "get", "create"),
    on_one_task(1, "put", "get"),
    on_one_task(1, "swap", "get"),
    on_one_task(1, "delete", "get"),
    on_one_task(1, "swap", "put"),
    on_one_task(1, "put", "swap"),
    on_one_task(1, "delete", "put"),
    on_one_task(1, "put", "delete"),
    on_one_task(0, "create", "put"),
    on_one_task(0, "put", "create"),
    on_one_task(1, "delete", "create"),
    # The first is refused, and nobody must see it in passing.
    on_one_task(2, "swap", "get"),
    on_one_task(1, "create", "get"),
    on_one_task(2, "swap", "delete"),
    on_one_task(1, "create", "delete"),
    # Tasks of one owner, whose listing holds both.
    (CrossedStep("a", 0, "create"), CrossedStep("b", 0, "create")),
    (CrossedStep("a", 0, "put"), CrossedStep("b", 1, "delete")),
    (CrossedStep("a", 1, "delete"), CrossedStep("b", 0, "create")),
    (CrossedStep("a", 1, "delete"), CrossedStep("b", 1, "delete")),
]
"""Pairs of which the second operation enters the first."""


@rule("CON-8", parts=3)
def random_histories(trial: Trial) -> None:
    """A random concurrent history over a few keys is linearizable.

    Why: There is no order of the calls that explains what clients saw: a task read as done is
    running again a moment later, or is missing between two writes. No caller can defend itself
    against that.

    Real bug: Jepsen found stale reads, dirty reads and lost updates in VoltDB 6.3, which promised
    strict serializability; version 6.4 has the fixes. (https://jepsen.io/analyses/voltdb-6-3)

    Mend: Follow the few contradicting calls in the report. Usual causes: a cache filled after it
    was cleared, a file truncated before it is written, writes visible before their commit, an index
    updated without the lock.
    """
    for steps in _CROSSED[trial.part :: 3]:
        check_pair(trial, *steps)
    if trial.part == 0:
        check_reading_on(trial)
    for number in range(4):
        seed = trial.seed * 1_000_000 + trial.part * 1_000 + number
        check_random_history(trial, seed)


def check_pair(trial: Trial, *steps: CrossedStep) -> None:
    """Two operations, crossed at each yield point, and in some races where those show nothing."""
    handles = contenders(trial, 2)
    histories = dict[str, History]()

    def pair(key: str) -> Sequence[Call]:
        histories[key] = History(trial.owner())
        return calls_of(trial, histories[key], handles, steps)

    def check(key: str, attempts: list[Attempt]) -> None:
        raise_unexpected(attempts)
        check_history(trial, histories[key], handles, sorted({step.task for step in steps}))

    explore_crossings(trial, pair, check)
    for number in () if is_fast(trial) else range(3):
        key = f"round {number}"
        check(key, call_simultaneously(trial.watchdog, pair(key)))


def check_reading_on(trial: Trial) -> None:
    """Whoever has written reads the write, also while another one, of the same handle, still reads
    what was there before: its answer is not for those who come later.
    """
    handle = contenders(trial, 1)[0]
    for reading in ("get", "list"):
        histories = dict[str, History]()

        def pair(
            key: str, reading: str = reading, histories: dict[str, History] = histories
        ) -> Sequence[Call]:
            histories[key] = History(trial.owner())
            one, other = [Client(histories[key], handle, trial) for _ in range(2)]
            other.put("a")
            reads = {"get": lambda client: client.get("a"), "list": lambda client: client.list("a")}
            return [partial(reads[reading], one), partial(write_and_read, other, reads[reading])]

        def check(
            key: str, attempts: list[Attempt], histories: dict[str, History] = histories
        ) -> None:
            raise_unexpected(attempts)
            histories[key].verify(trial, "CON-8")

        explore_crossings(trial, pair, check)


def write_and_read(client: Client, read: Callable[[Client], None]) -> None:
    client.put("a")
    read(client)


def calls_of(
    trial: Trial, history: History, handles: list[StorageBackend], steps: Sequence[CrossedStep]
) -> Sequence[Call]:
    """The operations, each of a client of its own, on tasks that have their versions."""
    for task, version in {step.task: step.version for step in steps}.items():
        for _ in range(version):
            Client(history, handles[0], trial).put(task)
    clients = [Client(history, handle, trial) for handle in handles]
    return [
        partial(getattr(client, step.operation), step.task)
        for client, step in zip(clients, steps, strict=True)
    ]


def check_history(
    trial: Trial, history: History, handles: list[StorageBackend], tasks: Sequence[str]
) -> None:
    """What is read afterwards through either handle belongs to the history."""
    for handle in handles:
        client = Client(history, handle, trial)
        for task in tasks:
            client.get(task)
        client.list(tasks)
    check_count(handles[0], history.owner_id)
    history.verify(trial, "CON-8")


def check_count(handle: StorageBackend, owner: str) -> None:
    """While nobody writes, the count is that of the listing."""
    try:
        listed, counted = len(handle.list_by_owner(owner)), handle.count_by_owner(owner)
    except BackendError:
        return  # counts as not done, in a race
    if listed != counted:
        raise Violation(f"a count of {listed}, as many as are listed", f"{counted}")


def check_random_history(trial: Trial, seed: int) -> None:
    """Four clients on three keys, some dozen operations each."""
    keys = ["a", "b", "c"]
    history = History(trial.owner())
    clients = [Client(history, handle, trial) for handle in contenders(trial, 4)]

    def call_some(client: Client, random: Random) -> None:
        for _ in range(14):
            random_operation(client, random, keys)

    calls = [
        partial(call_some, client, Random(f"{seed} {number}"))
        for number, client in enumerate(clients)
    ]
    with preempting(trial, seed):
        attempts = call_simultaneously(trial.watchdog, calls)
    raise_unexpected(attempts)
    history.verify(trial, "CON-8")


def random_operation(client: Client, random: Random, keys: list[str]) -> None:
    """One operation, mostly on the first key, where it is most likely to meet others."""
    key = random.choices(keys, weights=(4, 2, 1))[0]
    operation = random.choices(
        (client.swap, client.get, client.put, client.create, client.delete, None),
        weights=(8, 6, 4, 3, 2, 1),
    )[0]
    if operation is None:
        client.list(keys)
    else:
        operation(key)
