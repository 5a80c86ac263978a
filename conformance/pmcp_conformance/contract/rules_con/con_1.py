"""CON-1: one swap wins."""

from __future__ import annotations

from functools import partial

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_con.support import (
    CONTENDERS,
    ROUNDS,
    check_one_winner,
    check_winner_stored,
    contend,
)
from pmcp_conformance.engine.handles import contenders
from pmcp_conformance.engine.pacing import is_fast
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.interleaving.exploration import explore_overlaps
from pmcp_conformance.interleaving.load import busy_processors
from pmcp_conformance.interleaving.simultaneous import call_simultaneously
from pmcp_conformance.network.faulty_connection import FaultyConnection

_GATHERINGS = 60
"""Pairs of swaps that arrive together: a server that falls for one in ten is then missed once in
five hundred runs."""

_GIVE_UP_AFTER = 5
"""Pairs after which a client that has not yet sent one at the same time is taken to send none."""

_WIDE = "\U0001f600"
"""A character of four bytes, of which a server in Python makes more work than of others."""

_REST = 1000
"""More bytes than the JSON of such a record has besides its filling."""


@rule("CON-1")
def one_swap_wins(trial: Trial) -> None:
    """Of many put_if_version calls with one version at most one succeeds, and at least one
    contender gets a definite answer; refusals report a version beyond it.
    """
    owner = trial.owner()
    spread = contenders(trial, CONTENDERS)

    def swaps(key: str) -> list[partial[int]]:
        trial.store_record(owner, key)
        return [partial(handle.put_if_version, trial.record(owner, key), 1) for handle in spread]

    explore_overlaps(
        trial, lambda key: swaps(key)[:2], lambda _, attempts: check_one_winner(attempts)
    )
    for number in range(ROUNDS if is_fast(trial) else 3 * ROUNDS):
        calls = swaps(f"round {number}")
        attempts = contend(trial, number, calls)
        check_one_winner(attempts)
        check_winner_stored(trial, calls, attempts, 2)
    if all(map(trial.target.offers, ("address", "open_at"))):
        swaps_that_arrive_together(trial, owner)


def swaps_that_arrive_together(trial: Trial, owner: str) -> None:
    """Pairs of swaps whose requests reach the server at the same instant and keep it at work for a
    while, which the threads of one client alone hardly bring about.
    """
    fill = _WIDE * ((trial.target.max_record_bytes - _REST) // len(_WIDE.encode()))
    gathered = 0
    with FaultyConnection(trial) as connection, busy_processors():
        handle = connection.handle().unrecorded
        for number in range(_GATHERINGS):
            key = f"gathering {number}"
            trial.store_record(owner, key)
            records = [trial.record(owner, key, variables={"fill": fill}) for _ in range(2)]
            connection.proxy.gather(len(records))
            swaps = [partial(handle.put_if_version, record, 1) for record in records]
            check_one_winner(call_simultaneously(trial.watchdog, swaps))
            gathered += connection.proxy.gathered
            if number == _GIVE_UP_AFTER and not gathered:
                return
