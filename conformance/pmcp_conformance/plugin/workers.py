"""What travels between xdist's controller and its workers.

On the way out, what `prepare` left in the targets; on the way back, results on the report of each
rule, and at the end all of them, for plugins may have kept a report back, and what a worker has
left behind.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from pmcp_conformance.engine.ledger import Ledger
from pmcp_conformance.plugin.preparation import PreparedTargets
from pmcp_conformance.report.results import Leftover, Result

_KEY = "pmcp"
_RULE = "pmcp_rule"
_RESULTS = "pmcp_results"


def is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def is_controller(config: pytest.Config) -> bool:
    return config.pluginmanager.hasplugin("dsession")


def send_targets(node: Any, targets: PreparedTargets, ledger: Ledger | None) -> None:
    """Hand the prepared targets, and the ledger in which to note owners, to a new worker."""
    node.workerinput[_KEY] = {
        "states": targets.pickled(),
        "unavailable": targets.unavailable,
        "ledger": str(ledger.path) if ledger else "",
    }


def receive_targets(config: pytest.Config, targets: PreparedTargets) -> Ledger | None:
    """Take in what the controller has sent; return the ledger in which to note owners."""
    received = config.workerinput[_KEY]  # type: ignore[attr-defined]
    targets.take_over(received["states"], received["unavailable"])
    if not received["ledger"]:
        return None
    ledger = Ledger(Path(received["ledger"]))
    ledger.hold()
    return ledger


def attach_results(report: pytest.TestReport, rule: str, results: Iterable[Result]) -> None:
    """Let the results of a rule, `mine::CAS-2`, travel on its report."""
    vars(report)[_RULE] = rule
    vars(report)[_RESULTS] = [result.as_dict() for result in results]


def attached_rule(report: pytest.TestReport) -> str:
    """The rule that a report is about; its node id, of a report that was made elsewhere."""
    return str(getattr(report, _RULE, report.nodeid))


def attached_results(report: pytest.TestReport) -> list[Result]:
    """The results that travel on a report."""
    return [Result.from_dict(data) for data in getattr(report, _RESULTS, [])]


def send_results(config: pytest.Config, results: Iterable[Result]) -> None:
    """Tell the controller all that became of rules in this worker."""
    sent = [result.as_dict() for result in results]
    config.workeroutput[_RESULTS] = sent  # type: ignore[attr-defined]


def received_results(node: Any) -> list[Result]:
    """All that became of rules in a worker that has ended; nothing if it crashed."""
    output = getattr(node, "workeroutput", None) or {}
    return [Result.from_dict(data) for data in output.get(_RESULTS, [])]


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
