"""Mutants of FLT-7."""

from __future__ import annotations

import json
from typing import Any

from pmcp_storage import BackendError, NotFoundError, StorageError, VersionedRecord
from support.tcp_server import Message
from support.tcp_store import TcpBackend


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
    """breaks FLT-7: any answer to a write counts as proof that it was applied, even a refusal that
    cannot be read.
    """

    def attempt(self, request: Message) -> Message:
        try:
            return super().attempt(request)
        except ValueError:
            if request["do"] != "write":
                raise
            return {"done": True}


class DecoderErrorsEscape(TcpBackend):
    """breaks FLT-7: an answer of text that is not JSON, such as the error page of a gateway, raises
    the decoder's JSONDecodeError: only broken connections are handled.
    """

    def read(self, **request: Any) -> Message:
        try:
            return super().read(**request)
        except BackendError as error:
            if isinstance(error.__cause__, json.JSONDecodeError):
                raise error.__cause__ from None
            raise

    def failure(self, error: Exception) -> StorageError:
        if isinstance(error, json.JSONDecodeError):
            raise error
        return super().failure(error)
