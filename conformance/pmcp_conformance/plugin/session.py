"""One pytest session that runs the contract: alone, as xdist's controller, or as its worker.

The controller prepares the targets, disposes of them and gives the verdict; the workers run the
rules; a session alone does both. The object below only connects pytest's hooks to the modules that
know how each of these is done.
"""

from __future__ import annotations

import signal
from collections.abc import Generator
from typing import Any

import pytest

from pmcp_conformance.catalogue import Contract
from pmcp_conformance.engine.ledger import Ledger
from pmcp_conformance.engine.target_run import TargetRun
from pmcp_conformance.engine.turns import Turns
from pmcp_conformance.plugin import workers
from pmcp_conformance.plugin.aggregation import note_problem, note_stop, take_in
from pmcp_conformance.plugin.discovery import describe_drivers, find_targets, no_target
from pmcp_conformance.plugin.exit_codes import exit_code, is_interrupt
from pmcp_conformance.plugin.interrupts import InterruptGuard
from pmcp_conformance.plugin.preparation import PreparedTargets
from pmcp_conformance.plugin.progress import Progress
from pmcp_conformance.plugin.report_files import ReportFiles
from pmcp_conformance.plugin.rule_items import RuleItem, collected
from pmcp_conformance.plugin.selection import (
    Selection,
    split_arguments,
    stops_by_itself,
)
from pmcp_conformance.plugin.terminal import TerminalSummary, print_section
from pmcp_conformance.report.known_failures import KnownFailures, KnownFailuresError
from pmcp_conformance.report.model import Report
from pmcp_conformance.report.summary import Line, summary_lines
from pmcp_conformance.report.verdicts import RunReport, Verdict

_GONE_WITHIN = 20.0
"""Seconds until the processes of workers that have been ended are gone."""


class ContractSession:
    """The plugin object of a session; does nothing where the contract is not to run."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._targets = PreparedTargets([])
        self._runs: dict[str, TargetRun] = {}
        nothing = Contract("", {})
        self._report = RunReport({}, contract=nothing)
        self._selection = Selection(runs_contract=False, contract=nothing, node_ids=frozenset())
        self._files: ReportFiles | None = None
        self._ledger: Ledger | None = None
        self._at_large = set[str]()
        """The workers that have not said that they have cleaned up after themselves."""
        self._selected = set[str]()
        """The items that were collected, here or by workers."""
        self._interrupted = False
        self._stopped_by = ""
        self._interrupts = InterruptGuard()

    # The start: which targets there are, what is to run, and the storage behind them.

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        config = self._config
        self._targets = PreparedTargets(find_targets(config))
        names = self._targets.by_name
        self._selection = split_arguments(config, names)
        if self._selection.runs_contract and not names:
            raise no_target(config)
        self._report = RunReport.of(names, _known(config), self._selection.contract)
        if workers.is_worker(config):
            # A worker that is terminated ends at once: its controller cleans up.
            self._interrupts.install(but=[signal.SIGTERM, signal.SIGHUP])
            self._ledger = workers.receive_targets(config, self._targets)
        elif names and not config.option.collectonly:
            describe_drivers(names.values())
            if self._gives_verdict:
                self._files = ReportFiles(config, names.values())
                self._show_progress(session)
            self._interrupts.install()
            self._prepare()
        self._runs = self._targets.runs(self._ledger, config.getoption("pmcp_seed"))

    def _show_progress(self, session: pytest.Session) -> None:
        if self._config.getoption("verbose", 0) >= 0:
            self._config.pluginmanager.register(Progress(session), "pmcp-contract-progress")

    def _prepare(self) -> None:
        self._targets.prepare()
        if workers.is_controller(self._config):
            try:
                self._ledger = Ledger.make()
            except OSError as error:
                self._targets.refuse(f"no temporary file can be made: {error}: set TMPDIR")

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        self._at_large.add(node.gateway.id)
        workers.send_targets(node, self._targets, self._ledger)

    # The rules among the session's items, and what becomes of them.

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(
        self, session: pytest.Session, items: list[pytest.Item]
    ) -> None:
        if self._selection.runs_contract:
            for run in self._runs.values():
                items += collected(session, run, self._report, self._selection)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._selected |= {item.own_id for item in session.items if isinstance(item, RuleItem)}

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        self._selected |= set(ids)

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
        if isinstance(item, RuleItem):
            workers.attach_results(report, item.own_id, item.results)
        return report

    def pytest_runtest_logfinish(self) -> None:
        self._interrupts.raise_again()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        take_in(report, self._report)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        leftovers = workers.received_leftovers(node)
        if leftovers is None:
            note_problem(self._report, f"the worker {node.gateway.id} was lost: {error}")
            return
        self._at_large.discard(node.gateway.id)
        self._interrupted |= workers.was_interrupted(node)
        self._report.add_leftovers(leftovers)
        for result in workers.received_results(node):
            self._report.add(result)

    @pytest.hookimpl(tryfirst=True)
    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        self._interrupts.ignore_from_now()
        self._interrupted |= is_interrupt(excinfo.value)
        self._stopped_by = str(excinfo.value)

    def pytest_internalerror(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        self._interrupted |= is_interrupt(excinfo.value)

    # The end: nothing stays behind, and the verdict.

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None]:
        self._interrupts.ignore_from_now()
        yield
        leftovers = [leftover for run in self._runs.values() for leftover in run.finish()]
        if workers.is_worker(self._config):
            workers.send_leftovers(self._config, leftovers)
            workers.send_results(self._config, self._report.results)
            return
        self._report.add_leftovers(leftovers)
        self._clean_up()
        if self._gives_verdict:
            self._conclude(session)

    def pytest_unconfigure(self) -> None:
        """Clean up also where the session came to its end before it had begun."""
        self._clean_up()
        self._interrupts.remove()

    def _clean_up(self) -> None:
        if workers.is_worker(self._config):
            return
        ledger, self._ledger = self._ledger, None
        if ledger and self._at_large:
            # xdist has ended them, with SIGKILL where they did not end by themselves.
            if not ledger.wait_for_workers(_GONE_WITHIN):
                note_problem(self._report, "processes of the run go on, and may still write")
            self._report.add_leftovers(self._targets.sweep(ledger))
        for target, problem in self._targets.dispose():
            self._report.targets[target.name].problems.append(problem)
        if ledger:
            ledger.remove()
            Turns(ledger.path).remove()

    def _conclude(self, session: pytest.Session) -> None:
        if stopped := self._why_stopped(session):
            note_stop(self._report, stopped, self._selected)
        session.exitstatus = (
            pytest.ExitCode.INTERRUPTED
            if self._interrupted
            else exit_code(self._report, session.exitstatus)
        )
        if self._files:
            document = self._files.report(self._report)
            self._write_files(session, self._files, document)
            self._print_findings(session, document)

    def _why_stopped(self, session: pytest.Session) -> str:
        """Why rules have not run that were selected; empty if nothing kept them from it."""
        if session.exitstatus == pytest.ExitCode.INTERNAL_ERROR or self._interrupted:
            return "the run was interrupted"
        if stops_by_itself(self._config):
            return ""
        stopped_by = self._stopped_by or session.shouldstop or session.shouldfail
        return f"the run was stopped: {stopped_by}" if stopped_by else ""

    def _print_findings(self, session: pytest.Session, document: Report) -> None:
        verdict = self._report.verdict
        summary = TerminalSummary(document, verdict)
        self._config.pluginmanager.register(summary, "pmcp-contract-summary")
        # A known failure ends in 0, and is to be seen nevertheless.
        is_fine = verdict in (Verdict.CONFORMANT, Verdict.PARTIAL)
        if session.exitstatus != pytest.ExitCode.OK or not is_fine:
            in_full = self._config.getoption("verbose", 0) > 0
            print_section(self._config, verdict, summary_lines(document, in_full=in_full))

    def _write_files(self, session: pytest.Session, files: ReportFiles, document: Report) -> None:
        problems = list(files.write(document))
        if problems:
            print_section(self._config, Verdict.INCOMPLETE, map(Line, problems))
            session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED

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
