"""VAL-12: unknown fields."""

from __future__ import annotations

import json

from pmcp_conformance.catalogue import rule
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_listed, expect_returns, expect_stored
from pmcp_storage import TaskRecord


@rule("VAL-12", facts=("keeps_unknown_fields",), back_doors=("plant",))
def unknown_fields(trial: Trial) -> None:
    """Fields unknown to this version come back, even after get, change and put_if_version.

    Why: During an upgrade old and new servers share a table. An old one that drops what it does not
    know deletes the newer one's data with every change it makes.

    Real bug: An older gittuf client that modifies policy metadata discards the fields that newer
    versions have added to it. (https://github.com/gittuf/gittuf/issues/751)

    Mend: Store the JSON of the record as a whole, with the fields that TaskRecord keeps for you; do
    not rebuild it from the columns or attributes that you know.
    """
    owner = trial.owner()
    fields = json.loads(trial.record(owner).to_json())
    fields |= {"inputRequests": {"r1": {"method": "ask"}}, "error": None, "owner_id": "x"}
    fields["task"] |= {"inputResponses": [1, 2.5, "é"], "task_id": None}
    planted = TaskRecord.from_json(json.dumps(fields))
    trial.plant(owner, "task", json.dumps(fields), 5)
    expect_stored(trial, planted, 5)
    changed = trial.backend.get(owner, "task").record.model_copy(update={"result": "done"})
    expect_returns(6, trial.backend.put_if_version, changed, 5)
    expected = planted.model_copy(update={"result": "done"})
    expect_stored(trial, expected, 6)
    expect_listed(trial, owner, expected)
