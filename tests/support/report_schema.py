"""What docs/report.schema.json says, made from the model; `tests/generate_docs.py` writes it."""

from __future__ import annotations

import json
from pathlib import Path

from pmcp_conformance.report.model import Report

PAGE = Path(__file__).parents[2] / "docs" / "report.schema.json"


def report_schema() -> str:
    """The JSON Schema of the reports that the kit writes."""
    schema = Report.model_json_schema(mode="serialization")
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps({**dialect, **schema}, indent=2) + "\n"
