"""The contract as pytest sees it: a collector per target, an item per rule, `mine::CAS-2`.

Neither fixtures nor markers nor naming conventions of the user's project reach into these items.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from _pytest._code.code import ReprExceptionInfo, ReprFileLocation, ReprTracebackNative

from pmcp_conformance.catalogue import Rule
from pmcp_conformance.engine.runner import run_rule
from pmcp_conformance.engine.target_run import TargetRun
from pmcp_conformance.plugin.selection import Selection
from pmcp_conformance.report.results import FAILURES, Outcome, Result
from pmcp_conformance.report.text import failure_text
from pmcp_conformance.report.verdicts import RunReport


def collected(
    session: pytest.Session, run: TargetRun, report: RunReport, selection: Selection
) -> list[pytest.Item]:
    """The selected rules of this target as items of the session, reported to it as collected.

    What becomes of them is added to the report as soon as they have run.
    """
    name = run.target.name
    collector: TargetCollector = TargetCollector.from_parent(
        session, name=name, nodeid=name, run=run, report=report, selection=selection
    )
    collection = collector.ihook.pytest_make_collect_report(collector=collector)
    collector.ihook.pytest_collectreport(report=collection)
    return list(collection.result)


class TargetCollector(pytest.Collector):
    """The rules of one target that are selected."""

    def __init__(
        self, *, run: TargetRun, report: RunReport, selection: Selection, **node: Any
    ) -> None:
        super().__init__(**node)
        self.run = run
        self._report = report
        self._selection = selection

    def collect(self) -> Iterator[pytest.Item]:
        for rule in self._selection.contract.rules.values():
            for part, name in enumerate(rule.item_names):
                if self._selection.includes(self.name, f"{self.name}::{name}"):
                    yield self._item(rule, part, name)

    def _item(self, rule: Rule, part: int, name: str) -> pytest.Item:
        item: RuleItem = RuleItem.from_parent(
            self,
            name=name,
            nodeid=f"{self.name}::{name}",
            collector=self,
            rule=rule,
            part=part,
        )
        return item

    def judge(self, rule: Rule, part: int) -> Result:
        """What becomes of a part of a rule on the target; it is noted, whatever pytest makes of it.

        Plugins run items again, and report the last time only.
        """
        result = self._report.known.marked(run_rule(rule, self.run, part))
        self._report.add(result)
        return result

    @property
    def command(self) -> str:
        """The command that runs a rule of this target again, but for the rule."""
        named = self.config.getoption("pmcp_backends")
        options = [f"--pmcp-backend {shlex.quote(backend)}" for backend in named]
        drivers = self.config.getoption("pmcp_drivers")
        options += [f"--pmcp-driver {shlex.quote(driver)}" for driver in drivers]
        if self.run.seed:
            options.append(f"--pmcp-seed {self.run.seed}")
        return " ".join(["pytest -p pmcp_conformance", *options])

    @property
    def json_report(self) -> str:
        """The JSON file that the run writes, for a command line; empty if it writes none."""
        names = self.config.getoption("pmcp_reports")
        return next((shlex.quote(name) for name in names if name.endswith(".json")), "")


class RuleItem(pytest.Item):
    """One rule on one target, or a part of it."""

    def __init__(self, *, collector: TargetCollector, rule: Rule, part: int, **node: Any) -> None:
        super().__init__(**node)
        self.own_id = f"{collector.name}::{self.name}"
        """The item's own node id, to which plugins may add."""
        self.results: list[Result] = []
        """What became of it, each time that it was run."""
        self._collector = collector
        self._rule = rule
        self._part = part

    def runtest(self) -> None:
        result = self._collector.judge(self._rule, self._part)
        self.results.append(result)
        if result.known:
            pytest.xfail(f"{result.known}: {result.reason}")
        if result.outcome in FAILURES:
            raise RuleFailure(result)
        if result.outcome is not Outcome.PASSED:
            pytest.skip(f"{result.outcome}: {result.reason}")

    def _initrequest(self) -> None:
        """Nothing: pytest-retry calls this on whatever it runs again, to have new fixtures."""

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, RuleFailure):
            command = f"{self._collector.command} {self.own_id}"
            text = failure_text(excinfo.value.result, command, self._collector.json_report)
            return _with_one_line(text, ReprFileLocation(self.own_id, 0, self._rule.sentence))
        return super().repr_failure(excinfo)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, f"{self.own_id} {self._rule.sentence}"


class RuleFailure(Exception):  # noqa: N818 - how an item hands a result to pytest
    """The rule of an item failed, or was blocked."""

    def __init__(self, result: Result) -> None:
        super().__init__(result)
        self.result = result


def _with_one_line(text: str, place: ReprFileLocation) -> ReprExceptionInfo:
    """A failure as xdist can send it; the place has the one line that stands for the text.

    Of a plain text pytest's summary on CI, and a JUnit file's attribute, would repeat all.
    """
    return ReprExceptionInfo(reprtraceback=ReprTracebackNative([f"{text}\n"]), reprcrash=place)
