"""VAL-4: empty values."""

from __future__ import annotations

from typing import Any

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_val.support import expect_round_trip, payload
from pmcp_conformance.engine.trial import Trial


@rule("VAL-4")
def empty_values(trial: Trial) -> None:
    """true, false, null, empty lists and empty objects come back as themselves, at any depth.

    Why: A result of 0, false or [] looks as if the task had none, and a client that expects a list
    gets an object or nothing.

    Real bug: In a Redis script, cjson.encode(cjson.decode('[]')) gives {}, since Lua cannot tell an
    empty array from an empty object. (https://github.com/redis/redis/issues/856)

    Mend: Store the JSON as one opaque text. Distinguish absent from empty with `is None`; no
    omitempty, no exclude_none, no re-encoding in Lua or PHP.
    """
    empties: list[Any] = [True, False, None, [], {}, "", 0]
    for value in empties:
        expect_round_trip(
            trial, result=value, variables={"value": value}, meta={"value": value, "kept": 1}
        )
    members = {f"member {number}": value for number, value in enumerate(empties)}
    expect_round_trip(
        trial, **payload([empties, [empties], members, {"deep": {"er": empties, **members}}])
    )
    expect_round_trip(trial, variables={}, result=None)
