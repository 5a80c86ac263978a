"""`pmcp-storage init | verify`: set up a storage, and say what is wrong with one.

Both may be run again and again: `init` does what is missing and changes nothing else, `verify`
changes nothing at all. Exit codes: 0 all is well, 1 something is wrong and reported, 2 the command
line is wrong. What each backend needs is in its package.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence

from pmcp_storage import __version__, backends
from pmcp_storage.errors import StorageError
from pmcp_storage.on_demand import needs

_VERBS = {
    "init": "create what is missing; run again, it changes nothing",
    "verify": "say what is missing or wrong, and exit with 1 if anything is",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; returns the exit code."""
    _show_any_character()
    options = _parser().parse_args(arguments)
    setup = backends.setup_of(options.backend)
    command = setup.init if options.verb == "init" else setup.verify
    try:
        for line in command(options):
            _say(line)
    except ModuleNotFoundError as error:
        return _fail(needs(options.backend, error))
    except (StorageError, ValueError) as error:
        return _fail(str(error))
    except Exception as error:  # a library's own: its message is for people, its trace is not
        return _fail(f"{type(error).__name__}: {error}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pmcp-storage",
        description="Set up the storage of MCP tasks, or say what is wrong with it.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar=" | ".join(_VERBS))
    for verb, summary in _VERBS.items():
        parser.epilog = _add_backends(verbs.add_parser(verb, help=summary))
    return parser


def _add_backends(verb: argparse.ArgumentParser) -> str:
    """Add a subcommand for each backend; return the notes that they end their help with."""
    names = backends.names()
    subcommands = verb.add_subparsers(dest="backend", required=True, metavar=" | ".join(names))
    notes = []
    for name in names:
        setup = backends.setup_of(name)
        subcommand = subcommands.add_parser(name, help=setup.HELP)
        setup.add_arguments(subcommand)
        notes.append(subcommand.epilog)
    return " ".join(filter(None, notes))


def _show_any_character() -> None:
    """Have a character that the terminal cannot show written as an escape."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _say(line: str) -> None:
    try:
        print(line, flush=True)
    except OSError:
        # Nobody reads on, or the disk that the output goes to is full. What was done is done, and
        # what remains is done all the same.
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - it serves until the process ends


def _fail(message: str) -> int:
    print(f"pmcp-storage: {message}", file=sys.stderr)
    return 1
