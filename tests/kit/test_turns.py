"""Rules of several workers run beside each other, or one of them alone."""

from __future__ import annotations

from pathlib import Path
from threading import Event, Thread

import pytest

from pmcp_conformance.engine.turns import Turns


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return tmp_path / "ledger"


def test_turns_of_two_workers_overlap(ledger: Path) -> None:
    with Turns(ledger).together(), Turns(ledger).together():
        pass


def test_whoever_is_alone_waits_for_the_others_and_comes_before_the_next(ledger: Path) -> None:
    order, alone_waits = list[str](), Event()

    def alone() -> None:
        alone_waits.set()
        with Turns(ledger).alone():
            order.append("alone")

    def next_one() -> None:
        with Turns(ledger).together():
            order.append("next")

    threads = [Thread(target=alone), Thread(target=next_one)]
    with Turns(ledger).together():
        threads[0].start()
        alone_waits.wait()
        order.append("first")
    threads[1].start()
    for thread in threads:
        thread.join()
    assert order[0] == "first"
    assert sorted(order[1:]) == ["alone", "next"]


def test_a_worker_learns_that_another_was_alone(ledger: Path) -> None:
    turns = Turns(ledger)
    told = []
    for _ in range(2):
        with turns.together() as anew:
            told.append(anew)
        with Turns(ledger).alone():
            pass
    with turns.together() as anew:
        told.append(anew)
    with turns.together() as anew:
        told.append(anew)
    assert told == [False, True, True, False]


def test_nothing_stays_behind(ledger: Path) -> None:
    with Turns(ledger).together():
        pass
    Turns(ledger).remove()
    assert list(ledger.parent.iterdir()) == []
