"""Mutants of FLT, 1 to 7: clients of a store over TCP, right as long as nothing goes wrong."""

from __future__ import annotations

import json
import socket
import threading
import time
import uuid
from typing import Any

from pmcp_storage import (
    BackendError,
    ConcurrentModificationError,
    NotFoundError,
    OutcomeUnknownError,
    StorageError,
    TaskRecord,
    VersionedRecord,
)
from support.tcp_store import Message, RefusedError, Reply, TcpBackend


class LibraryErrorsEscape(TcpBackend):
    """breaks FLT-1: the library's own error comes out when no connection can be made."""

    def read(self, **request: Any) -> Message:
        return self.exchange(request).fields


class WaitsForTheServer(TcpBackend):
    """breaks FLT-1: a client that reconnects until it works, far longer than its author says."""

    def connection(self) -> socket.socket:
        deadline = time.monotonic() + 1.5
        while True:
            try:
                return super().connection()
            except RefusedError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)


class ErrorsAreSuccess(TcpBackend):
    """breaks FLT-2: the error of a write is logged and swallowed, and its caller told success."""

    def write_if(self, record: TaskRecord, expected: int) -> int:
        try:
            return super().write_if(record, expected)
        except BackendError:
            return expected + 1


class AcknowledgesWhatItSent(TcpBackend):
    """breaks FLT-2: a write is acknowledged once it is sent, as with unacknowledged write concern
    or a pipeline whose answers nobody reads.
    """

    def write_if(self, record: TaskRecord, expected: int) -> int:
        connection = self.connection()
        request = {"do": "write", "expected": expected, **self.row(record)}
        connection.sendall(json.dumps(request).encode() + b"\n")
        self.discard(connection)
        return expected + 1


class ConflictsWithItself(TcpBackend):
    """breaks FLT-3: the second attempt meets the first and calls it a conflict, as conditional
    writes under the retries of a cloud's SDK do.
    """

    def is_own(self, reply: Reply, fields: Message, expected: int) -> bool:
        return bool(reply.fields["done"])

    def refusal(self, record: TaskRecord, expected: int, reply: Reply) -> StorageError:
        return super().refusal(record, expected, reply._replace(unsure=False))


class CreateExistsAlready(TcpBackend):
    """breaks FLT-3: a create whose answer was lost finds that the record exists already."""

    def is_own(self, reply: Reply, fields: Message, expected: int) -> bool:
        own = super().is_own(reply, fields, expected)
        return own if expected else bool(reply.fields["done"])


class SwapMissesItself(TcpBackend):
    """breaks FLT-3: a failed write is repeated with the expected version, and a refusal taken to
    mean that the record is gone.
    """

    def write_if(self, record: TaskRecord, expected: int) -> int:
        reply = self.write(do="write", expected=expected, **self.row(record))
        if reply.unsure and not reply.fields["done"]:
            raise NotFoundError(record.owner_id, record.task_id)
        if reply.fields["done"]:
            return expected + 1
        raise self.refusal(record, expected, reply)


class IncrementsTwice(TcpBackend):
    """breaks FLT-3: compares by a read, then writes and increments; what the transport repeats is
    counted twice.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        found = self._get(record.owner_id, record.task_id).version
        if found != expected_version:
            raise ConcurrentModificationError(
                record.owner_id, record.task_id, expected_version, found
            )
        self.write(do="increment", **self.row(record))
        return expected_version + 1


class NewTokenAfterATimeout(TcpBackend):
    """breaks FLT-3: a second attempt keeps the token of the first after an error, and draws a new
    one after a timeout, so that it does not know its own write.
    """

    def __init__(self, host: str, port: int) -> None:
        super().__init__(host, port)
        self._sent = threading.local()

    def attempt(self, request: Message) -> Message:
        self._sent.token = request.get("token")
        try:
            return super().attempt(request)
        except TimeoutError:
            if "token" in request:
                request["token"] = uuid.uuid4().hex
            raise

    def is_own(self, reply: Reply, fields: Message, expected: int) -> bool:
        return super().is_own(reply, {"token": self._sent.token}, expected)


class PutsUnconditionally(TcpBackend):
    """breaks FLT-4: put is one unconditional write, which the transport applies twice."""

    def _put(self, record: TaskRecord) -> int:
        return int(self.write(do="increment", **self.row(record)).fields["version"])


class PutFightsItself(ConflictsWithItself):
    """breaks FLT-4: put compares and swaps in a loop, takes its own first attempt for another's
    write, and writes again.
    """


class PutsAgainWhenUnknown(TcpBackend):
    """breaks FLT-4: a put whose outcome is unknown is simply repeated, over what another has
    written meanwhile.
    """

    def _put(self, record: TaskRecord) -> int:
        try:
            return super()._put(record)
        except OutcomeUnknownError:
            return super()._put(record)


class DeleteMissesItself(TcpBackend):
    """breaks FLT-5: a delete whose answer was lost raises an error, because nothing is left."""

    def _delete(self, owner_id: str, task_id: str) -> bool:
        reply = self.write(do="delete", owner=owner_id, task=task_id)
        if reply.unsure and not reply.fields["found"]:
            raise NotFoundError(owner_id, task_id)
        return bool(reply.fields["found"])


class DeleteFailsForCertain(TcpBackend):
    """breaks FLT-5: a delete that lost its answer says that it failed and deleted nothing."""

    def _delete(self, owner_id: str, task_id: str) -> bool:
        try:
            return super()._delete(owner_id, task_id)
        except OutcomeUnknownError as error:
            raise BackendError("the delete failed") from error


class KeepsBrokenConnections(TcpBackend):
    """breaks FLT-6: a connection that has failed goes back to the pool and is used for ever."""

    def discard(self, connection: socket.socket) -> None:
        with self._lock:
            self._idle.append(connection)


class GivesUpForGood(TcpBackend):
    """breaks FLT-6: a circuit breaker that opens when the store is away and never closes."""

    broken = False

    def connection(self) -> socket.socket:
        if self.broken:
            raise RefusedError("the store is down")
        try:
            return super().connection()
        except RefusedError:
            self.broken = True
            raise


class LosesPlaces(TcpBackend):
    """A pool with so many places, of which a call that ends in this error keeps its own."""

    places = 8
    lost_with: type[Exception] = TimeoutError
    patience = TcpBackend.timeout

    def __init__(self, host: str, port: int) -> None:
        super().__init__(host, port)
        self._places = threading.Semaphore(self.places)

    def attempt(self, request: Message) -> Message:
        if not self._places.acquire(timeout=self.patience):
            raise RefusedError("all connections are in use")
        try:
            answer = super().attempt(request)
        except self.lost_with:
            raise
        except BaseException:
            self._places.release()
            raise
        self._places.release()
        return answer


class LosesAPlaceWithEachTimeout(LosesPlaces):
    """breaks FLT-6: a pool of eight places, of which a request that times out never gives its own
    back.
    """


class ParserErrorsEscape(TcpBackend):
    """breaks FLT-7: an answer that is not JSON raises what the parser raises."""

    def parsed(self, line: bytes) -> Message:
        try:
            return super().parsed(line)
        except ValueError as error:
            raise RuntimeError("unexpected answer") from error


class GarbageIsNothing(TcpBackend):
    """breaks FLT-7: an answer that cannot be read counts as an empty one, and the record as
    absent.
    """

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        try:
            return super()._get(owner_id, task_id)
        except BackendError as error:
            if isinstance(error.__cause__, ValueError):
                raise NotFoundError(owner_id, task_id) from error
            raise


class GarbageIsSuccess(TcpBackend):
    """breaks FLT-7: whatever answers a write says that it arrived, and so that it was done; a
    refusal that cannot be read, too.
    """

    def attempt(self, request: Message) -> Message:
        try:
            return super().attempt(request)
        except ValueError:
            if request["do"] != "write":
                raise
            return {"done": True}
