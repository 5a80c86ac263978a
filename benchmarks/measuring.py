"""One benchmark from its start to its files."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from benchmarks import plots, table
from benchmarks.catalogue import BENCHMARKS
from benchmarks.engines import Engines
from benchmarks.machine import machine
from benchmarks.results import Report, Result
from benchmarks.scale import Scale


def measure(name: str, engines: Engines, scale: Scale, folder: Path) -> Report:
    """Run it, print its table, and keep the report and its plots in the folder.

    The report is kept with each result, so that a run that is interrupted leaves what it has.
    """
    report = Report(name, machine(), [], [])
    for found in BENCHMARKS[name].run(engines, scale):
        if isinstance(found, Result):
            report.results.append(found)
        else:
            report.notes.append(found)
        report = replace(report, machine=machine())
        report.save(folder)
    _show(report)
    plots.draw(report, folder)
    return report


def _show(report: Report) -> None:
    print(f"\n{report.name}: {BENCHMARKS[report.name].about.splitlines()[0]}")
    for side in dict.fromkeys(result.side for result in report.results):
        print(f"{side}\n{table.text([each for each in report.results if each.side == side])}\n")
    for note in report.notes:
        print(note)
    sys.stdout.flush()
