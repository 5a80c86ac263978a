"""CON-2, CON-8, CON-12: many clients that work on lose nothing, get on, and agree on one order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from random import Random

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.concurrency import (
    CONTENDERS,
    check_counter,
    contend,
)
from pmcp_conformance.engine.attempt import Attempt, raise_unexpected
from pmcp_conformance.engine.recording import TracedBackend
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_conformance.history.recorder import Client, History
from pmcp_conformance.interleaving.exploration import Call, crossed
from pmcp_conformance.interleaving.simultaneous import together
from pmcp_storage import (
    AlreadyExistsError,
    BackendError,
    ConcurrentModificationError,
    NotFoundError,
    OutcomeUnknownError,
    StorageBackend,
)

_PATIENCE = 1000


@rule("CON-2")
def increments_are_not_lost(trial: Trial) -> None:
    """Optimistic increments by many workers lose nothing: counter, version and number of successes
    agree.
    """
    for number in range(3 if trial.is_fast else 1):
        increments_by_four(trial, 2 + number)


def increments_by_four(trial: Trial, seed: int) -> None:
    """Four workers, eight increments each; then counter, version and successes are compared."""
    owner = trial.owner()
    trial.seed(owner, variables={"counter": 0})
    workers = [Incrementer(trial, owner, handle) for handle in trial.contenders(4)]
    with trial.preempted(seed):
        attempts = together(trial.watch, [partial(worker.increment, 8) for worker in workers])
    raise_unexpected(attempts)
    successes = sum(worker.successes for worker in workers)
    unknown = sum(worker.unknown for worker in workers)
    check_counter(trial, owner, "task", successes, unknown)


class Incrementer:
    """A worker that reads a counter and swaps it for one more, until each increment holds."""

    def __init__(self, trial: Trial, owner: str, handle: StorageBackend) -> None:
        self._trial, self._owner, self._handle = trial, owner, handle
        self.successes = self.unknown = 0
        self.attempts: list[int] = []
        self._refusal = ""

    def increment(self, times: int) -> None:
        for _ in range(times):
            tries = 1
            while not self._once():
                tries += 1
                if tries > _PATIENCE:
                    told = f"{_PATIENCE} attempts in vain, the last of which {self._refusal}"
                    raise Violation("progress under contention", told)
            self.attempts.append(tries)

    def _once(self) -> bool:
        found = self._handle.get(self._owner, "task")
        counter = {"counter": found.record.variables["counter"] + 1}
        record = self._trial.record(self._owner, variables=counter)
        try:
            self._handle.put_if_version(record, found.version)
        except OutcomeUnknownError:
            self.unknown += 1
            return True
        except (ConcurrentModificationError, BackendError) as error:
            # Neither is applied, so both are an attempt in vain.
            self._refusal = f"got version {found.version} and {Attempt(error=error)}"
            return False
        self.successes += 1
        return True


@rule("CON-12")
def contention_makes_progress(trial: Trial) -> None:
    """Contention makes progress: 8 contenders finish 5 optimistic increments each within a bounded
    number of attempts.
    """
    handles = [trial.backend, *([trial.open()] if trial.target.shared else [])]
    for refused, writer in product(handles, handles):
        refusals_bar_nobody(trial, refused, writer)
    for number in range(3 if trial.is_fast else 1):
        race_of_incrementers(trial, 12 + number)


def refusals_bar_nobody(trial: Trial, handle: TracedBackend, writer: TracedBackend) -> None:
    """Whatever has been refused to a thread with one handle, the next write with one succeeds.

    A lock that a refusal leaves taken, also one that its own thread may take again, is found by
    this without any race.
    """
    owner = trial.owner()
    record, absent = trial.seed(owner), trial.record(owner, "absent")
    refusals: list[tuple[type[Exception], Callable[[], object]]] = [
        (ConcurrentModificationError, partial(handle.put_if_version, record, 99)),
        (NotFoundError, partial(handle.put_if_version, absent, 1)),
        (AlreadyExistsError, partial(handle.create, record)),
        (NotFoundError, partial(handle.get, owner, "absent")),
    ]
    for version, (error, call) in enumerate(refusals, start=1):
        raise_unexpected(together(trial.watch, [partial(trial.raises, error, call)]))
        trial.returns(version + 1, writer.put_if_version, trial.record(owner), version)


def race_of_incrementers(trial: Trial, seed: int) -> None:
    """All finish, and none of them needs more attempts than others can have been in its way."""
    owner = trial.owner()
    trial.seed(owner, variables={"counter": 0})
    workers = [Incrementer(trial, owner, handle) for handle in trial.contenders(CONTENDERS)]
    attempts = contend(trial, seed, [partial(worker.increment, 5) for worker in workers])
    raise_unexpected(attempts)
    # Each refusal is due to another's success since the read, and there are 35 of those.
    bound = 5 * (CONTENDERS - 1) + 1
    most = max((tries for worker in workers for tries in worker.attempts), default=0)
    finished = all(len(worker.attempts) == 5 for worker in workers)
    told = f"{most} attempts for one increment, all finished: {finished}"
    trial.expect(finished and most <= bound, f"at most {bound} attempts an increment", told)


Step = tuple[str, int, str]
"""A task, the version that it has before, 0 for none, and an operation on it. A swap expects
version 1."""


def on_one_task(version: int, one: str, other: str) -> tuple[Step, Step]:
    return ("a", version, one), ("a", version, other)


_CROSSED = [
    *(on_one_task(1, "get", "put"), on_one_task(1, "get", "delete")),
    *(on_one_task(0, "get", "create"), on_one_task(1, "put", "get")),
    *(on_one_task(1, "swap", "get"), on_one_task(1, "delete", "get")),
    *(on_one_task(1, "swap", "put"), on_one_task(1, "put", "swap")),
    *(on_one_task(1, "delete", "put"), on_one_task(1, "put", "delete")),
    *(on_one_task(0, "create", "put"), on_one_task(0, "put", "create")),
    on_one_task(1, "delete", "create"),
    # The first is refused, and nobody must see it in passing.
    *(on_one_task(2, "swap", "get"), on_one_task(1, "create", "get")),
    *(on_one_task(2, "swap", "delete"), on_one_task(1, "create", "delete")),
    # Tasks of one owner, whose listing holds both.
    *((("a", 0, "create"), ("b", 0, "create")), (("a", 0, "put"), ("b", 1, "delete"))),
    *((("a", 1, "delete"), ("b", 0, "create")), (("a", 1, "delete"), ("b", 1, "delete"))),
]
"""Which operation is interrupted by which other one."""


@rule("CON-8", parts=3)
def random_histories(trial: Trial) -> None:
    """A random concurrent history over a few keys is linearizable."""
    for steps in _CROSSED[trial.part :: 3]:
        small_histories(trial, *steps)
    for number in range(4):
        seed = trial.seed_number * 1_000_000 + trial.part * 1_000 + number
        random_history(trial, seed)


def small_histories(trial: Trial, *steps: Step) -> None:
    """Two operations that meet in every order, or in some rounds where threads race; what both
    clients read afterwards belongs to the history.
    """
    handles, histories = trial.contenders(2), dict[str, History]()
    before = {task: version for task, version, _ in steps}

    def pair(key: str) -> Sequence[Call]:
        histories[key] = history = History(trial.owner())
        for task, version in before.items():
            for _ in range(version):
                Client(history, handles[0], trial).put(task)
        clients = [Client(history, handle, trial) for handle in handles]
        return [
            partial(getattr(client, name), task)
            for client, (task, _, name) in zip(clients, steps, strict=True)
        ]

    def check(key: str, attempts: list[Attempt]) -> None:
        raise_unexpected(attempts)
        for handle in handles:
            client = Client(histories[key], handle, trial)
            for task in before:
                client.get(task)
            client.list([*before])
        same_count(handles[0], histories[key].owner_id)
        histories[key].verify(trial, "CON-8")

    crossed(trial, pair, check)
    for number in () if trial.is_fast else range(3):
        check(key := f"round {number}", together(trial.watch, pair(key)))


def same_count(handle: StorageBackend, owner: str) -> None:
    """Nobody writes any more: the count is that of the listing."""
    try:
        listed, counted = len(handle.list_by_owner(owner)), handle.count_by_owner(owner)
    except BackendError:
        return  # not done, as far as races are concerned
    if listed != counted:
        raise Violation(f"a count of {listed}, as many as are listed", f"{counted}")


def random_history(trial: Trial, seed: int) -> None:
    """Four clients on three keys, some dozen operations each."""
    keys = ["a", "b", "c"]
    history = History(trial.owner())
    clients = [Client(history, handle, trial) for handle in trial.contenders(4)]

    def live(client: Client, random: Random) -> None:
        for _ in range(14):
            random_operation(client, random, keys)

    with trial.preempted(seed):
        attempts = together(
            trial.watch,
            [
                partial(live, client, Random(f"{seed} {number}"))
                for number, client in enumerate(clients)
            ],
        )
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
