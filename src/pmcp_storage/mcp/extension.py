"""`TasksExtension`: tools of an MCPServer as tasks that outlive the process (SEP-2663).

It answers the requests of clients. `runner` sees to it that somebody does the job, and `runs` does
it.
"""

from __future__ import annotations

import functools
import math
import secrets
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.extension import Extension, MethodBinding
from mcp.server.mcpserver import require_client_extension
from mcp.shared.exceptions import MCPError
from mcp.shared.inbound import MCP_NAME_HEADER, decode_header_value
from mcp_types import HEADER_MISMATCH, INTERNAL_ERROR, INVALID_PARAMS, CallToolRequestParams
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from pmcp_storage.aio.async_backend import AsyncStorageBackend
from pmcp_storage.backend import StorageBackend, VersionedRecord
from pmcp_storage.mcp import wire
from pmcp_storage.mcp.callers import bearer_of, principal
from pmcp_storage.mcp.leases import LEASE
from pmcp_storage.mcp.ledger import Ledger
from pmcp_storage.mcp.marking import F, TaskBeginsError, TaskTools, until_task_begins
from pmcp_storage.mcp.runner import Runner, Start
from pmcp_storage.mcp.tools import Surroundings, TaskTool, logger
from pmcp_storage.records import TaskRecord, TaskStatus
from pmcp_storage.store.blocking import GenericTaskStore
from pmcp_storage.store.change import TaskChange
from pmcp_storage.store.config import StoreConfig
from pmcp_storage.store.task_errors import TaskBackendError, TaskError, TaskNotFoundError
from pmcp_storage.store.task_store import AsyncTaskStore
from pmcp_storage.store.validation import accept_ttl

RequestContext = ServerRequestContext[Any, Any]
Storage = AsyncTaskStore | GenericTaskStore | StorageBackend | AsyncStorageBackend


class TasksExtension(Extension):
    """Long-running tools as tasks that outlive the process that began them.

        tasks = TasksExtension(SqliteBackend("tasks.db"))
        server = MCPServer("reports", extensions=[tasks], lifespan=tasks.lifespan)

        @server.tool()
        @tasks.task(resumable=True)
        async def report(year: int, ctx: Context) -> str: ...

    `storage` is a backend, or a task store with limits of your own; a backend gets a store with
    `StoreConfig.for_tool_calls()`. It stays open.

    `owner` names the caller of a request, by default the client, issuer and subject of its access
    token. Where it returns None, whoever holds a task's id may use the task.

    `lease_seconds`: a process that has not renewed its lease for so long counts as dead, and its
    task is run again or failed by whoever next serves a request for it, or by `recover`. The lease
    is renewed at a third of it. The clocks of all processes must agree to a small part of it.

    `start`, if given, is awaited with the owner and the id of each task whose job is to be done,
    and has `run` called with them, in any process: a queue's worker, or another Lambda function. If
    it raises, the task is started anew once its lease has lapsed.

    `ledger` keeps a list of the tasks under way, so that `recover` finds abandoned ones of all
    owners, at one more write when a task begins and one when it ends.

    Raises TypeError for another storage, and ValueError for a lease that is not a positive number.
    Works on asyncio.
    """

    identifier = wire.EXTENSION_ID

    def __init__(
        self,
        storage: Storage,
        *,
        owner: Callable[[], str | None] = principal,
        lease_seconds: float = 30.0,
        start: Start | None = None,
        ledger: bool = False,
    ) -> None:
        if not (isinstance(lease_seconds, int | float) and 0 < lease_seconds < math.inf):
            raise ValueError(f"lease_seconds must be a positive number, not {lease_seconds!r}")
        self.store = _store_over(storage)
        """The task store in which the tasks are."""
        self._unlimited = _without_quota(self.store)
        self._owner = owner
        self._entered = 0
        self.task_tools = TaskTools()
        """The tools that run as tasks, by name; an adapter may add some of another kind."""
        self._ledger = Ledger(self._unlimited) if ledger else None
        self._runner = Runner(self.store, self.task_tools, lease_seconds, start, self._ledger)

    def task(
        self,
        *,
        name: str | None = None,
        required: bool = False,
        resumable: bool = False,
        ttl_ms: int | None = None,
    ) -> Callable[[F], F]:
        """Mark a tool as long-running: below `@server.tool()`, with its `name` if that has one.

        `required`: a client without the extension gets an error instead of waiting. `resumable`:
        after a crash another process may call it again from its beginning; otherwise its task
        fails. `ttl_ms`: milliseconds after which the task is gone, with its result (None: the
        store's default).

        A tool that asks the client something ends there, and is called again from its beginning
        when the client has answered, whether it is resumable or not: what it does before it asks
        is done again. Raises ValueError for a name that is taken, and InvalidTtlError for a ttl
        that the store does not allow.
        """
        accept_ttl(ttl_ms, self.store.config)
        return self.task_tools.mark(name, required, resumable, ttl_ms)

    async def run(self, owner_id: str, task_id: str) -> TaskRecord:
        """Do the job of a task, and return the task as it is then: for workers that `start` wakes.

        Called twice for a task, at the same time or later, the job is done once. A task that comes
        back working is being done elsewhere: if that process is dead, `run` does the job once its
        lease has lapsed, so a queue should deliver the task again. Raises TaskNotFoundError,
        and TaskBackendError when the storage fails.
        """
        return await self._runner.run(owner_id, task_id)

    async def recover(self, owner_id: str | None = None) -> int:
        """Take care of tasks whose process is gone: those of an owner, or of all by the ledger.

        Each is run again, in this process or by `start`, if it is resumable or was never begun,
        and fails otherwise; of many processes exactly one does it. Returns how many tasks that
        were; runs go on in the background. To be called now and then, by a timer, for tasks that
        no client asks about. Raises ValueError without an owner where there is no ledger,
        TaskBackendError when the storage fails.
        """
        return await self._runner.recover(owner_id)

    @asynccontextmanager
    async def lifespan(self, server: Any = None) -> AsyncIterator[dict[str, Any]]:
        """For `MCPServer(lifespan=tasks.lifespan)`: a server that is stopped hands its tasks over.

        Without it they wait until their lease has lapsed, as after a crash; and clients that ask
        for notifications about tasks, which are not sent, are not told that they lack the
        extension. To be entered in a lifespan of your own, with the server.
        """
        if server is not None and _refuse_undeclared_listening not in server.middleware:
            server.middleware.append(_refuse_undeclared_listening)
        # Some transports enter it for each connection.
        self._entered += 1
        try:
            yield {}
        finally:
            self._entered -= 1
            if not self._entered:
                await self._runner.close()

    def methods(self) -> Sequence[MethodBinding]:
        """tasks/get, tasks/update and tasks/cancel."""
        versions = frozenset(MODERN_PROTOCOL_VERSIONS)
        return [
            MethodBinding("tasks/get", wire.TaskParams, self._get, versions),
            MethodBinding("tasks/update", wire.UpdateParams, self._update, versions),
            MethodBinding("tasks/cancel", wire.TaskParams, self._cancel, versions),
        ]

    async def intercept_tool_call(
        self, params: CallToolRequestParams, ctx: RequestContext, call_next: CallNext
    ) -> HandlerResult:
        """Answer the call of a task tool with a task, if the client has declared the extension."""
        tool = self.task_tools.get(params.name)
        if tool is None:
            return await call_next(ctx)
        if tool.required:
            require_client_extension(ctx, wire.EXTENSION_ID)
        name = params.name if has_declared(ctx) else None
        try:
            return await until_task_begins(name, functools.partial(call_next, ctx))
        except TaskBeginsError as begins:
            around = Surroundings.of(begins.context, ctx)
        return await self.begin(tool, params, around)

    async def begin(
        self, tool: TaskTool, params: CallToolRequestParams, around: Surroundings
    ) -> dict[str, Any]:
        """Create a task for a call, and see to it that its job is done; the CreateTaskResult."""
        with _told_to_client():
            found = await self._create(tool, params)
        await self._runner.go_on(found, around)
        return wire.created(found.record)

    async def _create(self, tool: TaskTool, params: CallToolRequestParams) -> VersionedRecord:
        store, task_id = self.store, self.store.mint_task_id()
        owner_id = self._owner()
        if owner_id is None:
            # Nobody else can have tasks of that owner, so there is nothing to count.
            store, task_id = self._unlimited, secrets.token_hex(16)
            owner_id = bearer_of(task_id)
        call = params.model_dump(by_alias=True, mode="json", exclude_none=True, exclude={"meta"})
        variables = {wire.CALL: call, LEASE: self._runner.first_lease(params.name)}
        if self._ledger is not None:
            await self._ledger.begin(owner_id, task_id, tool.ttl_ms)
        return await store.create(
            owner_id, "tools/call", ttl_ms=tool.ttl_ms, task_id=task_id, variables=variables
        )

    async def _get(self, ctx: RequestContext, params: wire.TaskParams) -> HandlerResult:
        owner_id = self._admitted(ctx, params)
        with _told_to_client():
            found = await self.store.get(owner_id, params.task_id)
            found, _ = await self._runner.rescue(found, Surroundings(ctx))
        return wire.detailed(found.record)

    async def _update(self, ctx: RequestContext, params: wire.UpdateParams) -> HandlerResult:
        owner_id = self._admitted(ctx, params)
        first_lease: dict[str, object] = {}

        def answered(record: TaskRecord) -> TaskChange | None:
            nonlocal first_lease
            first_lease = self._runner.first_lease(wire.tool_of(record))
            return _answered(record, params.input_responses, first_lease)

        with _told_to_client():
            found = await self.store.change(owner_id, params.task_id, answered)
            if found.record.variables.get(LEASE) == first_lease:
                await self._runner.go_on(found, Surroundings(ctx))
            else:
                await self._runner.rescue(found, Surroundings(ctx))
        return {}

    async def _cancel(self, ctx: RequestContext, params: wire.TaskParams) -> HandlerResult:
        owner_id = self._admitted(ctx, params)

        def cancelled(record: TaskRecord) -> TaskChange | None:
            ended = record.status.is_terminal
            return None if ended else TaskChange(status=TaskStatus.CANCELLED)

        with _told_to_client():
            found = await self.store.change(owner_id, params.task_id, cancelled)
            self._runner.stop(found.record)
            await self._runner.ended(found.record)
        return {}

    def _admitted(self, ctx: RequestContext, params: wire.TaskParams) -> str:
        """The owner whose task a request is for. Raises MCPError where it may not be made."""
        require_client_extension(ctx, wire.EXTENSION_ID)
        # Clients must send it, but FastMCP's (4.2) does not: only a wrong one is refused.
        name = (getattr(ctx.request, "headers", None) or {}).get(MCP_NAME_HEADER)
        if name is not None and decode_header_value(name) != params.task_id:
            raise MCPError(HEADER_MISMATCH, f"{MCP_NAME_HEADER} header does not match taskId")
        owner_id = self._owner()
        return bearer_of(params.task_id) if owner_id is None else owner_id


def has_declared(ctx: RequestContext) -> bool:
    """Whether a client has declared the extension, on a wire that can carry a task."""
    capabilities = ctx.session.client_capabilities
    extensions = (capabilities and capabilities.extensions) or {}
    return wire.EXTENSION_ID in extensions and ctx.protocol_version in MODERN_PROTOCOL_VERSIONS


def _answered(
    record: TaskRecord, responses: dict[str, Any], first_lease: dict[str, object]
) -> TaskChange | None:
    """What a client's answers change; None if they answer nothing that is asked."""
    asked = record.variables.get(wire.QUESTIONS, {})
    answers = {key: answer for key, answer in responses.items() if key in asked}
    if record.status is not TaskStatus.INPUT_REQUIRED or not answers:
        return None
    left = {key: question for key, question in asked.items() if key not in answers}
    known = {**record.variables.get(wire.ANSWERS, {}), **answers}
    variables = {wire.QUESTIONS: left or None, wire.ANSWERS: known}
    if left:
        return TaskChange(variables=variables)
    return TaskChange(status=TaskStatus.WORKING, variables={**variables, LEASE: first_lease})


def _store_over(storage: Storage) -> AsyncTaskStore:
    if isinstance(storage, AsyncTaskStore):
        return storage
    if isinstance(storage, GenericTaskStore):
        return AsyncTaskStore(storage.backend, storage.config)
    return AsyncTaskStore(storage, StoreConfig.for_tool_calls())


def _without_quota(store: AsyncTaskStore) -> AsyncTaskStore:
    quotas = {"max_tasks_per_owner": None, "max_unfinished_per_owner": None}
    return AsyncTaskStore(store.backend, StoreConfig(**{**store.config.model_dump(), **quotas}))


@contextmanager
def _told_to_client() -> Iterator[None]:
    """Turn what the store raises into what a client may know."""
    try:
        yield
    except TaskNotFoundError:
        # One answer for what never was, what has expired and what is another's.
        raise MCPError(INVALID_PARAMS, "Task not found") from None
    except TaskBackendError as error:
        logger.exception("the task storage failed")
        raise MCPError(INTERNAL_ERROR, "The task storage failed") from error
    except TaskError as error:
        raise MCPError(error.code, str(error)) from error


async def _refuse_undeclared_listening(ctx: RequestContext, call_next: CallNext) -> HandlerResult:
    """Middleware: who asks for notifications about tasks must have declared the extension."""
    if ctx.method == "subscriptions/listen":
        wanted = (ctx.params or {}).get("notifications")
        if isinstance(wanted, dict) and wanted.get("taskIds"):
            require_client_extension(ctx, wire.EXTENSION_ID)
    return await call_next(ctx)
