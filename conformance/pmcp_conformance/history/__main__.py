"""`python -m pmcp_conformance.history FILE` checks a saved history again.

It prints the verdict, with the contradicting operations, and exits 0 for a linearizable history,
1 for one that is not, and 2 where it cannot tell.
"""

from __future__ import annotations

import argparse

from pmcp_conformance.history import Anomaly, Operation, Undecided, check, load, timeline


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m pmcp_conformance.history",
        description="Check whether a saved history is linearizable.",
        epilog="Exit status: 0 linearizable, 1 not linearizable, 2 undecided or unreadable.",
    )
    parser.add_argument("file", help="a history as JSON lines, as the conformance kit saves it")
    arguments = parser.parse_args()
    try:
        operations = load(arguments.file)
        verdict = check(operations)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    if not operations:
        parser.error(f"{arguments.file}: no operations, so nothing to check")
    return _report(operations, verdict)


def _report(operations: list[Operation], verdict: Anomaly | Undecided | None) -> int:
    keys = len({operation.key for operation in operations})
    if verdict is None:
        print(f"LINEARIZABLE: operations {len(operations)}, keys {keys}")
        return 0
    if isinstance(verdict, Undecided):
        print(f"UNDECIDED: key {verdict.key!r}: {verdict.reason}")
        return 2
    print(f"NOT LINEARIZABLE: key {verdict.key!r}\n{verdict.reason}\n")
    print(timeline(verdict.operations))
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
