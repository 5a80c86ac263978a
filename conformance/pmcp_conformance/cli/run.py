"""`pmcp-conformance run -- COMMAND`: the verdict on the backend behind a driver, without pytest's
command line, and without anything of the directory that it is run in.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from pmcp_conformance.driver.process import DriverError
from pmcp_conformance.driver.target import DriverTarget
from pmcp_conformance.report.formats import ReportFileError

HELP = "validate the backend behind a driver, a program in any language: run [options] -- COMMAND"

_ALONE = ("-p", "pmcp_conformance", "-c", os.devnull, "--noconftest", "-p", "no:cacheprovider")
"""What keeps pytest from the project, if any, that the command is given in."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what this subcommand takes; it hands further options to pytest."""
    parser.usage = (
        "%(prog)s [--name NAME] [options of pytest: -n 2, -k CAS, --pmcp-report FILE] -- COMMAND"
    )
    parser.add_argument(
        "--name", help="what reports call the backend (default: what the driver calls itself)"
    )
    parser.set_defaults(takes_a_command=True)


def run(options: argparse.Namespace) -> None:
    """Become a pytest that runs the contract. Raises ReportFileError."""
    if not options.driver:
        raise ReportFileError("run: the command of the driver is missing: run [options] -- COMMAND")
    name = options.name or _own_name(options.driver)
    driver = f"--pmcp-driver={name}={shlex.join(options.driver)}"
    arguments = [*_ALONE, f"--rootdir={Path.cwd()}", driver, *options.others]
    os.execv(sys.executable, [sys.executable, "-m", "pytest", *arguments])


def _own_name(command: Sequence[str]) -> str:
    """What a driver calls itself."""
    target = DriverTarget("driver", command, str(Path.cwd()))
    try:
        return target.describe().name
    except DriverError as error:
        raise ReportFileError(str(error)) from error
    finally:
        target.dispose()
