"""What travels between xdist's controller and its workers.

On the way out, what `prepare` left in the targets; on the way back, a result on the report of each
rule, and at the end what a worker has left behind.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from pmcp_conformance.plugin.preparation import PreparedTargets
from pmcp_conformance.report.results import Leftover, Result

_KEY = "pmcp"
_RESULT = "pmcp_result"


def is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def is_controller(config: pytest.Config) -> bool:
    return config.pluginmanager.hasplugin("dsession")


def send_targets(node: Any, targets: PreparedTargets, ledger: Path | None) -> None:
    """Hand the prepared targets, and the file in which to note owners, to a new worker."""
    node.workerinput[_KEY] = {
        "states": targets.pickled(),
        "unavailable": targets.unavailable,
        "ledger": str(ledger),
    }


def receive_targets(config: pytest.Config, targets: PreparedTargets) -> Path:
    """Take in what the controller has sent; return the file in which to note owners."""
    received = config.workerinput[_KEY]  # type: ignore[attr-defined]
    targets.take_over(received["states"], received["unavailable"])
    return Path(received["ledger"])


def attach_result(report: pytest.TestReport, result: Result) -> None:
    """Let a result travel on the report of its rule."""
    vars(report)[_RESULT] = result.as_dict()


def attached_result(report: pytest.TestReport) -> Result | None:
    """The result that travels on a report, if there is one."""
    data = getattr(report, _RESULT, None)
    return None if data is None else Result.from_dict(data)


def send_leftovers(config: pytest.Config, leftovers: Iterable[Leftover]) -> None:
    """Tell the controller what this worker has left behind."""
    sent = [asdict(leftover) for leftover in leftovers]
    config.workeroutput[_KEY] = sent  # type: ignore[attr-defined]


def received_leftovers(node: Any) -> list[Leftover] | None:
    """What a worker that has ended left behind; None if it crashed and cannot say."""
    output = getattr(node, "workeroutput", None)
    return None if output is None else [Leftover(**data) for data in output.get(_KEY, [])]


def was_interrupted(node: Any) -> bool:
    """Whether a worker that has ended was interrupted itself."""
    output = getattr(node, "workeroutput", None) or {}
    return bool(output.get("exitstatus") == pytest.ExitCode.INTERRUPTED)
