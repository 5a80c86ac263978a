"""The requests to one DynamoDB table, and failures in plain words.

A sender carries a request to DynamoDB: `boto_sender` for threads, `http_sender` for event loops.
Both have `attempts` note what became of each attempt of a request, and `failures` explains most
errors. What an operation means, and what items look like, is up to `operations`.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from botocore.exceptions import ClientError

from pmcp_storage.backends.dynamodb.attempts import Attempts
from pmcp_storage.backends.dynamodb.definition import (
    checked_name,
    key_problem,
    status_problem,
    ttl_problem,
)
from pmcp_storage.backends.dynamodb.failures import code_of, describe
from pmcp_storage.backends.dynamodb.items import ITEM_LIMIT, SIZE_TOLERANCE
from pmcp_storage.errors import (
    BackendError,
    OutcomeUnknownError,
    RecordTooLargeError,
    StorageError,
    StorageFullError,
)

_CONDITION_FAILED = "ConditionalCheckFailedException"


class Answer(NamedTuple):
    """What DynamoDB answered.

    `refusal` is set when a condition did not hold; `stored` is then the item that is there, if
    any. `uncertain` says that an attempt before the one answered may have been applied.
    """

    fields: dict[str, Any]
    uncertain: bool
    refusal: ClientError | None = None

    @property
    def stored(self) -> dict[str, Any] | None:
        item: dict[str, Any] | None = self.fields.get("Item")
        return item


class FailedError(Exception):
    """A request has failed with an error of a library's, or with an answer that cannot be read."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


class Sender(Protocol):
    """What carries requests to DynamoDB. A coroutine of one for threads never waits."""

    async def send(
        self, action: str, parameters: dict[str, Any], attempts: Attempts
    ) -> dict[str, Any]:
        """Send a request, again where that may help, and note its attempts; return the answer.

        `action` is its name in IAM. Raises FailedError, BackendError where nothing can be sent at
        all, and the caller's own exceptions as they are.
        """

    def place(self) -> str:
        """The region and the address, in words. Raises BackendError."""


class Table:
    """One table through a sender, which the backend closes."""

    def __init__(self, sender: Sender, name: str) -> None:
        self._sender = sender
        self.name = checked_name(name)

    async def request(self, action: str, **parameters: Any) -> dict[str, Any]:
        """Send a request whose repetition does no harm; `action` is its name in IAM.

        Raises BackendError, with boto3's error as its cause.
        """
        attempts = Attempts()
        try:
            return await self._send(action, attempts, parameters)
        except FailedError as failed:
            raise await self._explain(failed.error, action) from failed.error

    async def write(self, action: str, *, item_size: int = 0, **parameters: Any) -> Answer:
        """Send a request that changes an item; `item_size` is its size in bytes, if it has one.

        Raises OutcomeUnknownError, BackendError, RecordTooLargeError, StorageFullError. A
        condition that does not hold is an answer.
        """
        attempts = Attempts()
        try:
            return Answer(await self._send(action, attempts, parameters), attempts.earlier)
        except FailedError as failed:
            error = failed.error
            if isinstance(error, ClientError) and code_of(error) == _CONDITION_FAILED:
                return Answer(dict(error.response), attempts.earlier, error)
            failure = await self._explain(error, action, item_size)
            if attempts.earlier or attempts.last:
                raise OutcomeUnknownError(
                    f"{failure} An attempt of this {action} may have been applied all the same: "
                    "read the record to see."
                ) from error
            raise failure from error

    async def verify(self) -> None:
        """Raise BackendError, listing every problem, unless the table is as it should be."""
        table = (await self.request("DescribeTable"))["Table"]
        problems = [status_problem(table), key_problem(table)]
        try:
            answer = await self.request("DescribeTimeToLive")
        except BackendError as error:
            if not any(problems):
                raise
            problems.append(f"whether it expires records cannot be seen: {error}")
        else:
            problems.append(ttl_problem(answer.get("TimeToLiveDescription", {})))
        if any(problems):
            text = "; ".join(filter(None, problems))
            raise BackendError(f"{self._place()} is not set up: {text.rstrip('.')}.")

    async def _send(
        self, action: str, attempts: Attempts, parameters: dict[str, Any]
    ) -> dict[str, Any]:
        """Send a request. Raises FailedError, and the caller's own exceptions as they are."""
        parameters["TableName"] = self.name
        answer = await self._sender.send(action, parameters, attempts)
        if not attempts.readable:
            raise FailedError(ValueError("the answer is not JSON"))
        return answer

    async def _explain(self, error: Exception, action: str, item_size: int = 0) -> StorageError:
        code = code_of(error)
        if code == "ValidationException" and item_size + SIZE_TOLERANCE > ITEM_LIMIT:
            return RecordTooLargeError(max(item_size, ITEM_LIMIT + 1), ITEM_LIMIT)
        if code == "ItemCollectionSizeLimitExceededException":
            return StorageFullError(
                f"{self._place()} takes no more records of this owner: its local secondary index "
                "limits an owner to 10 GB. Use a table without one, or delete records."
            )
        return BackendError(await self._message(error, action))

    async def _message(self, error: Exception, action: str) -> str:
        match code_of(error):
            case "ResourceNotFoundException":
                return f"{self._place()} {await self._why_missing()}"
            case "ValidationException":
                return f"{self._place()} refused {action} as invalid: {await self._why_invalid()}."
            case _:
                return f"{self._place()} {describe(error, action)}"

    def _place(self) -> str:
        return f"DynamoDB table {self.name!r} in {self._sender.place()}"

    async def _why_missing(self) -> str:
        state = await self._describe_table()
        status = None if state is None else state.get("TableStatus")
        if status in ("CREATING", "ACTIVE"):
            return "is still being created: try again in some seconds."
        if status == "DELETING":
            return "is being deleted: create it again once it is gone."
        return (
            "does not exist: check the name, the region and the account, or create it with the "
            "partition key PK (S) and the sort key SK (S), as 'pmcp-storage init dynamodb' does."
        )

    async def _why_invalid(self) -> str:
        table = await self._describe_table()
        problem = None if table is None else key_problem(table)
        return problem or "see the cause of this error"

    async def _describe_table(self) -> dict[str, Any] | None:
        """The table as DescribeTable shows it; None if it does not, for whatever reason."""
        try:
            answer = await self._send("DescribeTable", Attempts(), {})
        except FailedError:
            return None
        table: dict[str, Any] | None = answer.get("Table")
        return table
