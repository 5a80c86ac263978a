"""Registers the embedded targets, which need no server, with the conformance kit."""

from __future__ import annotations

import pytest

from pmcp_conformance import BackendTarget
from pmcp_conformance.targets import MemoryTarget, SqliteTarget


@pytest.hookimpl(optionalhook=True)
def pytest_pmcp_backends() -> list[BackendTarget]:
    return [MemoryTarget(), SqliteTarget()]
