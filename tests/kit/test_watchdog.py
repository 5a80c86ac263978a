"""The watchdog: what it reports of an operation that hangs, and how it ends the rule's threads."""

from __future__ import annotations

import threading

import pytest

from pmcp_conformance.engine.watchdog import Hang, Watchdog, start_thread


def test_an_operation_that_hangs_is_reported_with_its_place() -> None:
    watchdog = Watchdog(answer_within=-0.4)
    never = threading.Event()
    with pytest.raises(Hang) as caught:
        watchdog.run(lambda: watchdog.call("get", never.wait))
    never.set()
    assert caught.value.expected == "an answer from get within 0.2 s"
    assert "get is at " in str(caught.value.operations)


def test_an_iterator_that_hangs_is_reported_with_its_place() -> None:
    watchdog = Watchdog(answer_within=-0.4)
    never = threading.Event()
    entries = watchdog.iterate("iter_by_owner", (never.wait() for _ in range(1)))
    with pytest.raises(Hang) as caught:
        watchdog.run(lambda: next(entries))
    never.set()
    assert caught.value.expected == "an answer from iter_by_owner within 0.2 s"


def test_a_thread_of_an_abandoned_rule_ends_silently_at_its_next_operation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    watchdog = Watchdog(answer_within=1)
    errors: list[object] = []
    reached: list[str] = []
    monkeypatch.setattr(threading, "excepthook", errors.append)
    watchdog.abandoned = True
    start_thread(lambda: watchdog.call("get", reached.append, "the storage")).join()
    assert (errors, reached) == ([], [])
