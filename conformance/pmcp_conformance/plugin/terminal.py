"""What a run prints: a section with the verdicts, in the colour of the worst."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from pmcp_conformance.report.verdicts import Verdict

_COLOURS = {Verdict.CONFORMANT: "green", Verdict.PARTIAL: "yellow"}


def print_section(config: pytest.Config, verdict: Verdict, lines: Iterable[str]) -> None:
    """Print these lines as a section of pytest's own output, if it prints any."""
    reporter = config.pluginmanager.getplugin("terminalreporter")
    if reporter is None:
        return
    reporter.line("")
    reporter.section("pmcp conformance", sep="=", **{_COLOURS.get(verdict, "red"): True})
    for line in lines:
        reporter.line(line)
