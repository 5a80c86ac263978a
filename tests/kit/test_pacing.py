"""How the kit's time limits follow the load of the machine."""

from __future__ import annotations

import os

import pytest

from pmcp_conformance.engine.pacing import load_factor


@pytest.mark.parametrize(
    ("load", "times"), [(0.0, 1.0), (4.0, 1.0), (12.0, 3.0), (1000.0, 5.0)], ids=str
)
def test_limits_stretch_with_the_load_of_each_processor(
    monkeypatch: pytest.MonkeyPatch, load: float, times: float
) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 0.0, 0.0))
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    assert load_factor() == times


def test_limits_stay_as_they_are_where_the_system_reports_no_load(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(os, "getloadavg")
    assert load_factor() == 1.0
