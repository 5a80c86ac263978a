"""docs/contract.md says what the rules say."""

from __future__ import annotations

from support.contract_page import PAGE, contract_page


def test_the_page_says_what_the_rules_say() -> None:
    remedy = "run `python tests/generate_docs.py contract`"
    assert PAGE.read_text(encoding="utf-8") == contract_page(), remedy
