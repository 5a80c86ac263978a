"""How far a run has come: a line once a minute, so that runs of some seconds have none."""

from __future__ import annotations

from time import monotonic

import pytest

from pmcp_conformance.report.text import counted

_EVERY = 60.0
"""Seconds."""


class Progress:
    """Counts the items that are done; not to be used with `-q`."""

    def __init__(self, session: pytest.Session) -> None:
        self._session = session
        self._started = self._told = monotonic()
        self._done = 0

    def pytest_runtest_logfinish(self) -> None:
        self._done += 1
        now = monotonic()
        left = self._session.testscollected - self._done
        if left > 0 and now - self._told >= _EVERY:
            self._told = now
            self._tell(left, (now - self._started) / self._done * left)

    def _tell(self, left: int, seconds: float) -> None:
        reporter = self._session.config.pluginmanager.getplugin("terminalreporter")
        if reporter:
            minutes = counted(max(1, round(seconds / 60)), "minute")
            of = f"{left} of {self._session.testscollected} left"
            reporter.line("")
            reporter.line(f"pmcp conformance: {of}, about {minutes} more at this pace")
