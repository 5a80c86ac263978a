"""Runs benchmarks, prints what they measured, and keeps it as JSON and as plots.

python -m benchmarks                        # all that take no more than minutes
python -m benchmarks --quick                # the same in a minute, less exactly
python -m benchmarks --only redis sqlite    # these
PMCP_DRIVER=./my-driver python -m benchmarks --only driver
python -m benchmarks.page                   # docs/performance.md, of what was kept
"""

from __future__ import annotations

import argparse
import gc
import sys
from pathlib import Path

from benchmarks.catalogue import BENCHMARKS
from benchmarks.engines import Engines
from benchmarks.measuring import measure
from benchmarks.scale import FULL, QUICK


def main() -> int:
    """Returns 1 if a limit is exceeded, else 0."""
    options = _options(list(BENCHMARKS))
    if options.list:
        for each in BENCHMARKS.values():
            print(f"{each.name:12} {each.about.splitlines()[0]}")
        return 0
    chosen = options.only or [each.name for each in BENCHMARKS.values() if not each.is_long]
    with Engines() as engines:
        scale = QUICK if options.quick else FULL
        reports = [measure(name, engines, scale, options.out) for name in chosen]
    return int(any(result.kept is False for report in reports for result in report.results))


def _options(names: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", nargs="+", choices=names, metavar="NAME", help="run these")
    parser.add_argument("--quick", action="store_true", help="fewer rounds and smaller sizes")
    parser.add_argument("--list", action="store_true", help="say what there is")
    parser.add_argument("--out", type=Path, default=Path("benchmark-results"), metavar="FOLDER")
    return parser.parse_args()


if __name__ == "__main__":
    gc.freeze()
    sys.exit(main())
