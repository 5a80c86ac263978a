"""VAL-10: lists keep their order."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_val.support import expect_round_trip, payload
from pmcp_conformance.engine.trial import Trial


@rule("VAL-10")
def lists_keep_their_order(trial: Trial) -> None:
    """The order and the duplicates of a list are kept.

    Why: Steps, messages and tool calls are lists whose order has a meaning: sorted or without
    repetitions they tell another story.

    Mend: Lists stay inside the JSON text. Do not map them to sets (SS, NS), sorted sets or child
    rows without a position.
    """
    expect_round_trip(trial, **payload([3, 1, 2, 3, 1, 1]))
    expect_round_trip(trial, **payload(["b", "a", "b", "", "a"]))
    expect_round_trip(trial, **payload([{"b": 1}, {"a": 2}, {"b": 1}, [2, 1], [2, 1], None, None]))
    expect_round_trip(trial, result=[number % 7 for number in range(20_000)])
