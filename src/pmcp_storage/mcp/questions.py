"""What a tool asks while it runs as a task: answered at once where the answer is known.

Nobody waits for a human: otherwise the run writes the questions down and ends, and a later run of
the same tool, from its beginning, finds the answers.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from mcp_types import (
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitRequestURLParams,
    ElicitResult,
)

from pmcp_storage.mcp.wire import dumped

_TURNS = 20
"""Of the event loop: what is asked within these counts as asked together."""


class Questions:
    """The questions of one run.

    Their keys are digests of the question and of how often it was asked before, so that each run of
    a task has the same ones, and none is ever used for two questions.
    """

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self._answers = answers
        self._times = Counter[str]()
        self._asked = asyncio.Event()
        self.open: dict[str, Any] = {}
        """What has no answer, by key."""

    async def wait_until_asked(self) -> None:
        """Wait until a question has no answer, and for those that are asked together with it."""
        await self._asked.wait()
        for _ in range(_TURNS):
            await asyncio.sleep(0)

    # `elicit_with_validation` and `elicit_url` of the SDK ask these of a session.

    async def elicit_form(self, *, message: str, requested_schema: Any, **_: Any) -> ElicitResult:
        """The answer to a form."""
        return await self._elicit(
            ElicitRequestFormParams(message=message, requested_schema=requested_schema)
        )

    async def elicit_url(
        self, *, message: str, url: str, elicitation_id: str, **_: Any
    ) -> ElicitResult:
        """Whether the user has consented to open a page."""
        return await self._elicit(
            ElicitRequestURLParams(message=message, url=url, elicitation_id=elicitation_id)
        )

    async def _elicit(
        self, params: ElicitRequestFormParams | ElicitRequestURLParams
    ) -> ElicitResult:
        request = dumped(ElicitRequest(params=params))
        key = self._key_of(request)
        if key not in self._answers:
            self.open[key] = request
            self._asked.set()
            await asyncio.Future()  # until this run is ended
        return ElicitResult.model_validate(self._answers[key])

    def _key_of(self, request: Any) -> str:
        text = json.dumps(request, sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        self._times[digest] += 1
        return f"{digest}-{self._times[digest]}"
