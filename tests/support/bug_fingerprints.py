"""The bugs that the kit knows, and how they look; `tests/generate_docs.py` writes the file.

It is taken from the page of the kill matrix, so that nothing has to run for it. A mutant that the
last run of the matrix had not tried yet is left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from mutants import mutants
from pmcp_conformance.report.results import Outcome
from support.kill_matrix import TRIED_ON_THEIR_OWN, tried_mutants


def bug_fingerprints() -> str:
    """The file as JSON, with a line for each bug."""
    bugs = ",\n".join(json.dumps(bug, ensure_ascii=False) for bug in _bugs())
    return f'{{"untried": {json.dumps(TRIED_ON_THEIR_OWN)}, "bugs": [\n{bugs}\n]}}\n'


def _bugs() -> Iterator[dict[str, object]]:
    tried = tried_mutants()
    for mutant in mutants():
        if verdicts := tried.get(mutant.name):
            failed = verdicts.with_outcome(Outcome.FAILED)
            yield {
                "mutant": mutant.name,
                "rule": mutant.rule,
                "what": mutant.what,
                "fails": [mutant.rule, *(rule for rule in failed if rule != mutant.rule)],
                "blocked": verdicts.with_outcome(Outcome.BLOCKED),
            }
