"""The results of a run as one document: what every report, badge and page is made from.

Plain data with a schema version; `docs/report.schema.json` is its JSON Schema. A reader may rely on
what the schema of one major version says; new fields come with a minor one and have defaults, so
that files of older ones can still be read.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from pmcp_conformance.report.results import Outcome
from pmcp_conformance.report.verdicts import Verdict

SCHEMA_VERSION: Literal["1.0"] = "1.0"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)


class Call(_Part):
    """A call on the backend."""

    code: str = Field(description="As Python code; see the page on reports for its helpers.")
    outcome: str = Field(description="What it returned or raised.")


class CallsMade(_Part):
    """The calls of a rule, for `pmcp-conformance reproduce`."""

    began: datetime = Field(description="The instant from which `at` in the calls counts seconds.")
    owners: dict[str, str] = Field(description="The owner ids, by their names in the calls.")
    handles: dict[str, str] = Field(
        description="The method of the target that opened each handle, by its name in the calls."
    )
    calls: list[Call]
    missing: str = Field(default="", description="Why there are none.")


class Finding(_Part):
    """Why a rule failed."""

    expected: str
    observed: str
    operations: list[str] = Field(
        default=[],
        description="What led there, a line each; A, B … stand for owner ids. With a history, the "
        "timeline of those that contradict.",
    )
    declared: str = Field(
        default="", description="The facts of the target by which the rule concerns it."
    )
    place: str = Field(
        default="",
        description="Where in the backend's code an error came up, or another call came in: "
        "file, line and, of an error, function.",
    )
    traceback: str = ""
    history: str = Field(
        default="",
        description="The file with the whole recorded history, on the machine of the run.",
    )
    calls: CallsMade | None = None


class RuleResult(_Part):
    """What became of one rule."""

    id: str
    group: str
    since: str = Field(description="The contract version that brought the rule.")
    sentence: str
    outcome: Outcome
    reason: str = Field(default="", description="In a few words, why it did not pass.")
    details: str = Field(
        default="", description="Further lines of the reason, such as what a process has logged."
    )
    blocked_by: str = Field(default="", description="The rule that fails and blocks this one.")
    known: str = Field(
        default="",
        description="Why the rule is listed as a known failure, if it is; of a rule that passes, "
        "the entry is to be removed.",
    )
    seconds: float = 0.0
    calls: int = Field(
        default=0, description="Operations on the backend, without those of child processes."
    )
    finding: Finding | None = None


_GOOD_FIT = 0.5
"""How well a known bug fits where a report may say so without reserve."""


class Diagnosis(_Part):
    """A known bug that looks like this backend's."""

    mutant: str
    rule: str
    what: str = Field(description="What is broken, in a sentence.")
    fit: float = Field(ge=0, le=1, description="How well it fits: 1 if all verdicts agree.")

    @property
    def likeness(self) -> str:
        """How a report says that the backend has this bug."""
        return "looks like" if self.fit >= _GOOD_FIT else "looks a little like"


class Start(_Part):
    """Where to start mending."""

    rule: str
    explains: int = Field(description="How many of the other failures probably have its cause.")


class Platform(_Part):
    """Where a run took place."""

    python: str
    implementation: str
    system: str
    machine: str
    packages: dict[str, str] = Field(
        default={}, description="Versions of pytest and of the libraries of the storages."
    )


class Run(_Part):
    """The run in which a backend was checked."""

    kit: str = Field(description="The version of pmcp-storage.")
    contract: str = Field(description="The contract version that was checked.")
    newest_contract: str = Field(description="The newest one that this kit knows.")
    started: datetime
    seconds: float
    seed: int
    platform: Platform


class BackendResult(_Part):
    """What was found out about one backend."""

    name: str
    label: str = Field(
        description="What a report calls it, unlike any other in it: its name, and the run where "
        "several runs had a backend of that name."
    )
    run: Run
    verdict: Verdict
    file: str = Field(
        default="",
        description="The file from which the target was loaded, on the machine of the run; empty "
        "for a target that pmcp-storage ships.",
    )
    facts: dict[str, bool | int | float | str | None] = Field(
        default={}, description="What the target says of its storage."
    )
    back_doors: dict[str, bool] = Field(
        default={}, description="Whether the target offers each back door that rules need."
    )
    problems: list[str] = Field(
        default=[], description="What kept rules from running, or was left behind."
    )
    start: Start | None = None
    diagnoses: list[Diagnosis] = []
    rules: list[RuleResult] = Field(
        description="All rules of the contract version that was checked, in its order."
    )


class Report(_Part):
    """Backends that were checked, in one run or in several that were merged."""

    schema_version: Literal["1.0"] = SCHEMA_VERSION
    backends: list[BackendResult]
