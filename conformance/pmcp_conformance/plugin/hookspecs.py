"""The hook by which a project hands its backends to the kit."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from pmcp_conformance.target import BackendTarget


@pytest.hookspec
def pytest_pmcp_backends(config: pytest.Config) -> Iterable[BackendTarget]:
    """Return the targets that `pytest -p pmcp_conformance` validates.

    Implement it in a conftest.py, marked `@pytest.hookimpl(optionalhook=True)`: then a plain
    `pytest`, without the plugin, does not stumble over a hook that it does not know.
    """
    raise NotImplementedError
