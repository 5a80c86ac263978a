"""docs/driver-protocol.md, its schema and its transcript say what the kit does."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import get_args

import pytest
from jsonschema import Draft202012Validator

from pmcp_conformance.driver.messages import METHODS, BackDoor, ErrorKind, Facts
from pmcp_conformance.target import BackendTarget
from support.driver_schema import PAGE, driver_schema
from support.transcript import Exchange, exchanges, replay

DOCS = Path(__file__).parents[2] / "docs"
DRIVER = Path(__file__).parents[1] / "support" / "map_driver.py"


def test_the_schema_says_what_the_messages_say() -> None:
    remedy = "run `python tests/generate_docs.py driver-schema`"
    assert PAGE.read_text(encoding="utf-8") == driver_schema(), remedy


@pytest.mark.parametrize(
    "name", [*METHODS, *Facts.model_fields, *get_args(BackDoor), *get_args(ErrorKind)]
)
def test_the_page_has_every_name(name: str) -> None:
    assert f"`{name}`" in (DOCS / "driver-protocol.md").read_text(encoding="utf-8")


def test_a_fact_that_a_driver_leaves_out_is_as_for_any_target() -> None:
    assert Facts().model_dump() == {
        name: getattr(BackendTarget, name) for name in Facts.model_fields
    }


@pytest.mark.parametrize("exchange", exchanges(), ids=lambda exchange: exchange.send["method"])
def test_the_transcript_keeps_the_schema(exchange: Exchange) -> None:
    schema = json.loads(driver_schema())
    method = exchange.send["method"]

    def problems(message: object, kind: str) -> list[object]:
        part = {"$ref": f"#/$defs/{method}.{kind}", "$defs": schema["$defs"]}
        return list(Draft202012Validator(part).iter_errors(message))

    assert problems(exchange.send, "request") == []
    text = json.dumps(exchange.expect).replace('"code": "*"', '"code": 1')
    expected = json.loads(text.replace('"*"', '"any"'))
    assert problems(expected, "answer") == []
    assert problems({"jsonrpc": "2.0", "id": "one"}, "answer") != []


def test_a_driver_answers_as_the_transcript_expects() -> None:
    assert list(replay([sys.executable, str(DRIVER)], dict(os.environ))) == []


def test_a_wrong_answer_is_told() -> None:
    [first, *_] = replay([sys.executable, str(DRIVER), "loose with types"], dict(os.environ))
    assert first.startswith("to get it answered")
