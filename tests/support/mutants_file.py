"""What an installed kit knows of the mutants; `tests/generate_docs.py` writes it."""

from __future__ import annotations

import json
from pathlib import Path

from mutants import mutants

PAGE = Path(__file__).parents[2] / "conformance" / "pmcp_conformance" / "cli" / "mutants.json"


def mutants_file() -> str:
    """The name, the rule and the description of each mutant in JSON, one a line."""
    entries = [
        json.dumps({"rule": mutant.rule, "name": mutant.name, "what": mutant.what})
        for mutant in mutants()
    ]
    return "[\n" + ",\n".join(entries) + "\n]\n"
