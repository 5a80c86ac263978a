"""One run of one task: the tool is called, and what comes of it is written under the run's lease.

A run ends when the tool has ended, when it asks what nobody has answered, when the task has been
cancelled or taken over, or when the process is about to stop.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, CallToolResult, InputRequiredResult

from pmcp_storage.backend import VersionedRecord
from pmcp_storage.mcp import wire
from pmcp_storage.mcp.leases import LEASE, LeaseLostError, holder, lease
from pmcp_storage.mcp.questions import Questions
from pmcp_storage.mcp.tools import Surroundings, TaskTool, ToolResult, call_tool, logger
from pmcp_storage.records import TaskRecord, TaskStatus
from pmcp_storage.store.change import TaskChange
from pmcp_storage.store.task_errors import (
    TaskEndedError,
    TaskError,
    TaskNotFoundError,
    TaskTooLargeError,
)
from pmcp_storage.store.task_store import AsyncTaskStore

STOPPED = "The server stopped while it worked on this task"

_SECONDS_TO_END = 5.0
"""For a tool that is cancelled, to clean up before its process stops."""

_LOST = (LeaseLostError, TaskEndedError, TaskNotFoundError)


class Run:
    """A run of a task whose lease it holds."""

    def __init__(
        self,
        store: AsyncTaskStore,
        tool: TaskTool,
        found: VersionedRecord,
        lease_seconds: float,
        around: Surroundings,
    ) -> None:
        self._store = store
        self._tool = tool
        self._found = found
        self._name = holder(found.record)
        self._lease_seconds = lease_seconds
        self._around = around
        self._held_until = time.monotonic() + lease_seconds
        self._message: str | None = None
        self._noting: asyncio.Task[None] | None = None
        self._writing = asyncio.Lock()
        self._body: asyncio.Task[ToolResult] | None = None
        self._stopping = False

    async def work(self) -> None:
        """Do the job, and write down what came of it."""
        heart = asyncio.create_task(self._keep_lease())
        try:
            await self._write_until_lost(await self._outcome())
        except _LOST:
            pass
        finally:
            for helper in (heart, self._noting):
                if helper is not None:
                    helper.cancel()

    def stop(self) -> None:
        """Cancel the tool, whose task has ended or is another run's."""
        self._stopping = True
        if self._body is not None:
            self._body.cancel()

    async def hand_over(self) -> None:
        """Cancel the tool, and let others have its task at once; fail one that is not resumable."""
        if self._body is not None and self._body.done():
            return  # the outcome is being written
        self.stop()
        await self._end_body()
        if self._tool.resumable:
            change = TaskChange(variables={LEASE: lease("", 0)})
        else:
            change = failure(INTERNAL_ERROR, STOPPED)
        try:
            await self._change(change)
        except (*_LOST, TaskError):
            logger.warning("task %r is left until its lease lapses", self._task_id)

    @property
    def record(self) -> TaskRecord:
        """The task as this run last wrote it."""
        return self._found.record

    @property
    def _task_id(self) -> str:
        return self.record.task_id

    async def _outcome(self) -> TaskChange:
        """What becomes of the task when the tool has ended, or has asked."""
        variables = self._found.record.variables
        questions = Questions(variables.get(wire.ANSWERS, {}))
        if self._stopping:
            raise LeaseLostError
        call = call_tool(self._tool.tool, variables, questions, self._note, self._around)
        self._body = asyncio.create_task(call)
        asked = asyncio.create_task(questions.wait_until_asked())
        await asyncio.wait([self._body, asked], return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        if not self._body.done():
            self._body.cancel()
            await self._end_body()
            return _asking(questions.open)
        return await self._ended(self._body)

    async def _end_body(self) -> None:
        """Let the tool, which is cancelled, clean up for some seconds."""
        if self._body is not None:
            await asyncio.wait([self._body], timeout=_SECONDS_TO_END)

    async def _ended(self, body: asyncio.Task[ToolResult]) -> TaskChange:
        try:
            result = await body
        except MCPError as error:
            return failure(error.error.code, error.message, error.error.data)
        except asyncio.CancelledError:
            if self._stopping:
                raise LeaseLostError from None
            return failure(INTERNAL_ERROR, "The tool was cancelled")
        if isinstance(result, InputRequiredResult):
            return _asking_by_result(result, self._found.record.variables)
        return self._completed(result)

    def _completed(self, result: CallToolResult) -> TaskChange:
        variables = {LEASE: None, wire.ROUND: None}
        return TaskChange(
            status=TaskStatus.COMPLETED,
            message=self._message,
            variables=variables,
            result=wire.dumped(result),
        )

    def _note(self, message: str) -> None:
        """Make this the status message soon: the last of many, at most once in a poll interval."""
        self._message = message
        if self._noting is None or self._noting.done():
            self._noting = asyncio.create_task(self._write_notes())

    async def _write_notes(self) -> None:
        written = None
        while self._message != written:
            written = self._message
            try:
                await self._change(TaskChange(message=written))
            except _LOST:
                self.stop()
                return
            except TaskError as error:
                logger.warning("progress of task %r was not written: %s", self._task_id, error)
            await asyncio.sleep((self._found.record.task.poll_interval or 500) / 1000)

    async def _keep_lease(self) -> None:
        """Renew the lease at a third of it; stop the tool once it is lost, or has lapsed."""
        pause = self._lease_seconds / 3
        while time.monotonic() + pause < self._held_until:
            await asyncio.sleep(pause)
            begun = time.monotonic()
            try:
                await self._change(
                    TaskChange(variables={LEASE: lease(self._name, self._lease_seconds)})
                )
                self._held_until = begun + self._lease_seconds
                pause = self._lease_seconds / 3
            except _LOST:
                self.stop()
                return
            except TaskError as error:
                logger.warning("the lease of task %r was not renewed: %s", self._task_id, error)
                pause = self._lease_seconds / 10
        logger.warning("the lease of task %r has lapsed: its tool is stopped", self._task_id)
        self.stop()

    async def _write_until_lost(self, change: TaskChange) -> None:
        """Write the outcome; again while the storage fails, for as long as the lease is held."""
        pause = 0.05
        while True:
            try:
                await self._change(change)
                return
            except TaskTooLargeError as error:
                change = failure(INTERNAL_ERROR, f"The outcome is too large: {error}")
            except _LOST:
                raise
            except TaskError:
                if time.monotonic() + pause > self._held_until:
                    logger.exception("the outcome of task %r was not written", self._task_id)
                    raise LeaseLostError from None
                await asyncio.sleep(pause)
                pause *= 2

    async def _change(self, change: TaskChange) -> None:
        """Write a change if the lease is this run's. Raises LeaseLostError."""

        def fenced(record: TaskRecord) -> TaskChange:
            if holder(record) != self._name or record.status.is_terminal:
                raise LeaseLostError
            return change

        record = self._found.record
        async with self._writing:
            self._found = await self._store.change(
                record.owner_id, record.task_id, fenced, known=self._found
            )


def failure(code: int, message: str, data: Any = None) -> TaskChange:
    """The change that fails a task with a JSON-RPC error."""
    error = {"code": code, "message": message} | ({} if data is None else {"data": data})
    return TaskChange(
        status=TaskStatus.FAILED, message=message, variables={LEASE: None}, result=error
    )


def _asking(questions: dict[str, Any], last: dict[str, Any] | None = None) -> TaskChange:
    """The change that puts questions to the client; nobody works on the task until it answers."""
    variables = {LEASE: None, wire.QUESTIONS: questions, wire.ROUND: last}
    return TaskChange(status=TaskStatus.INPUT_REQUIRED, variables=variables)


def _asking_by_result(result: InputRequiredResult, variables: dict[str, Any]) -> TaskChange:
    """The same for what a tool has returned, whose next round gets the answers."""
    asked = wire.dumped(result).get("inputRequests", {})
    if not asked:
        return failure(INTERNAL_ERROR, "The tool asked to be called again, and asked nothing")
    number = variables.get(wire.ROUND, {}).get("number", 0) + 1
    # The same question may be asked in every round, and a key is never used again.
    keys = {name: f"{number}-{name}" for name in asked}
    last = {"number": number, "keys": keys, "state": result.request_state}
    return _asking({keys[name]: request for name, request in asked.items()}, last)
