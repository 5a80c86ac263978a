"""What docs/driver-protocol.schema.json says, made from the messages of the protocol."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic.json_schema import models_json_schema

from pmcp_conformance.driver.messages import METHODS, Error, Message

PAGE = Path(__file__).parents[2] / "docs" / "driver-protocol.schema.json"

Schema = dict[str, Any]


def driver_schema() -> str:
    """The JSON Schema of a line: a request, or a response; by method under `$defs`."""
    kinds = {kind for pair in METHODS.values() for kind in pair} | {Error}
    ordered = sorted(kinds, key=lambda kind: kind.__name__)
    _, messages = models_json_schema(
        [(kind, "validation") for kind in ordered], ref_template="#/$defs/{model}"
    )
    failure = _message(error=_ref(Error))
    requests = {f"{method}.request": _request(method, of[0]) for method, of in METHODS.items()}
    answers = {f"{method}.answer": _answer(of[1], failure) for method, of in METHODS.items()}
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A message of the driver protocol, version 1",
        "anyOf": [{"$ref": f"#/$defs/{name}"} for name in (*requests, *answers)],
        "$defs": {**messages["$defs"], **requests, **answers},
    }
    return json.dumps(schema, indent=2) + "\n"


def _request(method: str, params: type[Message]) -> Schema:
    return _message(method={"const": method}, params=_ref(params))


def _answer(result: type[Message], failure: Schema) -> Schema:
    return {"oneOf": [_message(result=_ref(result)), failure]}


def _message(**members: Schema) -> Schema:
    """An object with these members, and those that every message has."""
    properties: Schema = {"jsonrpc": {"const": "2.0"}, "id": {"type": "integer"}, **members}
    return {"type": "object", "properties": properties, "required": list(properties)}


def _ref(kind: type[Message]) -> Schema:
    return {"$ref": f"#/$defs/{kind.__name__}"}
