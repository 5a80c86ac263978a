"""The reports that a run writes at its end (`--pmcp-report`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import pytest

from pmcp_conformance.plugin.discovery import file_of
from pmcp_conformance.report.building import TargetDescription, report_of
from pmcp_conformance.report.formats import ReportFileError, check_writable, write
from pmcp_conformance.report.model import Report
from pmcp_conformance.report.verdicts import RunReport
from pmcp_conformance.target import BackendTarget


class ReportFiles:
    """The files that the command line asks for, and what has to be known from the start on."""

    def __init__(self, config: pytest.Config, targets: Iterable[BackendTarget]) -> None:
        """Raises pytest.UsageError for a file that could not be written at the end.

        What an earlier run has written there is removed: nobody shall take it for this run's.
        """
        self._files = [config.invocation_params.dir / name for name in config.option.pmcp_reports]
        self._seed = config.getoption("pmcp_seed")
        self._started = datetime.now(UTC)
        self._targets = {
            target.name: TargetDescription.of(target, file_of(target, config)) for target in targets
        }
        try:
            for file in self._files:
                check_writable(file)
        except ReportFileError as error:
            raise pytest.UsageError(f"--pmcp-report: {error}") from error
        for file in self._files:
            file.unlink(missing_ok=True)

    def report(self, run: RunReport) -> Report:
        """The document of the run, as far as it has come."""
        return report_of(run, self._targets, self._started, self._seed)

    def write(self, report: Report) -> Iterator[str]:
        """Write them; yields what to say of each that could not be written."""
        for file in self._files:
            try:
                write(report, file)
            except ReportFileError as error:
                yield str(error)
