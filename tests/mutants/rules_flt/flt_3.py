"""Mutants of FLT-3."""

from __future__ import annotations

import threading
import uuid

from mutants.postgres import Answer, PgBackend
from pmcp_storage import (
    AlreadyExistsError,
    BackendError,
    ConcurrentModificationError,
    NotFoundError,
    OutcomeUnknownError,
    StorageError,
    TaskRecord,
)
from support.tcp_server import Message
from support.tcp_store import Reply, TcpBackend


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
    one after a timeout, so that it does not recognize its own write.
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


class PutsByItself(TcpBackend):
    """Its puts are right, whatever is wrong with the two conditional writes."""

    def _put_once(self, record: TaskRecord) -> int:
        try:
            version = self._get(record.owner_id, record.task_id).version
        except NotFoundError:
            version = 0
        return self.write_if(record, version)


class SwapMissesWhatOthersDelete(PutsByItself):
    """breaks FLT-3: put_if_version is repeated after a lost answer and finds the key absent; it
    reports that it was absent all along, though another may have deleted what it wrote.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        fields = self.row(record)
        reply = self.write(do="write", expected=expected_version, **fields)
        if self.is_own(reply, fields, expected_version):
            return expected_version + 1
        if reply.fields["version"] == 0:
            raise NotFoundError(record.owner_id, record.task_id)
        raise self.refusal(record, expected_version, reply)


class CreateMissesWhatOthersOverwrite(PutsByItself):
    """breaks FLT-3: create is repeated after a lost answer and finds a record that is not its own;
    it reports that the key was taken before, though another may have overwritten what it wrote.
    """

    def _create(self, record: TaskRecord) -> int:
        try:
            return super()._create(record)
        except OutcomeUnknownError as error:
            if error.__cause__ is not None:
                raise
            raise AlreadyExistsError(record.owner_id, record.task_id) from None


class RepeatsTheSwap(PgBackend):
    """breaks FLT-3: a statement whose connection was lost is sent again on another, and a swap that
    had been applied meets itself: a conflict.
    """

    def write(self, statement: str, **values: object) -> Answer:
        try:
            return super().write(statement, **values)
        except OutcomeUnknownError as unknown:
            try:
                return super().write(statement, **values)
            except BackendError:
                raise unknown from None
