"""KEY-3: case."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_key.support import expect_distinct_keys
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.generators import corpus


@rule("KEY-3")
def case(trial: Trial) -> None:
    """Keys differ by case.

    Why: 'Ann' reads and overwrites the tasks of 'ann', or cannot create one because the other's
    exists. Base64 ids and tokens do differ by case alone.

    Real bug: INDIGO IAM ran into duplicate-key errors because a key column was compared without
    regard to case in MySQL; a binary collation mended it.
    (https://github.com/indigo-iam/iam/pull/1136)

    Mend: A binary collation on the key columns (COLLATE "C", utf8mb4_0900_bin, BINARY), no citext,
    no NOCASE, no lower(), and hashed or hex-encoded file names.
    """
    expect_distinct_keys(trial, corpus.ids.CASES)
