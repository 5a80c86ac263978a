"""The Context of a tool that runs as a task: what would go to the client goes into the task."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from mcp.server.elicitation import elicit_url, elicit_with_validation
from mcp.server.mcpserver import Context

from pmcp_storage.mcp.questions import Questions

_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "notice": logging.INFO,
    "warning": logging.WARNING,
}


class TaskContext(Context[Any, Any]):
    """A Context whose progress is the task's status message, whose elicitations are the task's
    inputRequests, and whose log is Python's: a tool is the same whether it runs as a task or not.

    In a run that another process has begun there is no request: what needs one raises ValueError,
    as it does outside of a request.
    """

    _questions: Questions
    _note: Callable[[str], None]
    _logger: logging.Logger

    def __init__(
        self,
        questions: Questions,
        note: Callable[[str], None],
        logger: logging.Logger,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._questions = questions
        self._note = note
        self._logger = logger

    @property
    def questions(self) -> Questions:
        """What the tool asks, for a Context of another kind."""
        return self._questions

    async def report_progress(
        self, progress: float, total: float | None = None, message: str | None = None
    ) -> None:
        """Make this the task's status message."""
        of_total = "" if total is None else f"/{total:g}"
        self._note(f"{progress:g}{of_total}" if message is None else message)

    async def elicit(self, message: str, schema: Any) -> Any:
        """Ask the client; the tool ends here, and is entered again when there is an answer."""
        session: Any = self._questions  # as much of a session as is asked of one
        return await elicit_with_validation(session, message, schema)

    async def elicit_url(self, message: str, url: str, elicitation_id: str) -> Any:
        """The same for a page to open."""
        session: Any = self._questions
        return await elicit_url(session, message, url, elicitation_id)

    async def log(self, level: str, data: Any, *, logger_name: str | None = None) -> None:
        """Write to the log of this process: no client listens."""
        logger = self._logger if logger_name is None else logging.getLogger(logger_name)
        logger.log(_LEVELS.get(level, logging.ERROR), "%s", data)
