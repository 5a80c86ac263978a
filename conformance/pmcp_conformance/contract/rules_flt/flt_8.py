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
from pmcp_conformance.network.connections import Route
from pmcp_conformance.network.faults import Fault

_CLIENTS, _OPERATIONS = 4, 20


_MIXTURE = {
    Fault.PASS: 59,
    Fault.DELAY: 10,
    Fault.CUT_REQUEST: 8,
    Fault.LOSE_ANSWER: 14,
    Fault.CUT_ANSWER: 4,
    Fault.GARBLE: 4,
    Fault.WITHHOLD: 1,
}
"""How often what happens to an exchange of a random history."""


@rule("FLT-8", doors=("address",))
def random_faults(trial: Trial) -> None:
    """Under random faults every acknowledged write is kept, and the history with its unknown
    outcomes is linearizable (histories without deletes).
    """
    history, keys = History(trial.owner()), ["a", "b", "c"]
    with ExitStack() as stack:
        routes = [stack.enter_context(Route(trial)) for _ in range(_CLIENTS)]
        attempts = call_simultaneously(
            trial.watchdog,
            [
                partial(live, trial, route, history, keys, f"{trial.seed} {number}")
                for number, route in enumerate(routes)
            ],
        )
    raise_unexpected(attempts)
    last = Client(history, trial.backend.unrecorded, trial)
    for key in keys:
        last.get(key)
    history.verify(trial, "FLT-8")


def live(trial: Trial, route: Route, history: History, keys: list[str], seed: str) -> None:
    """The operations of one client, on its own spoilt way."""
    ours, theirs = Random(f"operations {seed}"), Random(f"faults {seed}")
    client = Client(history, watched(trial, route.handle().unrecorded), trial)
    faults, weights = list(_MIXTURE), list(_MIXTURE.values())
    route.proxy.play(lambda exchange: theirs.choices(faults, weights)[0])
    for _ in range(_OPERATIONS):
        operations = (client.swap, client.put, client.get, client.create)
        ours.choices(operations, weights=(5, 3, 3, 1))[0](ours.choice(keys))
