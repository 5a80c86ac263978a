"""One pytest session that runs the contract: alone, as xdist's controller, or as its worker.

The controller prepares and disposes of targets, once per run, and tells the verdict; the workers,
or the session alone, run the rules. What travels between them: the targets' state on the way out,
results on the reports and leftovers on the way back.
"""

from __future__ import annotations

import pickle
import shutil
import tempfile
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any

import pytest

from pmcp_conformance.catalogue import catalogue
from pmcp_conformance.engine.ledger import read_ledger, sweep
from pmcp_conformance.engine.target_run import TargetRun
from pmcp_conformance.plugin.discovery import find_targets, no_target
from pmcp_conformance.plugin.items import attach_result, items_of, result_of
from pmcp_conformance.report.known_failures import KnownFailures, KnownFailuresError
from pmcp_conformance.report.text import closing_lines, summary_lines, worst
from pmcp_conformance.report.verdicts import RunReport, TargetReport, Verdict
from pmcp_conformance.target import BackendTarget

_KEY = "pmcp"


class ContractSession:
    """The plugin object of a session; does nothing where the contract is not to run."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.targets: dict[str, BackendTarget] = {}
        self.unavailable: dict[str, str | None] = {}
        self.runs: dict[str, TargetRun] = {}
        self.report = RunReport({})
        self._runs_contract = False
        self._selected: list[str] = []
        self._scratch: Path | None = None
        self._lost_worker = False

    @property
    def _is_worker(self) -> bool:
        return hasattr(self.config, "workerinput")

    @property
    def _is_controller(self) -> bool:
        return self.config.pluginmanager.hasplugin("dsession")

    # The start: which targets there are, what is to run, and the storage behind them.

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        self.targets = {target.name: target for target in find_targets(self.config)}
        self._split_arguments()
        if self._runs_contract and not self.targets:
            raise no_target(self.config)
        reports = {name: TargetReport(name) for name in self.targets}
        self.report = RunReport(reports, self._known_failures())
        if self._is_worker:
            self._take_state(self.config.workerinput[_KEY])  # type: ignore[attr-defined]
        elif not self.config.option.collectonly:
            self._prepare()
        ledger = self._ledger()
        self.runs = {
            name: TargetRun(target, ledger, self.config.getoption("pmcp_seed"))
            for name, target in self.targets.items()
        }

    def _known_failures(self) -> KnownFailures:
        path = self.config.getoption("pmcp_known_failures")
        try:
            return KnownFailures.read(path) if path else KnownFailures()
        except KnownFailuresError as error:
            raise pytest.UsageError(str(error)) from error

    def _split_arguments(self) -> None:
        """Take our node ids out of pytest's arguments, and decide whether the contract runs."""
        config = self.config
        named = config.args_source is pytest.Config.ArgsSource.ARGS
        self._selected = [arg for arg in config.args if self._is_ours(arg)] if named else []
        paths = [arg for arg in config.args if arg not in self._selected]
        self._runs_contract = bool(config.getoption("pmcp_contract") or self._selected or not named)
        if self._selected or (not named and not config.getoption("pmcp_contract")):
            config.args = paths if named else []

    def _is_ours(self, argument: str) -> bool:
        name, _, rule_id = argument.partition("::")
        if name not in self.targets:
            return False
        if rule_id and rule_id.partition("[")[0] not in catalogue():
            raise pytest.UsageError(f"{argument}: the contract has no rule {rule_id}")
        return bool(rule_id) or not (self.config.invocation_params.dir / name).exists()

    def _prepare(self) -> None:
        for name, target in self.targets.items():
            try:
                self.unavailable[name] = target.unavailable()
                if not self.unavailable[name]:
                    target.prepare()
            except Exception as error:
                what = f"prepare() failed with {type(error).__name__}: {error}"
                self.unavailable[name] = what
        if self._is_controller:
            self._scratch = Path(tempfile.mkdtemp(prefix="pmcp-"))

    def _ledger(self) -> Path | None:
        if self._is_worker:
            return Path(self.config.workerinput[_KEY]["ledger"])  # type: ignore[attr-defined]
        return self._scratch / "owners" if self._scratch else None

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        states = {}
        for name, target in self.targets.items():
            try:
                states[name] = pickle.dumps(target.__getstate__())
            except Exception as error:
                raise pytest.UsageError(
                    f"target {name}: what prepare() left in self must survive pickle, to be "
                    f"handed to xdist's workers: {error}"
                ) from error
        node.workerinput[_KEY] = {
            "states": states,
            "unavailable": self.unavailable,
            "ledger": str(self._ledger()),
        }

    def _take_state(self, handed: dict[str, Any]) -> None:
        self.unavailable = handed["unavailable"]
        for name, target in self.targets.items():
            state = pickle.loads(handed["states"][name])
            vars(target).update(state or {})

    # The rules among the session's items.

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(
        self, session: pytest.Session, items: list[pytest.Item]
    ) -> None:
        if not self._runs_contract:
            return
        for name, run in self.runs.items():
            items += [
                item
                for item in items_of(session, run, self.unavailable.get(name), self.report.known)
                if not self._selected
                or {name, item.nodeid, item.nodeid.partition("[")[0]} & set(self._selected)
            ]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "pmcp_target_run" in metafunc.fixturenames:
            if not self.targets:
                raise no_target(self.config)
            runs, names = list(self.runs.values()), list(self.runs)
            metafunc.parametrize("pmcp_target_run", runs, ids=names)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        attach_result(item, report)
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        name, _, rule_id = report.nodeid.partition("::")
        if name not in self.report.targets or rule_id.partition("[")[0] not in catalogue():
            return
        result = result_of(report)
        if result is not None:
            self.report.add(result)
        elif report.when not in ("setup", "teardown") or not report.passed:
            self.report.targets[name].troubles.append(f"{rule_id} could not run: {_told(report)}")

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        output = getattr(node, "workeroutput", None)
        if output is None:
            self._lost_worker = True
            return
        self._left_behind(output.get("pmcp_left", []))

    # The end: nothing stays behind, and the verdict.

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None]:
        yield
        left = [line for run in self.runs.values() for line in run.finish()]
        if self._is_worker:
            self.config.workeroutput["pmcp_left"] = left  # type: ignore[attr-defined]
            return
        self._left_behind(left)
        if self._lost_worker:
            self._sweep_after_lost_workers()
        self._dispose()
        if self._tells_verdict():
            if session.exitstatus in (pytest.ExitCode.INTERRUPTED, pytest.ExitCode.INTERNAL_ERROR):
                self._note_interruption()
            session.exitstatus = self.report.exit_code(session.exitstatus)
            # A known failure ends in 0, and is to be seen all the same.
            if session.exitstatus != pytest.ExitCode.OK or self._finds_fault():
                self._show(summary_lines(self.report))

    def _sweep_after_lost_workers(self) -> None:
        ledger = self._ledger()
        for name, owners in read_ledger(ledger).items() if ledger else []:
            if self.targets[name].interprocess:
                sweep(self.targets[name], owners)

    def _dispose(self) -> None:
        for name, target in self.targets.items():
            if name in self.unavailable and not self.unavailable[name]:
                try:
                    target.dispose()
                except Exception as error:
                    self.report.targets[name].troubles.append(f"dispose() failed: {error}")
        if self._scratch:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def _left_behind(self, lines: list[str]) -> None:
        for line in lines:
            name = line.partition(":")[0]
            self.report.targets[name].troubles.append(f"left behind: {line}")

    def _note_interruption(self) -> None:
        for target in self.report.targets.values():
            if len(target.results) < len(catalogue()):
                target.troubles.insert(0, "the run was interrupted")

    def _finds_fault(self) -> bool:
        return worst(self.report) in (Verdict.INCOMPLETE, Verdict.NOT_CONFORMANT)

    def _tells_verdict(self) -> bool:
        return self._runs_contract and not self.config.option.collectonly

    def _show(self, lines: Iterable[str]) -> None:
        reporter = self.config.pluginmanager.getplugin("terminalreporter")
        if reporter is None:
            return
        verdict = worst(self.report)
        reporter.line("")
        reporter.section("pmcp conformance", sep="=", **_colour(verdict))
        for line in lines:
            reporter.line(line)

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self) -> None:
        if self._tells_verdict() and not self._is_worker:
            self._show(closing_lines(self.report))


def _colour(verdict: Verdict) -> dict[str, bool]:
    if verdict is Verdict.CONFORMANT:
        return {"green": True}
    return {"yellow": True} if verdict is Verdict.PARTIAL else {"red": True}


def _told(report: pytest.TestReport) -> str:
    """The last line of why a report did not come about as it should."""
    text = str(report.longrepr[-1] if isinstance(report.longrepr, tuple) else report.longrepr)
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1][:200] if lines else report.outcome
