"""What the storages and the kit cost, as ratios that were measured in one run.

    python -m benchmarks --quick

`side_by_side` has sides take turns, and `results` is what comes of it; the table, the files and
docs/performance.md (`page`) are functions of that. `catalogue` knows all benchmarks, each a module
with a function that yields results; `engines` starts the servers that one needs.
"""
