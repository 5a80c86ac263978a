"""What a run prints: sections with the verdicts, and which failures pytest shows in full."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Generator, Iterable, Iterator

import pytest

from pmcp_conformance.plugin.workers import attached_results, attached_rule
from pmcp_conformance.report.model import Report
from pmcp_conformance.report.summary import Line, closing_lines, first_failures
from pmcp_conformance.report.verdicts import Verdict

_COLOURS = {Verdict.CONFORMANT: "green", Verdict.PARTIAL: "yellow"}


def print_section(config: pytest.Config, verdict: Verdict, lines: Iterable[Line]) -> None:
    """Print these lines as a section of pytest's own output, if it prints any."""
    reporter: pytest.TerminalReporter | None = config.pluginmanager.getplugin("terminalreporter")
    if reporter is None:
        return
    # What goes into a file is not cut: there it can be searched.
    cuts = reporter.isatty and reporter.verbosity <= 0
    width = shutil.get_terminal_size().columns if cuts else None
    reporter.line("")
    reporter.section("pmcp conformance", sep="=", **{_COLOURS.get(verdict, "red"): True})
    for line in lines:
        text = _cut(line.text, width) if width and line.may_be_cut else line.text
        reporter.line(text, **({line.markup: True} if line.markup else {}))


class TerminalSummary:
    """The end of the output: pytest's sections have the failures to read first, verdicts are last.

    With `-v` those sections have all failures. Other plugins, which count them here, always do.
    """

    def __init__(self, report: Report, verdict: Verdict) -> None:
        self._report = report
        self._verdict = verdict
        self._failed: list[pytest.TestReport] = []

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(
        self, terminalreporter: pytest.TerminalReporter, config: pytest.Config
    ) -> Generator[None, object, object]:
        self._failed = terminalreporter.stats.get("failed", [])
        self._show_few(terminalreporter)
        try:
            result = yield
        finally:
            self._show_all(terminalreporter)
        print_section(config, self._verdict, closing_lines(self._report))
        return result

    @pytest.hookimpl(specname="pytest_terminal_summary", tryfirst=True)
    def pytest_terminal_summary_of_others(self, terminalreporter: pytest.TerminalReporter) -> None:
        self._show_all(terminalreporter)

    @pytest.hookimpl(specname="pytest_terminal_summary", trylast=True)
    def pytest_terminal_summary_goes_on(self, terminalreporter: pytest.TerminalReporter) -> None:
        self._show_few(terminalreporter)

    def _show_all(self, reporter: pytest.TerminalReporter) -> None:
        if self._failed:
            reporter.stats["failed"] = self._failed

    def _show_few(self, reporter: pytest.TerminalReporter) -> None:
        if self._failed and reporter.verbosity <= 0:
            shown = first_failures(self._report)
            reporter.stats["failed"] = list(_without_other_rules(self._failed, shown))


def _without_other_rules(
    failed: Iterable[pytest.TestReport], shown: Collection[str]
) -> Iterator[pytest.TestReport]:
    left = set(shown)
    for report in failed:
        rule = attached_rule(report).partition("[")[0]
        if not attached_results(report) or rule in left:
            left.discard(rule)  # once, also if several parts of it fail
            yield report


def _cut(text: str, width: int) -> str:
    return text if len(text) < width else f"{text[: width - 4]}..."
