"""What the pipe to a driver costs: the sequential rules behind one, beside the same in process.

PMCP_DRIVER names the driver, which has a map in memory (`examples/drivers/`); beside it stands the
target `memory`. "rules" are the seconds of all rules that passed on both sides in each round, "run"
those of the whole run of pytest, whose processor time includes the driver's.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.children import pytest
from benchmarks.engines import Engines
from benchmarks.results import Result
from benchmarks.scale import Scale
from benchmarks.side_by_side import Sample, result

GROUPS = ("GET", "CRE", "PUT", "CAS", "DEL", "LIST", "KEY", "VAL", "EXP", "ERR", "MOD")
"""The groups whose rules make one call after the other."""


class Run(NamedTuple):
    rules: dict[str, float]
    """The seconds of each rule that passed."""
    whole: Sample


def run(engines: Engines, scale: Scale) -> Iterator[Result | str]:
    driver = os.environ.get("PMCP_DRIVER")
    if driver is None:
        yield "Left out: set PMCP_DRIVER to the path of a driver, such as one of examples/drivers/."
        return
    folder = engines.folder()
    sides = (["--pmcp-driver", f"map={os.path.abspath(driver)}"], ["--pmcp-backend", "memory"])
    runs: tuple[list[Run], list[Run]] = ([], [])
    orders = itertools.cycle(((0, 1), (1, 0)))
    rounds = 1 if scale.is_quick else 5
    for _ in range(rounds):
        for side in next(orders):
            runs[side].append(_run(sides[side], folder))
    common = set.intersection(*(set(each.rules) for side in runs for each in side))
    ours, beside = ([_seconds(each, common) for each in side] for side in runs)
    yield (
        f"Each side ran {rounds} times." if rounds > 1 else "Each side ran once, so without spread."
    )
    names = "a driver", "in process"
    yield result((f"{len(common)} rules", *names), ours, beside)
    whole, beside = ([each.whole for each in side] for side in runs)
    yield result(("run", *names), whole, beside)


def _run(options: Sequence[str], folder: Path) -> Run:
    """The sequential rules on one target."""
    report = folder / "report.json"
    selected = ["-p", "pmcp_conformance", "-k", " or ".join(GROUPS), f"--pmcp-report={report}"]
    whole = pytest([*selected, *options], folder)
    [backend] = json.loads(report.read_text(encoding="utf-8"))["backends"]
    passed = [rule for rule in backend["rules"] if rule["outcome"] == "passed"]
    return Run({rule["id"]: rule["seconds"] for rule in passed}, whole)


def _seconds(run: Run, rules: set[str]) -> Sample:
    seconds = sum(run.rules[rule] for rule in rules)
    return Sample(seconds * 1e6, run.whole.processor)
