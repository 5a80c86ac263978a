"""The official conformance suite on our server, on three storages; and on broken ones.

The suite is a package of npm. Install it, with the Node that it needs, and name the folder:

    npm install --prefix /tmp/suite node@22 @modelcontextprotocol/conformance@0.2.0-alpha.12
    PMCP_MCP_SUITE=/tmp/suite pytest tests/mcp_tasks/test_mcp_official.py
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("mcp")


from support import mcp_official
from support.servers import Server

CHECKS = {
    "tasks-lifecycle": 9,
    "tasks-capability-negotiation": 5,
    "tasks-wire-fields": 4,
    "tasks-request-state-removal": 3,
    "tasks-mrtr-input": 4,
    "tasks-request-headers": 5,
    "tasks-dispatch-and-envelope": 9,
    "tasks-required-task-error": 3,
    "tasks-mrtr-composition": 2,
}
"""The checks of each scenario; the suite skips tasks-status-notifications itself."""

SUITE = Path(os.environ.get("PMCP_MCP_SUITE", ""), "node_modules")

pytestmark = pytest.mark.skipif(
    "PMCP_MCP_SUITE" not in os.environ, reason="the suite is not there: see this file's first lines"
)

Serve = Callable[..., Server]


def passed(server: Server, scenario: str) -> str:
    """How many of the checks have passed, as "9/9"."""
    suite = SUITE / "@modelcontextprotocol/conformance/dist/index.js"
    options = ["--url", f"http://127.0.0.1:{server.port}/mcp", "--scenario", scenario]
    command: list[str | Path] = [SUITE / "node/bin/node", suite, "server", *options]
    command += ["--timeout", "120000"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    found = re.search(r"Passed: (\d+/\d+)", run.stdout)
    assert found, run.stdout + run.stderr
    return found[1]


def serving(storage: str, *faults: str, program: str = mcp_official.__file__) -> Server:
    command = ["env", f"PMCP_STORAGE={storage}", f"PYTHONPATH={os.pathsep.join(sys.path)}"]
    return Server(lambda port: [*command, sys.executable, program, str(port), *faults])


@pytest.mark.parametrize("storage", ["sqlite", "redis", "dynamodb"], indirect=True)
def test_every_check_passes(storage: str) -> None:
    with serving(storage) as server:
        found = {scenario: passed(server, scenario) for scenario in CHECKS}
    assert found == {scenario: f"{checks}/{checks}" for scenario, checks in CHECKS.items()}


def test_fastmcp_passes_all_but_questions_before_the_task(storage: str) -> None:
    pytest.importorskip("fastmcp")
    # What a tool asks by its dependencies, before it is called: FastMCP has no such thing.
    expected = {it: checks for it, checks in CHECKS.items() if it != "tasks-mrtr-composition"}
    program = str(Path(mcp_official.__file__).with_name("mcp_fastmcp.py"))
    with serving(storage, program=program) as server:
        found = {scenario: passed(server, scenario) for scenario in expected}
    assert found == {scenario: f"{checks}/{checks}" for scenario, checks in expected.items()}


@pytest.mark.parametrize(
    ("fault", "scenario"),
    [
        ("errors-fail", "tasks-lifecycle"),
        ("too-early", "tasks-lifecycle"),
        ("forgetful", "tasks-mrtr-input"),
    ],
)
def test_the_suite_finds_a_broken_server(storage: str, fault: str, scenario: str) -> None:
    with serving(storage, fault) as server:
        assert passed(server, scenario) != f"{CHECKS[scenario]}/{CHECKS[scenario]}"
