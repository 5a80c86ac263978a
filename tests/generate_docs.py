"""Writes the pages of docs/ that are made from the rules and the mutants.

python tests/generate_docs.py            # both, some minutes on two processors
python tests/generate_docs.py contract   # docs/contract.md alone, at once
python tests/generate_docs.py matrix     # docs/kill-matrix.md alone
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from support import contract_page, kill_matrix

PAGES: dict[str, tuple[Path, Callable[[], str]]] = {
    "contract": (contract_page.PAGE, contract_page.contract_page),
    "matrix": (kill_matrix.PAGE, kill_matrix.kill_matrix_page),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Write the pages of docs/ that are made from the rules and the mutants."
    )
    parser.add_argument("page", nargs="?", choices=PAGES, help="this page only; default: both")
    chosen = parser.parse_args().page
    for name in [chosen] if chosen else PAGES:
        path, page = PAGES[name]
        path.write_text(page(), encoding="utf-8")
        print(f"wrote {path}")


if __name__ == "__main__":
    main()
