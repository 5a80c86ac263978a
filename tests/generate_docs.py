"""Writes the files that are made from the rules, the mutants and the model of reports.

python tests/generate_docs.py            # all, an hour on two processors
python tests/generate_docs.py contract   # docs/contract.md alone, at once
python tests/generate_docs.py mutants    # what the kit says of them (cli/mutants.json), at once
python tests/generate_docs.py matrix     # docs/kill-matrix.md alone
python tests/generate_docs.py matrix --new  # of it, the mutants that it has not tried yet
python tests/generate_docs.py bugs       # known_bugs.json, from docs/kill-matrix.md, at once
python tests/generate_docs.py schema     # docs/report.schema.json alone, at once
python tests/generate_docs.py driver-schema  # docs/driver-protocol.schema.json alone, at once
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from pmcp_conformance.report import known_bugs
from support import (
    bug_fingerprints,
    contract_page,
    driver_schema,
    kill_matrix,
    mutants_file,
    report_schema,
)

PAGES: dict[str, tuple[Path, Callable[[], str]]] = {
    "contract": (contract_page.PAGE, contract_page.contract_page),
    "mutants": (mutants_file.PAGE, mutants_file.mutants_file),
    "matrix": (kill_matrix.PAGE, kill_matrix.kill_matrix_page),
    "bugs": (known_bugs.FILE, bug_fingerprints.bug_fingerprints),
    "schema": (report_schema.PAGE, report_schema.report_schema),
    "driver-schema": (driver_schema.PAGE, driver_schema.driver_schema),
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the files that are made from the code.")
    parser.add_argument("page", nargs="?", choices=PAGES, help="this one only; default: all")
    parser.add_argument("--new", action="store_true", help="of the matrix, what is not tried yet")
    options = parser.parse_args()
    if options.new and options.page != "matrix":
        parser.error("--new goes with matrix")
    for name in [options.page] if options.page else PAGES:
        path, page = PAGES[name]
        text = kill_matrix.kill_matrix_page(anew=False) if options.new else page()
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path}")


if __name__ == "__main__":
    main()
