"""`pmcp-conformance merge a.json b.json -o matrix.html`: one report from those of several runs."""

from __future__ import annotations

import argparse
from pathlib import Path

from pmcp_conformance.report.formats import ENDINGS, ReportFileError, check_writable, read, write
from pmcp_conformance.report.merging import merge

HELP = "join the reports of several runs, of other backends or on other machines, into one"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what this subcommand takes."""
    parser.add_argument("reports", nargs="+", type=Path, metavar="REPORT.json", help="to be joined")
    parser.add_argument(
        "-o",
        "--output",
        action="append",
        required=True,
        type=_output,
        metavar="FILE",
        help=f"to write, in the format of its ending ({', '.join(ENDINGS)}); may be repeated",
    )


def run(options: argparse.Namespace) -> None:
    """Join the reports and write the outcome. Raises ReportFileError."""
    merged = merge([(file, read(file)) for file in options.reports])
    for file in options.output:
        write(merged, file)


def _output(name: str) -> Path:
    try:
        check_writable(Path(name))
    except ReportFileError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return Path(name)
