"""Mutants of FLT: clients over TCP that are wrong about which of their writes were applied."""

from __future__ import annotations

import time
import uuid
from typing import Any

from mutants.network import LosesPlaces
from pmcp_storage import (
    AlreadyExistsError,
    BackendError,
    NotFoundError,
    OutcomeUnknownError,
    StorageError,
    TaskRecord,
    VersionedRecord,
)
from support.tcp_store import ATTEMPTS, PAUSE, Message, RefusedError, Reply, TcpBackend


class DeleteTakesAbsenceForItsWork(TcpBackend):
    """breaks FLT-2: a delete that is repeated and finds nothing says that there was a record, which
    the first attempt must have removed, though that may never have arrived.
    """

    def _delete(self, owner_id: str, task_id: str) -> bool:
        reply = self.write(do="delete", owner=owner_id, task=task_id)
        return bool(reply.fields["found"] or reply.unsure)


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
    says that it was absent all along, though another may have deleted what it wrote.
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
    it says that the key was taken before, though another may have overwritten what it wrote.
    """

    def _create(self, record: TaskRecord) -> int:
        try:
            return super()._create(record)
        except OutcomeUnknownError as error:
            if error.__cause__ is not None:
                raise
            raise AlreadyExistsError(record.owner_id, record.task_id) from None


class DoubtStays(TcpBackend):
    """breaks FLT-6: a mark that an answer was lost belongs to the handle and is never cleared: from
    then on every conflict is called unknown.
    """

    doubt = False

    def exchange(self, request: Message) -> Reply:
        writes = request["do"] not in ("get", "list")
        try:
            reply = super().exchange(request)
        except (OSError, ValueError) as error:
            self.doubt |= writes and not isinstance(error, RefusedError)
            raise
        self.doubt |= writes and reply.unsure
        return reply._replace(unsure=self.doubt)


class LosesAPlaceWithEachRefusal(LosesPlaces):
    """breaks FLT-6: a pool of 24 places, in which a place is taken before a connection is made, and
    is not given back when none can be made.
    """

    places = 24
    lost_with = RefusedError
    patience = 0.1


class TokenOfTheHandle(TcpBackend):
    """breaks FLT-9: the token names the handle and not the write: after a lost answer a stale write
    takes what the same handle has written before for its own.
    """

    def __init__(self, host: str, port: int) -> None:
        super().__init__(host, port)
        self._token = uuid.uuid4().hex

    def row(self, record: TaskRecord) -> Message:
        return {**super().row(record), "token": self._token}

    def is_own(self, reply: Reply, fields: Message, expected: int) -> bool:
        own = reply.fields["done"] or (reply.unsure and reply.fields["token"] == self._token)
        return bool(own)


class FirstAttemptDecides(TcpBackend):
    """breaks FLT-12: only the first attempt decides whether a write is in doubt: one that was
    refused a connection first, and then applied without an answer, counts as refused.
    """

    def exchange(self, request: Message) -> Reply:
        first: Exception | None = None
        for attempt in range(ATTEMPTS):
            time.sleep(attempt * PAUSE)
            try:
                answer = self.attempt(request)
            except (OSError, ValueError) as error:
                first = first or error
            else:
                return Reply(answer, unsure=bool(first and not isinstance(first, RefusedError)))
        assert first is not None
        raise first


class SendsItBeforeTheNextRead(TcpBackend):
    """breaks FLT-13: a put_if_version that has failed for its caller is kept, and sent before the
    next get, so that this handle reads its own writes.
    """

    def __init__(self, host: str, port: int) -> None:
        super().__init__(host, port)
        self._kept: list[tuple[TaskRecord, int]] = []

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        kept, self._kept = self._kept, []
        for write in kept:
            self.write_if_it_can(*write)
        return super()._get(owner_id, task_id)

    def write_if_it_can(self, *write: Any) -> None:
        try:
            self.write_if(*write)
        except StorageError:
            return

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        try:
            return super()._put_if_version(record, expected_version)
        except BackendError as error:
            if not isinstance(error, OutcomeUnknownError):
                self._kept.append((record, expected_version))
            raise
