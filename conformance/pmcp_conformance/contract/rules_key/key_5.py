"""KEY-5: white space."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_key.support import expect_distinct_keys
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.generators import corpus


@rule("KEY-5")
def white_space(trial: Trial) -> None:
    """Keys differ by leading, trailing and doubled white space.

    Why: 'job' and 'job ' become one record: the second create is refused, or one task overwrites
    the other.

    Real bug: TiDB refused 'bar ' as a duplicate of 'bar' in a varchar primary key, which MySQL 8.0
    accepts with its defaults. (https://github.com/pingcap/tidb/issues/44203)

    Mend: A collation without padding (utf8mb4_0900_bin rather than utf8mb4_bin, COLLATE "C"), text
    or varchar instead of char(n), and no strip() or split() on ids.
    """
    expect_distinct_keys(trial, corpus.ids.SPACES)
