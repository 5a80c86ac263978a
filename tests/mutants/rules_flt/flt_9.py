"""Mutants of FLT-9."""

from __future__ import annotations

import uuid

from pmcp_storage import TaskRecord
from support.tcp_server import Message
from support.tcp_store import Reply, TcpBackend


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


class ComparesValues(TcpBackend):
    """breaks FLT-9: after a lost answer, a stored record equal to ours is taken for ours."""

    def is_own(self, reply: Reply, fields: Message, expected: int) -> bool:
        if not reply.unsure or reply.fields["done"]:
            return super().is_own(reply, fields, expected)
        stored = self._get(fields["owner"], fields["task"])
        return stored.version == expected + 1 and stored.record.to_json() == fields["data"]


class ComparesVersions(TcpBackend):
    """breaks FLT-9: after a lost answer, the version after the expected one is taken for ours."""

    def is_own(self, reply: Reply, fields: Message, expected: int) -> bool:
        own = super().is_own(reply, fields, expected)
        return own or (reply.unsure and reply.fields["version"] == expected + 1)
