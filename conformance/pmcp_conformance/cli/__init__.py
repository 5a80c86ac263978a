"""`pmcp-conformance`: reading the contract, and what there is to do with reports, beside pytest.

Each subcommand is a module here. Exit codes: 0 done, 1 it could not be done and the message says
why, 2 the command line is wrong.
"""

from __future__ import annotations

import argparse
import io
import itertools
import os
import sys
from collections.abc import Sequence
from typing import Protocol

from pmcp_conformance.cli import explain, merge, reproduce, rules
from pmcp_conformance.cli import run as run_driver
from pmcp_conformance.report.formats import ReportFileError
from pmcp_storage import __version__


class Command(Protocol):
    """A subcommand: the module of its name."""

    HELP: str

    def add_arguments(self, parser: argparse.ArgumentParser, /) -> None:
        """Add what the subcommand takes."""

    def run(self, options: argparse.Namespace, /) -> None:
        """Do what the options say. Raises ReportFileError."""


_COMMANDS: dict[str, Command] = {
    "run": run_driver,
    "rules": rules,
    "explain": explain,
    "merge": merge,
    "reproduce": reproduce,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; returns the exit code."""
    _show_any_character()
    options = _options(sys.argv[1:] if arguments is None else arguments)
    try:
        _COMMANDS[options.command].run(options)
        sys.stdout.flush()
    except ReportFileError as error:
        print(f"pmcp-conformance: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # Whoever reads, such as `head`, has seen enough.
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - it serves until the process ends
    return 0


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    """What a command line says; behind `--` is a driver's, before it there may be pytest's."""
    own = list(itertools.takewhile(lambda argument: argument != "--", arguments))
    parser = _parser()
    options, others = parser.parse_known_args(own)
    takes_a_command = vars(options).get("takes_a_command", False)
    if (others or len(own) < len(arguments)) and not takes_a_command:
        parser.error(f"unrecognized arguments: {' '.join([*others, *arguments[len(own) :]])}")
    options.others, options.driver = others, arguments[len(own) + 1 :]
    return options


def _show_any_character() -> None:
    """Have a character that the terminal cannot show written as an escape."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pmcp-conformance",
        description="Read the contract of storage backends, and work with the reports of the "
        "conformance kit; `pytest -p pmcp_conformance --pmcp-report FILE` makes them.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar=" | ".join(_COMMANDS))
    for name, command in _COMMANDS.items():
        subparser = commands.add_parser(name, help=command.HELP, description=command.HELP)
        command.add_arguments(subparser)
    return parser
