"""The contract as pytest sees it: a collector per target, an item per rule, `mine::CAS-2`.

Neither fixtures nor markers nor naming conventions of the user's project reach into these items.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pmcp_conformance.catalogue import Rule, catalogue
from pmcp_conformance.engine.runner import run_rule
from pmcp_conformance.engine.target_run import TargetRun
from pmcp_conformance.report.known_failures import KnownFailures
from pmcp_conformance.report.results import FAILURES, Outcome, Result
from pmcp_conformance.report.text import failure_text


def items_of(session: pytest.Session, run: TargetRun, known: KnownFailures) -> list[pytest.Item]:
    """The rules of this target as items of the session."""
    name = run.target.name
    collector: TargetCollector = TargetCollector.from_parent(
        session, name=name, nodeid=name, run=run, known=known
    )
    return list(collector.collect())


class TargetCollector(pytest.Collector):
    """The rules of one target."""

    def __init__(self, *, run: TargetRun, known: KnownFailures, **node: Any) -> None:
        super().__init__(**node)
        self.run = run
        self.known = known

    def collect(self) -> Iterator[pytest.Item]:
        for rule in catalogue().values():
            for part, name in enumerate(rule.item_names):
                item: RuleItem = RuleItem.from_parent(
                    self,
                    name=name,
                    nodeid=f"{self.name}::{name}",
                    collector=self,
                    rule=rule,
                    part=part,
                )
                yield item

    def judge(self, rule: Rule, part: int) -> Result:
        """What becomes of a part of a rule on the target."""
        return self.known.marked(run_rule(rule, self.run, part))

    @property
    def command(self) -> str:
        """The command that runs a rule of this target again, but for the rule."""
        named = self.config.getoption("pmcp_backends")
        options = [f"--pmcp-backend {shlex.quote(backend)}" for backend in named]
        if self.run.seed:
            options.append(f"--pmcp-seed {self.run.seed}")
        return " ".join(["pytest -p pmcp_conformance", *options])


class RuleItem(pytest.Item):
    """One rule on one target, or a part of it."""

    def __init__(self, *, collector: TargetCollector, rule: Rule, part: int, **node: Any) -> None:
        super().__init__(**node)
        self.result: Result | None = None
        self._collector = collector
        self._rule = rule
        self._part = part

    def runtest(self) -> None:
        result = self.result = self._collector.judge(self._rule, self._part)
        if result.known:
            pytest.xfail(f"{result.known}: {result.reason}")
        if result.outcome in FAILURES:
            raise RuleFailure(result)
        if result.outcome is not Outcome.PASSED:
            pytest.skip(f"{result.outcome}: {result.reason}")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, RuleFailure):
            command = f"{self._collector.command} {self.nodeid}"
            return failure_text(excinfo.value.result, command)
        return super().repr_failure(excinfo)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, f"{self.nodeid} {self._rule.sentence}"


class RuleFailure(Exception):  # noqa: N818 - how an item hands a result to pytest
    """The rule of an item failed, or was blocked."""

    def __init__(self, result: Result) -> None:
        super().__init__(result)
        self.result = result
