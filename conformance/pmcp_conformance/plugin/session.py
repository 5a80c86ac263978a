"""One pytest session that runs the contract: alone, as xdist's controller, or as its worker.

The controller prepares the targets, disposes of them and gives the verdict; the workers run the
rules; a session alone does both. The object below only connects pytest's hooks to the modules that
know how each of these is done.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from pmcp_conformance.engine.ledger import read_ledger, sweep
from pmcp_conformance.engine.target_run import TargetRun
from pmcp_conformance.plugin import workers
from pmcp_conformance.plugin.aggregation import note_interruption, take_in
from pmcp_conformance.plugin.discovery import find_targets, no_target
from pmcp_conformance.plugin.exit_codes import exit_code, is_interrupt
from pmcp_conformance.plugin.interrupts import InterruptGuard
from pmcp_conformance.plugin.preparation import PreparedTargets
from pmcp_conformance.plugin.rule_items import RuleItem, items_of
from pmcp_conformance.plugin.selection import Selection, split_arguments
from pmcp_conformance.plugin.terminal import print_section
from pmcp_conformance.report.known_failures import KnownFailures, KnownFailuresError
from pmcp_conformance.report.text import closing_lines, summary_lines
from pmcp_conformance.report.verdicts import RunReport, TargetReport, Verdict


class ContractSession:
    """The plugin object of a session; does nothing where the contract is not to run."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._targets = PreparedTargets([])
        self._runs: dict[str, TargetRun] = {}
        self._report = RunReport({})
        self._selection = Selection(runs_contract=False, node_ids=frozenset())
        self._ledger: Path | None = None
        self._lost_worker = False
        self._interrupted = False
        self._interrupts = InterruptGuard()

    # The start: which targets there are, what is to run, and the storage behind them.

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        config = self._config
        self._targets = PreparedTargets(find_targets(config))
        names = self._targets.by_name
        self._selection = split_arguments(config, names)
        if self._selection.runs_contract and not names:
            raise no_target(config)
        self._report = RunReport({name: TargetReport(name) for name in names}, _known(config))
        if workers.is_worker(config):
            self._ledger = workers.receive_targets(config, self._targets)
        elif not config.option.collectonly:
            self._targets.prepare()
            self._ledger = _new_ledger() if workers.is_controller(config) else None
        self._runs = self._targets.runs(self._ledger, config.getoption("pmcp_seed"))
        if self._selection.runs_contract:
            self._interrupts.install()

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        workers.send_targets(node, self._targets, self._ledger)

    # The rules among the session's items, and what becomes of them.

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(
        self, session: pytest.Session, items: list[pytest.Item]
    ) -> None:
        if self._selection.runs_contract:
            for name, run in self._runs.items():
                rules = items_of(session, run, self._report.known)
                items += [item for item in rules if self._selection.includes(name, item.nodeid)]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "pmcp_target_run" in metafunc.fixturenames:
            if not self._runs:
                raise no_target(self._config)
            metafunc.parametrize("pmcp_target_run", self._runs.values(), ids=self._runs)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if isinstance(item, RuleItem) and item.result and report.when == "call":
            workers.attach_result(report, item.result)
        return report

    def pytest_runtest_logfinish(self) -> None:
        self._interrupts.raise_again()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        take_in(report, self._report)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        leftovers = workers.received_leftovers(node)
        self._lost_worker |= leftovers is None
        self._interrupted |= workers.was_interrupted(node)
        self._report.add_leftovers(leftovers or [])

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        self._interrupted |= is_interrupt(excinfo.value)

    def pytest_internalerror(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        self._interrupted |= is_interrupt(excinfo.value)

    # The end: nothing stays behind, and the verdict.

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None]:
        self._interrupts.remove()
        yield
        leftovers = [leftover for run in self._runs.values() for leftover in run.finish()]
        if workers.is_worker(self._config):
            workers.send_leftovers(self._config, leftovers)
            return
        self._report.add_leftovers(leftovers)
        self._clean_up()
        if self._gives_verdict:
            self._conclude(session)

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self) -> None:
        if self._gives_verdict:
            print_section(self._config, self._report.verdict, closing_lines(self._report))

    def _clean_up(self) -> None:
        if self._lost_worker and self._ledger:
            for name, owners in read_ledger(self._ledger).items():
                if self._targets.by_name[name].interprocess:
                    sweep(self._targets.by_name[name], owners)
        for target, problem in self._targets.dispose():
            self._report.targets[target.name].problems.append(problem)
        if self._ledger:
            self._ledger.unlink(missing_ok=True)

    def _conclude(self, session: pytest.Session) -> None:
        if session.exitstatus in (pytest.ExitCode.INTERRUPTED, pytest.ExitCode.INTERNAL_ERROR):
            note_interruption(self._report)
        session.exitstatus = (
            pytest.ExitCode.INTERRUPTED
            if self._interrupted
            else exit_code(self._report, session.exitstatus)
        )
        verdict = self._report.verdict
        # A known failure ends in 0, and is to be seen nevertheless.
        is_fine = verdict in (Verdict.CONFORMANT, Verdict.PARTIAL)
        if session.exitstatus != pytest.ExitCode.OK or not is_fine:
            print_section(self._config, verdict, summary_lines(self._report))

    @property
    def _gives_verdict(self) -> bool:
        config = self._config
        reports = not config.option.collectonly and not workers.is_worker(config)
        return self._selection.runs_contract and reports


def _known(config: pytest.Config) -> KnownFailures:
    path = config.getoption("pmcp_known_failures")
    try:
        return KnownFailures.read(path) if path else KnownFailures()
    except KnownFailuresError as error:
        raise pytest.UsageError(str(error)) from error


def _new_ledger() -> Path:
    """A file in which workers note owners, so that the controller can clean up after a crash."""
    descriptor, name = tempfile.mkstemp(prefix="pmcp-owners-")
    os.close(descriptor)
    return Path(name)
