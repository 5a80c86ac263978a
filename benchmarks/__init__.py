"""What the storages and the kit cost, as ratios that were measured in one run.

    python -m benchmarks --quick

`side_by_side` has sides take turns, and `results` is what comes of it; the table, the files and
docs/performance.md (`page`) are functions of that. `catalogue` knows all benchmarks, each a module
with a function that yields results; `engines` starts the servers that one needs.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]

# The servers and some records are those of the tests, and PynamoDB's model is one of the examples.
sys.path += [str(ROOT / "tests"), str(ROOT / "examples")]
