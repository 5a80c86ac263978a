"""Registers the adapters with the conformance kit."""

from __future__ import annotations

import pytest

from adapters.targets import ADAPTERS
from pmcp_conformance import BackendTarget


@pytest.hookimpl(optionalhook=True)
def pytest_pmcp_backends() -> list[BackendTarget]:
    return [target() for target in ADAPTERS]
