"""VAL-3: strings."""

from __future__ import annotations

from datetime import UTC, datetime

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_val.support import expect_round_trip, payload
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_stored
from pmcp_conformance.generators import corpus
from pmcp_storage import Task, TaskStatus


@rule("VAL-3")
def strings(trial: Trial) -> None:
    """Strings of any Unicode come back equal: empty, astral, escapes, U+0000, U+2028, CRLF, very
    long.

    Why: Tool output contains anything: a NUL from a binary, CRLF, emoji. Such a result cannot be
    stored at all, or comes back cut or altered.

    Real bug: PostgreSQL refused jOOQ's insert of valid JSON into a JSONB column because a string in
    it contained U+0000. (https://github.com/jOOQ/jOOQ/issues/13903)

    Mend: Text or bytes of full UTF-8 with no transformation: to_json escapes U+0000, so the text
    has none. No jsonb, no utf8mb3, no text mode of files (newline=''), no trimming or normalizing.
    """
    values = [sample.value for sample in corpus.values.STRINGS]
    brief = [value for value in values if len(value) < 1000]
    expect_round_trip(trial, **payload(brief))
    for value in set(values) - set(brief):
        expect_round_trip(trial, variables={"long": value})
    now = datetime.now(UTC)
    for value in (*brief, "x" * 300, "\U0001f600" * 5_000):
        task = Task(
            task_id="task",
            status=TaskStatus.WORKING,
            status_message=value,
            created_at=now,
            last_updated_at=now,
        )
        record = trial.store_record(trial.owner(), task=task, request_method=value, result=value)
        expect_stored(trial, record, 1)
