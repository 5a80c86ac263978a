"""What the pipe to a driver costs: the sequential rules behind one, beside the same in process.

    python benchmarks/driver.py /path/to/go-map

The argument is a driver with a map in memory (`examples/drivers/`); beside it stands the target
`memory`. Both sides take turns. "rules" are the seconds of all rules that passed on both sides,
"processor" this machine's processor time of the run, the driver's included; each is the median of
the rounds, with the least and the greatest. A ratio is the driver's by that in process.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROUNDS = 5

GROUPS = ("GET", "CRE", "PUT", "CAS", "DEL", "LIST", "KEY", "VAL", "EXP", "ERR", "MOD")
"""The groups whose rules make one call after the other."""


class Run(NamedTuple):
    rules: dict[str, float]
    """The seconds of each rule that passed."""
    processor: float


def run(options: Sequence[str], folder: Path) -> Run:
    """The sequential rules on one target."""
    report = folder / "report.json"
    selected = " or ".join(GROUPS)
    pytest = [sys.executable, "-m", "pytest", "-q", "-p", "pmcp_conformance", "-k", selected]
    before = _processor()
    command = [*pytest, f"--pmcp-report={report}", *options]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    [backend] = json.loads(report.read_text(encoding="utf-8"))["backends"]
    passed = [rule for rule in backend["rules"] if rule["outcome"] == "passed"]
    return Run({rule["id"]: rule["seconds"] for rule in passed}, _processor() - before)


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def show(name: str, ours: Sequence[float], beside: Sequence[float]) -> None:
    ratio = statistics.median(ours) / statistics.median(beside)
    print(f"{name:10} {_spread(ours):>24} {_spread(beside):>24} {ratio:6.2f}")


def _spread(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def main() -> None:
    driver = os.path.abspath(sys.argv[1])
    sides = (["--pmcp-driver", f"map={driver}"], ["--pmcp-backend", "memory"])
    with tempfile.TemporaryDirectory() as folder:
        rounds = [[run(options, Path(folder)) for options in sides] for _ in range(ROUNDS)]
    common = set.intersection(*(set(of.rules) for pair in rounds for of in pair))
    totals = [[sum(of.rules[rule] for rule in common) for of in pair] for pair in rounds]
    print(f"{len(common)} rules, seconds{'driver':>19} {'in process':>24}  ratio")
    show("rules", *zip(*totals, strict=True))
    show("processor", *zip(*([of.processor for of in pair] for pair in rounds), strict=True))


if __name__ == "__main__":
    main()
