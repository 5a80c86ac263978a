"""Who does the job of a task: the runs of this process, and what becomes of abandoned tasks.

Whoever serves a request for a task whose lease has lapsed takes care of it: it is run again if it
may be, and fails otherwise. `recover` does so for tasks that nobody asks about.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from mcp_types import INTERNAL_ERROR

from pmcp_storage.backend import VersionedRecord
from pmcp_storage.errors import StorageError
from pmcp_storage.mcp import wire
from pmcp_storage.mcp.leases import LEASE, holder, is_abandoned, is_free, lease, new_run
from pmcp_storage.mcp.ledger import Ledger, is_leftover, task_of
from pmcp_storage.mcp.runs import STOPPED, Run, failure
from pmcp_storage.mcp.tools import Surroundings, TaskTool, logger
from pmcp_storage.records import TaskRecord
from pmcp_storage.store.change import TaskChange
from pmcp_storage.store.task_errors import TaskNotFoundError
from pmcp_storage.store.task_store import AsyncTaskStore

Start = Callable[[str, str], Awaitable[None]]
"""Has `run` called for the task of that owner and id, in any process."""


class Runner:
    """The runs of one process."""

    def __init__(
        self,
        store: AsyncTaskStore,
        tools: Mapping[str, TaskTool],
        lease_seconds: float,
        start: Start | None,
        ledger: Ledger | None,
    ) -> None:
        self._store = store
        self._tools = tools
        self._lease_seconds = lease_seconds
        self._start = start
        self._ledger = ledger
        self._runs: dict[tuple[str, str], tuple[Run, asyncio.Task[None]]] = {}

    def first_lease(self, tool: str) -> dict[str, object]:
        """The lease with which a call of that tool begins, or goes on when it has been answered: of
        a run of this process, or of nobody while it is on its way to another."""
        runs_here = self._start is None and tool in self._tools
        return lease(new_run() if runs_here else "", self._lease_seconds)

    async def go_on(self, found: VersionedRecord, around: Surroundings) -> None:
        """See to it that the job of a task that has its first lease is done."""
        if self._start is not None:
            await self._send(found.record, self._start)
        elif holder(found.record):
            self._spawn(found, around)

    async def run(self, owner_id: str, task_id: str) -> TaskRecord:
        """Do the job of a task unless it is being done or need not be; the task afterwards.

        Raises TaskNotFoundError.
        """
        found = await self._store.get(owner_id, task_id)
        if is_abandoned(found.record) and not self._may_run(found.record):
            found, _ = await self._fail(found)
        elif _is_to_be_had(found.record):
            found, mine = await self._claim(found)
            if mine:
                await self._spawn(found, Surroundings())
                found = await self._store.get(owner_id, task_id)
        return found.record

    async def rescue(
        self, found: VersionedRecord, around: Surroundings
    ) -> tuple[VersionedRecord, bool]:
        """Take care of a task whose lease has lapsed; the task as it is then, and whether it was
        this process that did so."""
        if not is_abandoned(found.record) or self._tool(found.record) is None:
            return found, False
        if not self._may_run(found.record):
            return await self._fail(found)
        if self._start is not None:
            return await self._start_again(found, self._start)
        found, mine = await self._claim(found)
        if mine:
            self._spawn(found, around)
        return found, mine

    async def recover(self, owner_id: str | None) -> int:
        """Take care of the abandoned tasks of an owner, or of all; how many there were."""
        if owner_id is None:
            return await self._recover_all()
        count, cursor = 0, None
        while True:
            page = await self._store.list(owner_id, cursor=cursor)
            for found in page.tasks:
                count += (await self.rescue(found, Surroundings()))[1]
            cursor = page.next_cursor
            if cursor is None:
                return count

    def stop(self, record: TaskRecord) -> None:
        """Stop a run of this process whose task was cancelled; one elsewhere finds out when it next
        writes."""
        if under_way := self._runs.get((record.owner_id, record.task_id)):
            under_way[0].stop()

    async def ended(self, record: TaskRecord) -> None:
        """Strike a task that has ended from the ledger."""
        if self._ledger is None or not record.status.is_terminal:
            return
        try:
            await self._ledger.end(record.owner_id, record.task_id)
        except StorageError as error:
            logger.warning("task %r stays in the ledger: %s", record.task_id, error)

    async def close(self) -> None:
        """Stop the runs of this process, and let others have their tasks at once."""
        under_way = list(self._runs.values())
        await asyncio.gather(*(run.hand_over() for run, _ in under_way))
        await asyncio.gather(*(work for _, work in under_way), return_exceptions=True)

    def _tool(self, record: TaskRecord) -> TaskTool | None:
        return self._tools.get(wire.tool_of(record))

    def _may_run(self, record: TaskRecord) -> bool:
        """Whether the job may be begun, for all that is known of runs before."""
        tool = self._tool(record)
        return tool is not None and (tool.resumable or not holder(record))

    def _spawn(self, found: VersionedRecord, around: Surroundings) -> asyncio.Task[None]:
        record = found.record
        tool = self._tool(record)
        assert tool is not None
        key = record.owner_id, record.task_id
        run = Run(self._store, tool, found, self._lease_seconds, around)
        work = asyncio.create_task(self._work(run, key), name=f"task {record.task_id}")
        self._runs[key] = run, work
        return work

    async def _work(self, run: Run, key: tuple[str, str]) -> None:
        try:
            await run.work()
        finally:
            if (mine := self._runs.get(key)) and mine[0] is run:
                del self._runs[key]
        await self.ended(run.record)

    async def _claim(self, found: VersionedRecord) -> tuple[VersionedRecord, bool]:
        """Take a task that is abandoned or free."""
        change = TaskChange(variables={LEASE: lease(new_run(), self._lease_seconds)})
        return await self._change_if(_is_to_be_had, found, change)

    async def _start_again(
        self, found: VersionedRecord, start: Start
    ) -> tuple[VersionedRecord, bool]:
        """Hand a task on once more; of many who want to at the same time one does."""
        change = TaskChange(variables={LEASE: lease("", self._lease_seconds)})
        found, mine = await self._change_if(is_abandoned, found, change)
        if mine:
            await self._send(found.record, start)
        return found, mine

    async def _send(self, record: TaskRecord, start: Start) -> None:
        """Have another process do the job; if that fails, it is tried again when the lease has
        lapsed."""
        try:
            await start(record.owner_id, record.task_id)
        except Exception:
            logger.exception("task %r was not started", record.task_id)

    async def _fail(self, found: VersionedRecord) -> tuple[VersionedRecord, bool]:
        change = failure(INTERNAL_ERROR, STOPPED)
        found, mine = await self._change_if(is_abandoned, found, change)
        await self.ended(found.record)
        return found, mine

    async def _change_if(
        self, wanted: Callable[[TaskRecord], bool], found: VersionedRecord, change: TaskChange
    ) -> tuple[VersionedRecord, bool]:
        """Change a task if the newest one is as wanted; the task then, and whether it was."""
        mine = False

        def decide(newest: TaskRecord) -> TaskChange | None:
            nonlocal mine
            mine = wanted(newest)
            return change if mine else None

        record = found.record
        changed = await self._store.change(record.owner_id, record.task_id, decide, known=found)
        return changed, mine

    async def _recover_all(self) -> int:
        if self._ledger is None:
            raise ValueError(
                "recover() finds the tasks of all owners in the ledger: make the extension with "
                "ledger=True, or name an owner"
            )
        count = 0
        async for entry in self._ledger.entries():
            count += await self._recover_entry(entry, self._ledger)
        return count

    async def _recover_entry(self, entry: TaskRecord, ledger: Ledger) -> bool:
        owner_id, task_id = task_of(entry)
        try:
            found = await self._store.get(owner_id, task_id)
        except TaskNotFoundError:
            if is_leftover(entry):
                await ledger.end(owner_id, task_id)
            return False
        await self.ended(found.record)
        return (await self.rescue(found, Surroundings()))[1]


def _is_to_be_had(record: TaskRecord) -> bool:
    return is_abandoned(record) or is_free(record)
