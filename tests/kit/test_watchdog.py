"""What becomes of the threads of a rule whose operation hangs."""

from __future__ import annotations

import threading

import pytest

from pmcp_conformance.engine.watchdog import Hang, Watchdog, start_thread


def test_an_operation_that_hangs_is_told_with_its_place() -> None:
    watch, never = Watchdog(answer_within=-0.4), threading.Event()
    with pytest.raises(Hang) as caught:
        watch.run(lambda: watch.call("get", never.wait))
    never.set()
    assert caught.value.expected == "an answer from get within 0.2 s"
    assert "get is at " in str(caught.value.operations)


def test_a_thread_of_an_abandoned_rule_ends_at_its_next_operation_without_a_word(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    watch, told, reached = Watchdog(answer_within=1), list[object](), list[str]()
    monkeypatch.setattr(threading, "excepthook", told.append)
    watch.abandoned = True
    start_thread(lambda: watch.call("get", reached.append, "the storage")).join()
    assert (told, reached) == ([], [])
