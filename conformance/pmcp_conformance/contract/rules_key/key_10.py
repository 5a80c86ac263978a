"""KEY-10: paths."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_key.support import expect_distinct_keys
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.generators import corpus


@rule("KEY-10")
def paths(trial: Trial) -> None:
    """Ids that look like paths (.. ../x /etc a/b) reach nothing outside the store.

    Why: A chosen id reads or overwrites files outside the store, or two different ids lead to one
    file.

    Real bug: In Uyuni (CVE-2019-10137) a server id could be set to a path, which led out of the
    cache directory and let an attacker find out which files exist.
    (https://github.com/uyuni-project/uyuni/pull/1157)

    Mend: Never use an id as a path: name files by a digest or hex of the id. Filtering out '..' is
    not enough, as slashes, absolute paths and leading dots remain.
    """
    expect_distinct_keys(trial, corpus.ids.PATHS)
