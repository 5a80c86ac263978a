"""docs/report.schema.json says what the model says."""

from __future__ import annotations

from support.report_schema import PAGE, report_schema


def test_the_schema_says_what_the_model_says() -> None:
    remedy = "run `python tests/generate_docs.py schema`"
    assert PAGE.read_text(encoding="utf-8") == report_schema(), remedy
