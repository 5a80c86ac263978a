"""The exit code of a run, from what pytest makes of it and from the verdicts."""

from __future__ import annotations

import pytest

from pmcp_conformance.report.verdicts import RunReport, Verdict

# xdist reports a stop by -x as an interruption.
_ENDED_BY_TESTS = (
    pytest.ExitCode.OK,
    pytest.ExitCode.TESTS_FAILED,
    pytest.ExitCode.INTERRUPTED,
    pytest.ExitCode.NO_TESTS_COLLECTED,
)


def exit_code(report: RunReport, pytests_own: int) -> int:
    """The exit code of a run that nobody interrupted, given the one that pytest came to."""
    if report.has_unexpected_outcomes and pytests_own in _ENDED_BY_TESTS:
        return pytest.ExitCode.TESTS_FAILED
    if pytests_own not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        return pytests_own
    targets = report.targets.values()
    if any(target.verdict is Verdict.INCOMPLETE for target in targets):
        return pytest.ExitCode.TESTS_FAILED
    if not any(target.has_run for target in targets):
        return pytest.ExitCode.NO_TESTS_COLLECTED
    return pytests_own


def is_interrupt(error: BaseException | None) -> bool:
    """Whether an error is Ctrl-C, or was raised while Ctrl-C was being handled.

    What pytest and xdist derive from KeyboardInterrupt is their own way to stop, as for -x.
    """
    while error is not None:
        if type(error) is KeyboardInterrupt:
            return True
        error = error.__context__
    return False
