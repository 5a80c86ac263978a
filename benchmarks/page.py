"""Writes docs/performance.md, and its pictures, from what benchmarks have measured.

    python -m benchmarks.page RESULTS    # a folder that `python -m benchmarks --out` wrote

The figures are kept in docs/performance/, so that without RESULTS the page is written anew from
those. A benchmark that RESULTS lacks keeps the figures of before.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from benchmarks import ROOT, plots, table
from benchmarks.catalogue import BENCHMARKS
from benchmarks.results import Report, Result, curves, read

PAGE = ROOT / "docs" / "performance.md"
FOLDER = ROOT / "docs" / "performance"


_HEAD = """# Performance

What the storages, the store and the kit cost. This page is made by `python -m benchmarks.page` from
what `python -m benchmarks` has measured; the figures themselves are in `performance/`. To
measure on your own machine, say `pip install -e '.[benchmarks]'` in a clone; then `python -m
benchmarks` takes some 25 minutes on a busy machine, and with `--quick` two or three.

Every figure is a ratio, of the median of one side to that of another which did the same work in the
same run: both took turns, in changing order, so that what slows the machine slows both. Shown is
the median of that ratio in ten stretches of the run, and as its "middle half" the stretches without
the lowest and the highest quarter of them; where that is wide, the machine had other work, and the
ratio of the processor times ("processor", of all threads of the process) says more than that of the
times on the wall. A ratio below 1 says that this project's side is faster. Times are in
microseconds an operation, on this machine, and a record has 2 KB of JSON unless something else is
said.
"""


def page(reports: Sequence[Report]) -> str:
    """The page, as Markdown."""
    parts = [_HEAD, *_limits(reports), *_machine(reports)]
    for report in reports:
        parts += _section(report)
    return "\n".join(parts).rstrip() + "\n"


def load(folder: Path) -> list[Report]:
    """The reports in a folder, in the order of the catalogue."""
    files = (folder / f"{name}.json" for name in BENCHMARKS)
    return [read(file) for file in files if file.exists()]


def _limits(reports: Sequence[Report]) -> Iterator[str]:
    judged = [each for report in reports for each in report.results if each.limit is not None]
    missed = [each for each in judged if not each.kept]
    yield "## The limits\n"
    yield f"{len(judged) - len(missed)} of {len(judged)} figures keep their limit.\n"
    yield from _markdown(("what", "beside", "limit", "worst figure", "kept"), _groups(judged))
    if missed:
        yield "\nThese miss it:\n"
        yield from (f"- {_missed(each)}" for each in missed)
    yield ""


def _groups(judged: Sequence[Result]) -> Iterator[tuple[str, ...]]:
    pairs = dict.fromkeys((each.side, each.beside) for each in judged)
    for pair in pairs:
        group = [each for each in judged if (each.side, each.beside) == pair]
        worst = max(group, key=lambda each: each.figure)
        kept = sum(each.kept or False for each in group)
        text = f"{_figure(worst)}, {worst.operation}"
        yield (*pair, table.limit_text(worst.limit), text, f"{kept} of {len(group)}")


def _missed(each: Result) -> str:
    spread = f"{each.wall.low:.2f} to {each.wall.high:.2f}"
    return (
        f"{each.side}, {each.operation}, beside {each.beside}: limit "
        f"{table.limit_text(each.limit)}, ratio {each.wall.median:.3f} (middle half {spread}), "
        f"of processor times {each.processor.median:.2f}"
        + (f", and {_figure(each)}" if each.limit and each.limit.of != "ratio" else "")
    )


def _figure(each: Result) -> str:
    if each.limit is not None and each.limit.of != "ratio":
        return f"{each.figure:,.0f} µs"
    return f"{each.figure:.2f}"


def _machine(reports: Sequence[Report]) -> Iterator[str]:
    yield "## The machine\n"
    names = dict.fromkeys(name for report in reports for name in report.machine)
    for name in names:
        values = dict.fromkeys(report.machine.get(name, "") for report in reports)
        if name not in ("date", "load"):
            yield f"- {name}: {' / '.join(filter(None, values))}"
    yield "\nThe load average (of 1, 5 and 15 minutes) when a benchmark ended:\n"
    rows = ((each.name, each.machine["date"], each.machine["load"]) for each in reports)
    yield from _markdown(("benchmark", "ended", "load"), rows)
    yield ""


def _section(report: Report) -> Iterator[str]:
    benchmark = BENCHMARKS[report.name]
    yield f"## {benchmark.title}\n"
    yield f"{benchmark.about}\n"
    yield from (f"{note}\n" for note in report.notes)
    compared = [each for each in report.results if not each.axis]
    for side in dict.fromkeys(each.side for each in compared):
        head, *rows = table.rows([each for each in compared if each.side == side])
        yield f"{side}:\n"
        yield from _markdown(head, rows)
        yield ""
    yield from _growth(report)


def _growth(report: Report) -> Iterator[str]:
    found = curves(report.results)
    for axis in dict.fromkeys(axis for axis, _ in found):
        picture = plots.file_name(report.name, axis)
        yield f"### {axis[0].upper()}{axis[1:]}\n"
        yield f"![Milliseconds an operation by {axis}](performance/{picture})\n"
        operations = {name: points for (of, name), points in found.items() if of == axis}
        sides = dict.fromkeys(each.side for points in operations.values() for each in points)
        rows = ((name, *_ends(points, sides)) for name, points in operations.items())
        yield "How many times as much the last point costs as the first:\n"
        yield from _markdown(("operation", *sides), rows)
        yield ""


def _ends(points: Sequence[Result], sides: dict[str, None]) -> Iterator[str]:
    for side in sides:
        last = [each for each in points if each.side == side][-1:]
        yield "".join(f"{each.wall.median:.2f} at {each.at:,.0f}" for each in last)


def _markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page", description=__doc__)
    parser.add_argument("results", type=Path, nargs="?", default=FOLDER, metavar="RESULTS")
    for report in load(parser.parse_args().results):
        report.save(FOLDER)
    reports = load(FOLDER)
    drawn = [picture for report in reports for picture in plots.draw(report, FOLDER)]
    PAGE.write_text(page(reports), encoding="utf-8")
    for written in (PAGE, *drawn):
        print(f"wrote {os.path.relpath(written)}")


if __name__ == "__main__":
    main()
