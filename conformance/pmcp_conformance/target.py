"""How an author describes a backend to the kit: facts about it, and back doors into its storage.

Only `name` and `open` are needed. A fact that does not hold makes rules not applicable; a back
door that is not offered leaves rules unproven. What a fact claims is put to the test.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pmcp_storage import GenericTaskStore, StorageBackend

if TYPE_CHECKING:
    from pmcp_storage import AsyncStorageBackend, AsyncTaskStore


@dataclass(frozen=True)
class Refusal:
    """An answer by which a server refuses a request, having done nothing of it."""

    reason: str
    """Why, as a report shows it after "the server refuses: "."""

    answer: bytes | Callable[[bytes], bytes]
    """The bytes that the server would send, or what makes them of the bytes of the request."""

    asked_instead: Callable[[bytes], bytes] = lambda said: b""
    """What the server is asked in place of the request, given what it has said last on the
    connection: to end a transaction there. What it answers goes nowhere. Nothing by default."""


class BackendTarget(ABC):
    """A backend under test. Subclass it, name it, and say how a handle is opened.

    Under pytest-xdist every worker has a target of its own; what `prepare` leaves in `self` is
    pickled and handed to the workers, and so to the processes that some rules start.
    """

    name: str
    """Names the backend in test ids and reports: letters, digits, `.`, `_` and `-`."""

    shared: bool = True
    """Handles of one process reach the same storage."""

    interprocess: bool = True
    """So do handles of other processes."""

    durable: bool = True
    """What was acknowledged survives close and kill -9."""

    native_expiry: bool = False
    """The storage itself removes expired records, some time later. Needs `stored_expiry`."""

    max_record_bytes: int = 358_400
    """The largest record, in bytes of its JSON, that the backend must take."""

    storage_limit_bytes: int | None = None
    """A record, in bytes of its JSON, that is larger than this is refused; None: no limit."""

    clock_skew: float = 0.0
    """Seconds by which the storage's clock may differ from this machine's."""

    answer_within: float = 30.0
    """Seconds by which a call to dead storage has failed."""

    in_process: bool = True
    """The backend's code runs in the kit's processes; that of a driver does not."""

    integers: str = "any"
    """The integers that come back exact, as values of a record and as versions: `any`, `64 bits`,
    or those up to `2^53`, where all numbers are doubles, so that 1.0 becomes 1."""

    keeps_unknown_fields: bool = True
    """Fields of a record that the backend does not know come back."""

    max_nesting: int = 64
    """How many levels deep the values of a record may be nested."""

    store_class: type[GenericTaskStore] = GenericTaskStore
    """The task store that the STORE rules put over the backend: your subclass, if you have one."""

    async_store_class: type[AsyncTaskStore] | None = None
    """Your subclass of the store for event loops: the STORE rules judge it in the other's place."""

    named: bool = False
    """Whether `--pmcp-backend` named this target. The kit sets it; a target that costs money or
    writes into shared storage can wait to be named."""

    @abstractmethod
    def open(self) -> StorageBackend | AsyncStorageBackend:
        """A new handle. Called as often as the kit likes; the kit closes it."""

    def unavailable(self) -> str | None:
        """Why the target cannot run here; None if it can."""
        return None

    def prepare(self) -> None:  # noqa: B027 - optional
        """Set the storage up. Called once per run, before any handle is opened."""

    def dispose(self) -> None:  # noqa: B027 - optional
        """Take down what `prepare` set up. Called once per run, at its end."""

    def open_fresh(self, token: str) -> StorageBackend | AsyncStorageBackend:
        """A handle on storage that nobody else uses; the same token is the same storage."""
        raise NotImplementedError

    def dispose_fresh(self, token: str) -> None:  # noqa: B027 - optional
        """Take down the storage of this token."""

    def open_misconfigured(self) -> StorageBackend | AsyncStorageBackend:
        """A handle on storage that is missing or wrongly set up."""
        raise NotImplementedError

    def stored_expiry(self, owner_id: str, task_id: str) -> float | None:
        """The expiry as the storage itself holds it, in epoch seconds; None if it holds none.

        Raises NotFoundError if there is no such record.
        """
        raise NotImplementedError

    def plant(self, owner_id: str, task_id: str, data: str, version: int) -> None:
        """Write a raw row: any text in place of the record's JSON, and any version."""
        raise NotImplementedError

    def address(self) -> tuple[str, int]:
        """Host and port of the server, reachable by TCP without TLS."""
        raise NotImplementedError

    def open_at(self, host: str, port: int) -> StorageBackend | AsyncStorageBackend:
        """A handle that reaches the server at this address instead of its own."""
        raise NotImplementedError

    def crash(self) -> None:
        """Kill the server with SIGKILL and start it again; return when it answers. Only one that
        nobody else uses: the run's other rules wait meanwhile."""
        raise NotImplementedError

    def refusals(self) -> Sequence[Refusal]:
        """How the server refuses requests: it is throttled, out of memory, starting, read-only.

        The kit's proxy answers in its place, at the address of `open_at`. Only answers which prove
        that nothing was done belong here.
        """
        raise NotImplementedError

    def processes(self) -> Sequence[int]:
        """The ids of further processes in which this process's handles work, where there are any:
        what they hold open is looked at as well."""
        return ()

    def kill_processes_of(self, pid: int) -> None:  # noqa: B027 - optional
        """Kill the further processes of that process of the kit, and return when they have ended:
        it is being killed itself, as if all were one."""

    def handle(self, method: str = "open", *args: Any) -> StorageBackend:
        """A handle from `open`, or from a back door that opens one; an async one made synchronous.

        This is what the kit calls; there is nothing to write here. Raises TypeError if the method
        returned something other than a backend.
        """
        opened = getattr(self, method)(*args)
        if isinstance(opened, StorageBackend):
            return opened
        from pmcp_conformance.stepping import to_sync_in_steps
        from pmcp_storage import AsyncStorageBackend

        if isinstance(opened, AsyncStorageBackend):
            return to_sync_in_steps(opened)
        kind = type(opened).__name__
        raise TypeError(f"{type(self).__name__}.{method}() must return a backend, not {kind}")

    def offers(self, back_door: str) -> bool:
        """Whether this target has written the back door of that name."""
        return getattr(type(self), back_door) is not getattr(BackendTarget, back_door)
