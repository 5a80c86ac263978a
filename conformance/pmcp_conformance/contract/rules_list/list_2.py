"""LIST-2: the listing of nobody."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_returns


@rule("LIST-2")
def unknown_owners_list_nothing(trial: Trial) -> None:
    """The listing of an unknown owner is empty.

    Why: A new user's first list of tasks ends in an error page instead of an empty list.

    Mend: Return [] where the owner has no rows, folder or partition; give dict.get a default and
    catch the library's not-found error.
    """
    trial.store_record(known := trial.owner())
    for owner in (trial.owner(), trial.owner(f"{known}{{}}")):
        expect_returns([], trial.backend.list_by_owner, owner)
        expect_returns([], list, trial.backend.iter_by_owner(owner))
