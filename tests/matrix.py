"""Runs the contract on what people use today, and writes docs/matrix.md, .html and .svg.

    .venv/bin/python tests/matrix.py                     # all, for half an hour or more
    .venv/bin/python tests/matrix.py sqlalchemy moto     # these columns anew
    .venv/bin/python tests/matrix.py --page              # of the reports that exist

Each column is a run of its own, whose report is kept in --reports until the column runs again.
`matrix.toml` says what each failing rule would do to a user; this fails where it does not.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pmcp_conformance.report.formats import read, write
from pmcp_conformance.report.merging import merge
from support.matrix_page import (
    PAGE,
    PICTURE,
    SENTENCES,
    matrix_page,
    published,
    read_sentences,
    unexplained,
)
from support.matrix_picture import matrix_picture

ROOT = Path(__file__).parents[1]
ADAPTERS = ROOT / "examples" / "adapters"


@dataclass(frozen=True)
class Column:
    """A backend, and the server that it needs."""

    name: str
    target: str
    """As --pmcp-backend takes it."""

    server: Sequence[str] = ()
    """The command that starts it and runs another command."""

    @property
    def is_adapter(self) -> bool:
        return self.target.startswith("adapters.")

    def run(self, report: Path) -> None:
        """Run the contract, and write what it says into the report."""
        command = [sys.executable, "-m", "pytest", "-q", "-p", "pmcp_conformance"]
        options = ["-n", "2", "--dist", "worksteal", "--pmcp-backend", self.target]
        report.unlink(missing_ok=True)
        # A rule that fails is no error here, so nobody asks for the exit code.
        subprocess.run(
            [*self.server, *command, *options, "--pmcp-report", str(report)],
            cwd=ADAPTERS if self.is_adapter else ROOT,
            stdout=subprocess.DEVNULL,
        )
        if not report.exists():
            sys.exit(f"{self.name}: the run left no report")


def _server(module: str, *variables: str) -> list[str]:
    script = ROOT / "tests" / "support" / f"{module}.py"
    return ["env", *variables, sys.executable, str(script), "run", "--"]


def _engine(name: str) -> list[str]:
    return _server("engines", f"PMCP_DYNAMODB_ENGINE={name}")


ENGINES = ("dynamodb-local", "ministack", "moto", "dynalite")

COLUMNS = [
    Column("memory", "memory"),
    Column("sqlite", "sqlite"),
    Column("postgres", "postgres", _server("postgres_server")),
    Column("redis", "redis", _server("redis_server")),
    Column("valkey", "redis", _server("redis_server", "PMCP_REDIS_SERVER=valkey")),
    *[Column(engine, "dynamodb", _engine(engine)) for engine in ENGINES],
    Column("json-files", "adapters.targets:JsonFilesTarget"),
    Column("sqlalchemy", "adapters.targets:SqlAlchemyTarget"),
    Column("redis-watch", "adapters.targets:RedisWatchTarget", _server("redis_server")),
    Column("py-key-value", "adapters.targets:KeyValueTarget", _server("redis_server")),
    Column("pynamodb", "adapters.targets:PynamoDbTarget", _engine("dynamodb-local")),
]


def main() -> None:
    options = _options()
    options.reports.mkdir(parents=True, exist_ok=True)
    reports = [options.reports / f"{column.name}.json" for column in COLUMNS]
    for column, report in zip(COLUMNS, reports, strict=True):
        if not options.page and column.name in (options.columns or [column.name]):
            print(f"running {column.name}", flush=True)
            column.run(report)
    _write_pages([report for report in reports if report.exists()])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [column.name for column in COLUMNS]
    told = f"to run, of {', '.join(names)}; default: all"
    parser.add_argument("columns", nargs="*", metavar="COLUMN", help=told)
    parser.add_argument("--page", action="store_true", help="run nothing, and write the pages")
    kept = Path(tempfile.gettempdir()) / "pmcp-matrix"
    parser.add_argument("--reports", type=Path, default=kept, help="the folder of the reports")
    options = parser.parse_args()
    if unknown := set(options.columns) - set(names):
        parser.error(f"no such column: {', '.join(unknown)}")
    return options


def _write_pages(reports: Sequence[Path]) -> None:
    merged = merge([(file, published(read(file))) for file in reports])
    sentences = read_sentences()
    adapters = [column.name for column in COLUMNS if column.is_adapter]
    PAGE.write_text(matrix_page(merged, adapters, sentences), encoding="utf-8")
    PICTURE.write_text(matrix_picture(merged), encoding="utf-8")
    write(merged, PAGE.with_suffix(".html"))
    if missing := unexplained(merged, sentences):
        sys.exit(f"{SENTENCES} does not say what these would do to a user: {', '.join(missing)}")


if __name__ == "__main__":
    main()
