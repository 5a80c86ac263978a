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
    racing_record,
)
from pmcp_conformance.contract.support import race_numbers
from pmcp_conformance.engine.attempt import Attempt
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

_MOST_UNDECIDED = 3
"""Races in which nobody gets a definite answer, before that is a finding."""

_WIDE = "\U0001f600"
"""A character of four bytes, of which a server in Python makes more work than of others."""

_REST = 1000
"""More bytes than the JSON of such a record has besides its filling."""


@rule("CON-1")
def one_swap_wins(trial: Trial) -> None:
    """Of many put_if_version calls with one version at most one succeeds, and at least one
    contender gets a definite answer; refusals report a version beyond it.

    Why: Two requests both believe that they made the next step of a task: one's variables are
    silently overwritten, or a job is started twice. A refusal with an old version sends the caller
    into a loop.

    Real bug: Apache Druid's compareAndSwap first read the value without locking it: of several
    roles assigned to a user at once some did not take effect. The fix added FOR UPDATE to the read.
    (https://github.com/apache/druid/pull/7661)

    Mend: Compare and write in one atomic step: UPDATE … WHERE version = expected, a conditional
    put, a script, or a lock that all handles share. Read the reported version under the same lock
    or from the newest row, not from the snapshot.
    """
    owner = trial.owner()
    spread = contenders(trial, CONTENDERS)

    def swaps(key: str, race: int = 1) -> list[partial[int]]:
        trial.store_record(owner, key)
        records = [racing_record(trial, owner, key, race) for _ in spread]
        pairs = zip(spread, records, strict=True)
        return [partial(handle.put_if_version, record, 1) for handle, record in pairs]

    races = _Races()
    explore_overlaps(trial, lambda key: swaps(key)[:2], lambda _, attempts: races.check(attempts))
    for number in race_numbers(trial, ROUNDS if is_fast(trial) else 3 * ROUNDS):
        calls = swaps(f"round {number}", number)
        attempts = contend(trial, number, calls)
        races.check(attempts)
        check_winner_stored(trial, calls, attempts, 2)
    if all(map(trial.target.offers, ("address", "open_at"))):
        swaps_that_arrive_together(trial, owner, races)


class _Races:
    """What came of the races: on a busy machine all contenders of a few may rightly time out."""

    def __init__(self) -> None:
        self._undecided = 0

    def check(self, attempts: list[Attempt]) -> None:
        undecided = all(attempt.failed or attempt.unknown for attempt in attempts)
        self._undecided += undecided
        if not undecided or self._undecided > _MOST_UNDECIDED:
            check_one_winner(attempts)


def swaps_that_arrive_together(trial: Trial, owner: str, races: _Races) -> None:
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
            races.check(call_simultaneously(trial.watchdog, swaps))
            gathered += connection.proxy.gathered
            if number == _GIVE_UP_AFTER and not gathered:
                return
