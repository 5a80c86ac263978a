"""STORE-23: the limits of variables, to the level and to the byte."""

from __future__ import annotations

from typing import Any

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import INPUT, expect_same, seed_task
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_raises, expect_returns
from pmcp_storage import InvalidVariablesError


@rule("STORE-23")
def limits_of_variables(trial: Trial) -> None:
    """Variables nested deeper than max_variable_depth, and strings and keys over max_string_bytes
    of UTF-8, are refused before any request; the limits themselves are accepted.

    Why: Deep or huge values are stored once and then break every reader: a parser's recursion
    limit, a client's memory, an index. Who may write a task could thus disable its listing.

    Real bug: json-smart had no limit to the nesting of arrays and objects, and its recursive parser
    overflowed the stack on deeply nested input (CVE-2023-1370).
    (https://github.com/json-path/JsonPath/issues/906)

    Mend: Count a level for objects and for lists alike, the variables themselves being level 1;
    measure keys as well as values by their UTF-8 bytes; do so without recursion before the first
    request.
    """
    bench = StoreBench(trial)
    owner = trial.owner()
    store = bench.store(max_variable_depth=4, max_string_bytes=20)
    seed_task(trial, owner)
    fitting = [nested_variables(4), {"a": "é" * 10}, {"é" * 10: 1}, {"a": [{"b": "é" * 10}]}]
    for number, given in enumerate(fitting):
        store.set_variables(owner, "task", given)
        store.create(owner, "tools/call", task_id=f"{number}", variables=given)
    bench.backend.requests.clear()
    long = "é" * 10 + "x"
    for wrong in (
        nested_variables(5),
        nested_variables(9),
        {"a": long},
        {long: 1},
        {"a": [{"b": long}]},
        {"a": [{long: 1}]},
        {"a": {1}},
    ):
        expect_raises(InvalidVariablesError, store.set_variables, owner, "task", wrong)
        expect_raises(InvalidVariablesError, store.create, owner, "tools/call", variables=wrong)
    expect_same("requests", {}, dict(bench.backend.requests))
    expect_same("status", INPUT, store.update_status(owner, "task", INPUT, long).record.status)
    expect_returns(
        [[[[long]]]], lambda: store.set_result(owner, "task", [[[[long]]]]).record.result
    )


def nested_variables(levels: int) -> dict[str, Any]:
    """Variables of this many levels: an object, then lists and objects in turn."""
    value: Any = 1
    for level in range(levels - 1, 0, -1):
        value = [value] if level % 2 else {"k": value}
    return {"k": value}
