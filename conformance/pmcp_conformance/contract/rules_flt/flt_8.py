"""FLT-8: random faults."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from random import Random

from pmcp_conformance.catalogue import rule
from pmcp_conformance.engine.attempt import raise_unexpected
from pmcp_conformance.engine.handles import watched
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.history.recorder import Client, History
from pmcp_conformance.interleaving.simultaneous import call_simultaneously
from pmcp_conformance.network.faults.base import Fault
from pmcp_conformance.network.faults.cut_answer import CUT_ANSWER
from pmcp_conformance.network.faults.cut_request import CUT_REQUEST
from pmcp_conformance.network.faults.delay_answer import DELAY_ANSWER
from pmcp_conformance.network.faults.garble_answer import GARBLE_ANSWER
from pmcp_conformance.network.faults.lose_answer import LOSE_ANSWER
from pmcp_conformance.network.faults.withhold_answer import WITHHOLD_ANSWER
from pmcp_conformance.network.faulty_connection import FaultyConnection
from pmcp_conformance.network.schedules import Schedule

_CLIENTS = 4
_OPERATIONS = 20

_WEIGHTS: dict[Fault | None, int] = {
    None: 59,
    DELAY_ANSWER: 10,
    CUT_REQUEST: 8,
    LOSE_ANSWER: 14,
    CUT_ANSWER: 4,
    GARBLE_ANSWER: 4,
    WITHHOLD_ANSWER: 1,
}
"""How often which fault, or none, is injected into an exchange, in percent."""


@rule("FLT-8", back_doors=("address",))
def random_faults(trial: Trial) -> None:
    """Under random faults every acknowledged write is kept, and the history with its unknown
    outcomes is linearizable (histories without deletes).

    Why: In a bad network an acknowledged step of a task disappears or is made twice, some time
    later and under load, when nobody can reconstruct it any longer.

    Real bug: On FoundationDB, CouchDB could apply a transaction again whose first commit result was
    unknown, if the next attempt met another retryable error; document updates then conflicted with
    themselves. (https://github.com/apache/couchdb/pull/3569)

    Mend: Never repeat a write of unknown outcome with the version stored by then, and never count a
    lost answer as a failure. Repeat only with the same expected version and token, or raise
    OutcomeUnknownError. Mend FLT-2 to FLT-5 first.
    """
    history, keys = History(trial.owner()), ["a", "b", "c"]
    with ExitStack() as stack:
        connections = [stack.enter_context(FaultyConnection(trial)) for _ in range(_CLIENTS)]
        attempts = call_simultaneously(
            trial.watchdog,
            [
                partial(run_client, trial, connection, history, keys, f"{trial.seed} {number}")
                for number, connection in enumerate(connections)
            ],
        )
    raise_unexpected(attempts)
    last = Client(history, trial.backend.unrecorded, trial)
    for key in keys:
        last.get(key)
    history.verify(trial, "FLT-8")


def run_client(
    trial: Trial, connection: FaultyConnection, history: History, keys: list[str], seed: str
) -> None:
    """The operations of one client, over its own faulty connection."""
    random = Random(f"operations {seed}")
    client = Client(history, watched(trial, connection.handle().unrecorded), trial)
    connection.proxy.inject(random_schedule(Random(f"faults {seed}")))
    for _ in range(_OPERATIONS):
        operations = (client.swap, client.put, client.get, client.create)
        random.choices(operations, weights=(5, 3, 3, 1))[0](random.choice(keys))


def random_schedule(random: Random) -> Schedule:
    """A fault or none for each exchange, by their weights."""
    faults, weights = list(_WEIGHTS), list(_WEIGHTS.values())
    return lambda exchange: random.choices(faults, weights)[0]
