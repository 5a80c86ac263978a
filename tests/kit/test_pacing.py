"""How the kit's time limits follow the load of the machine."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from pmcp_conformance.engine import patience
from pmcp_conformance.engine.pacing import numbers
from pmcp_conformance.engine.patience import Limit, load_factor
from pmcp_conformance.engine.violation import Inconclusive
from pmcp_conformance.targets.memory import MemoryTarget
from support.trials import trial_against


def set_load(monkeypatch: pytest.MonkeyPatch, folder: Path, running: int) -> None:
    """Let the system report that so many threads are running, or want to."""
    report = folder / "loadavg"
    report.write_text(f"0.00 0.00 0.00 {running}/321 4711\n")
    monkeypatch.setattr(patience, "_LOAD", report)
    monkeypatch.setattr(patience, "_last_look", (float("-inf"), 0.0))
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1, 2, 3})


def after(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Let this many seconds pass."""
    now = time.monotonic() + seconds
    monkeypatch.setattr(time, "monotonic", lambda: now)


@pytest.mark.parametrize(("running", "times"), [(0, 1.0), (4, 1.0), (12, 3.0), (1000, 250.0)])
def test_the_load_is_what_each_processor_has_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, running: int, times: float
) -> None:
    set_load(monkeypatch, tmp_path, running)
    assert load_factor() == times


def test_there_is_no_load_where_the_system_reports_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(patience, "_LOAD", tmp_path / "nothing")
    monkeypatch.setattr(patience, "_last_look", (float("-inf"), 0.0))
    monkeypatch.delattr(os, "getloadavg")
    assert load_factor() == 1.0


@pytest.mark.parametrize(("running", "seconds"), [(4, 10), (12, 30)])
def test_a_limit_lasts_longer_on_a_busy_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, running: int, seconds: float
) -> None:
    set_load(monkeypatch, tmp_path, running)
    limit = Limit(10)
    after(monkeypatch, seconds - 1)
    assert not limit.is_certainly_over()
    after(monkeypatch, 2)
    assert limit.is_certainly_over()


def test_something_is_tried_however_little_time_there_is() -> None:
    with trial_against(MemoryTarget()) as trial:
        assert len([*numbers(trial, 100, until=Limit(0))]) == 12
        assert len([*numbers(trial, 9, until=Limit(0))]) == 9


def test_nothing_is_judged_by_a_limit_where_the_machine_has_no_time(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    set_load(monkeypatch, tmp_path, 400)
    limit = Limit(10)
    after(monkeypatch, 99)
    assert not limit.is_certainly_over()
    after(monkeypatch, 2)
    with pytest.raises(Inconclusive, match="so much else to do"):
        limit.is_certainly_over()
