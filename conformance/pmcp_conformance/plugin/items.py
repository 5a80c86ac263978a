"""The contract as pytest sees it: a collector per target, an item per rule, `mine::CAS-2`.

Neither fixtures nor markers nor naming conventions of the user's project reach into these items.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pmcp_conformance.catalogue import Rule, catalogue
from pmcp_conformance.engine.runner import run_rule
from pmcp_conformance.engine.target_run import TargetRun
from pmcp_conformance.report.known_failures import KnownFailures
from pmcp_conformance.report.results import Outcome, Result
from pmcp_conformance.report.text import failure_text


class RuleBroken(Exception):  # noqa: N818 - how an item tells pytest of a result
    """The rule of an item failed, or was blocked."""

    def __init__(self, result: Result) -> None:
        super().__init__(result)
        self.result = result


class TargetCollector(pytest.Collector):
    """The rules of one target."""

    run: TargetRun
    unavailable: str | None
    command: str
    known: KnownFailures

    def collect(self) -> Iterator[pytest.Item]:
        for rule in catalogue().values():
            for part, name in enumerate(rule.item_names):
                nodeid = f"{self.name}::{name}"
                item: RuleItem = RuleItem.from_parent(self, name=name, nodeid=nodeid)
                item.rule, item.part = rule, part
                yield item


class RuleItem(pytest.Item):
    """One rule on one target."""

    rule: Rule
    part: int
    result: Result | None = None

    def runtest(self) -> None:
        parent = self.parent
        assert isinstance(parent, TargetCollector)
        if parent.unavailable:
            self.result = Result(
                parent.name, self.rule.id, Outcome.NOT_RUN, self.part, parent.unavailable
            )
        else:
            self.result = self._expected(run_rule(self.rule, parent.run, self.part), parent)
        outcome = self.result.outcome
        if self.result.known:
            pytest.xfail(f"{self.result.known}: {self.result.reason}")
        if outcome in (Outcome.FAILED, Outcome.BLOCKED):
            raise RuleBroken(self.result)
        if outcome is Outcome.NOT_RUN:
            parent.unavailable = self.result.reason
        if outcome is not Outcome.PASSED:
            pytest.skip(f"{outcome}: {self.result.reason}")

    def _expected(self, result: Result, parent: TargetCollector) -> Result:
        """The result, with the reason why its failure is known, if it is one."""
        if result.outcome not in (Outcome.FAILED, Outcome.BLOCKED):
            return result
        # What a known failure blocks is known, too.
        rules = [result.rule, result.reason.removeprefix("blocked by ")]
        reasons = (parent.known.reason(parent.name, rule_id) for rule_id in rules)
        return replace(result, known=next((reason for reason in reasons if reason), ""))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, RuleBroken):
            parent = self.parent
            assert isinstance(parent, TargetCollector)
            command = f"{parent.command} {self.nodeid}"
            return failure_text(excinfo.value.result, self.rule.sentence, command)
        return super().repr_failure(excinfo)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, f"{self.nodeid} {self.rule.sentence}"


def items_of(
    session: pytest.Session, run: TargetRun, unavailable: str | None, known: KnownFailures
) -> list[pytest.Item]:
    """The rules of this target as items of the session."""
    name = run.target.name
    collector: TargetCollector = TargetCollector.from_parent(session, name=name, nodeid=name)
    collector.run = run
    collector.unavailable = unavailable
    collector.known = known
    named = session.config.getoption("pmcp_backends")
    options = "".join(f" --pmcp-backend {shlex.quote(backend)}" for backend in named)
    seed = f" --pmcp-seed {run.seed}" if run.seed else ""
    collector.command = f"pytest -p pmcp_conformance{options}{seed}"
    return list(collector.collect())


def result_of(report: pytest.TestReport) -> Result | None:
    """The result that travels on a report, also from another process."""
    data = getattr(report, "pmcp_result", None)
    return None if data is None else Result.from_dict(data)


def attach_result(item: pytest.Item, report: pytest.TestReport) -> None:
    """Let the item's result travel on the report of its call."""
    if isinstance(item, RuleItem) and report.when == "call" and item.result is not None:
        vars(report)["pmcp_result"] = item.result.as_dict()
