"""What is wrong with a backend, as an object: the facts that a report shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pmcp_storage import StorageError, TaskError


class Violation(Exception):  # noqa: N818 - a finding, not an error of the kit
    """A rule does not hold: what was expected and what was observed."""

    def __init__(
        self,
        expected: str,
        observed: str,
        operations: Sequence[str] | None = None,
        *,
        place: str = "",
        history: str = "",
    ) -> None:
        super().__init__(expected, observed)
        self.expected = expected
        self.observed = observed
        self.operations = operations
        """What led there, where it is not what the rule's own handle did last."""
        self.place = place
        """Where in the backend's code another call came in, where that matters."""
        self.history = history
        """The file that has the whole history."""

    def __str__(self) -> str:
        return f"expected {self.expected}, observed {self.observed}"


class Blocked(Exception):  # noqa: N818 - likewise
    """A rule cannot be judged, because another that it builds on does not hold."""

    def __init__(self, rule_id: str, cause: Exception) -> None:
        super().__init__(rule_id, cause)
        self.rule_id = rule_id
        self.cause = cause


class Inconclusive(BaseException):
    """A rule cannot be judged, for a reason that is not the backend's.

    `reason` says in a sentence what happened and what to do about it; `details` are further lines.
    It is no Exception, so that nothing takes it for what an operation has raised.
    """

    def __init__(self, reason: str, details: str = "") -> None:
        super().__init__(reason, details)
        self.reason = reason
        self.details = details

    def __str__(self) -> str:
        return self.reason


class NotApplicable(Exception):  # noqa: N818 - likewise
    """A rule does not concern this target, which only its handle shows; the message says why."""


@contextmanager
def premise(rule_id: str) -> Iterator[None]:
    """What fails in here is for that other rule to judge: the rule at hand is then blocked by it.

    Raises Blocked for a Violation, a StorageError or a TaskError.
    """
    try:
        yield
    except (Violation, StorageError, TaskError) as error:
        raise Blocked(rule_id, error) from error
