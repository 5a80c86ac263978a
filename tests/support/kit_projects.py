"""Small projects with a backend, in which the tests of the plugin run the kit."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

HOOK = """
import pytest
from pmcp_conformance import BackendTarget
from pmcp_storage import InMemoryBackend, MemoryStorage

class Mine(BackendTarget):
    name = "mine"
    interprocess = durable = False
    storage = MemoryStorage()
    def open(self):
        return {backend}(self.storage)
    def __getstate__(self):
        return {{}}

@pytest.hookimpl(optionalhook=True)
def pytest_pmcp_backends():
    return [Mine()]
"""


BROKEN = """
class Broken(InMemoryBackend):
    def _put_if_version(self, record, expected_version):
        return self._put(record)
"""


CRASHING = """
class Crashing(InMemoryBackend):
    def _get(self, owner_id, task_id):
        import os
        os._exit(9)
"""

PYTEST = str(Path(sys.executable).with_name("pytest"))
"""The command of this environment, which need not be the one on the path."""


FEW = ("GET-1", "CAS-1", "CAS-2", "DEL-1")


def project(pytester: pytest.Pytester, backend: str = "InMemoryBackend", extra: str = "") -> None:
    pytester.makeconftest(HOOK.format(backend=backend) + extra)


def run_kit(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return pytester.runpytest_subprocess("-p", "pmcp_conformance", *arguments)


def ids(*rules: str, target: str = "mine") -> list[str]:
    return [f"{target}::{rule}" for rule in rules]


def last_verdict(result: pytest.RunResult, target: str = "mine") -> str:
    return [line for line in result.outlines if line.startswith(f"{target} ")][-1]
