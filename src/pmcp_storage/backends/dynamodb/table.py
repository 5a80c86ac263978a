"""The requests to one DynamoDB table, and failures in plain words.

`attempts` notes what became of each attempt of a request, and `failures` explains most errors. What
an operation means, and what items look like, is up to the backend.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import ClientError

from pmcp_storage.backends.dynamodb.attempts import Attempts, recorded
from pmcp_storage.backends.dynamodb.client_in_use import ClientInUse
from pmcp_storage.backends.dynamodb.definition import key_problem, status_problem, ttl_problem
from pmcp_storage.backends.dynamodb.failures import code_of, describe
from pmcp_storage.backends.dynamodb.items import ITEM_LIMIT, SIZE_TOLERANCE
from pmcp_storage.errors import (
    BackendError,
    OutcomeUnknownError,
    RecordTooLargeError,
    StorageError,
    StorageFullError,
)

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

_CONDITION_FAILED = "ConditionalCheckFailedException"

_METHODS = {
    "CreateTable": "create_table",
    "DeleteItem": "delete_item",
    "DescribeTable": "describe_table",
    "DescribeTimeToLive": "describe_time_to_live",
    "GetItem": "get_item",
    "PutItem": "put_item",
    "Query": "query",
    "UpdateTimeToLive": "update_time_to_live",
}
"""The client's method for each action, as IAM calls it."""


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


class _FailedError(Exception):
    """A request has failed with an error of boto3's, or with an answer that cannot be read."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


class Table:
    """One table through one client, which the backend closes."""

    def __init__(self, clients: ClientInUse, name: str) -> None:
        self._clients = clients
        self.name = name

    @property
    def client(self) -> DynamoDBClient:
        """The client in this process. Raises BackendError if there is none."""
        return self._clients.get()

    def request(self, action: str, **parameters: Any) -> dict[str, Any]:
        """Send a request whose repetition does no harm; `action` is its name in IAM.

        Raises BackendError, with boto3's error as its cause.
        """
        attempts = Attempts()
        try:
            return self._send(action, attempts, parameters)
        except _FailedError as failed:
            raise self._explain(failed.error, action) from failed.error

    def write(self, action: str, *, item_size: int = 0, **parameters: Any) -> Answer:
        """Send a request that changes an item; `item_size` is its size in bytes, if it has one.

        Raises OutcomeUnknownError, BackendError, RecordTooLargeError, StorageFullError. A
        condition that does not hold is an answer.
        """
        attempts = Attempts()
        try:
            return Answer(self._send(action, attempts, parameters), attempts.earlier)
        except _FailedError as failed:
            error = failed.error
            if isinstance(error, ClientError) and code_of(error) == _CONDITION_FAILED:
                return Answer(dict(error.response), attempts.earlier, error)
            failure = self._explain(error, action, item_size)
            if attempts.earlier or attempts.last:
                raise OutcomeUnknownError(
                    f"{failure} An attempt of this {action} may have been applied all the same: "
                    "read the record to see."
                ) from error
            raise failure from error

    def verify(self) -> None:
        """Raise BackendError, listing every problem, unless the table is as it should be."""
        table = self.request("DescribeTable")["Table"]
        problems = [status_problem(table), key_problem(table)]
        try:
            ttl = self.request("DescribeTimeToLive").get("TimeToLiveDescription", {})
        except BackendError as error:
            if not any(problems):
                raise
            problems.append(f"whether it expires records cannot be seen: {error}")
        else:
            problems.append(ttl_problem(ttl))
        if any(problems):
            text = "; ".join(filter(None, problems))
            raise BackendError(f"{self._place()} is not set up: {text.rstrip('.')}.")

    def _send(self, action: str, attempts: Attempts, parameters: dict[str, Any]) -> dict[str, Any]:
        """Send a request. Raises _FailedError, and the caller's own exceptions as they are."""
        method = getattr(self.client, _METHODS[action])
        try:
            with recorded(attempts):
                answer: dict[str, Any] = method(TableName=self.name, **parameters)
        except Exception as error:
            own = attempts.interruption(error)
            if own is None:
                raise _FailedError(error) from error
            self._clients.abandon()
            raise own from own.__cause__
        except BaseException:
            self._clients.abandon()
            raise
        if not attempts.readable:
            raise _FailedError(ValueError("the answer is not JSON"))
        return answer

    def _explain(self, error: Exception, action: str, item_size: int = 0) -> StorageError:
        code = code_of(error)
        if code == "ValidationException" and item_size + SIZE_TOLERANCE > ITEM_LIMIT:
            return RecordTooLargeError(max(item_size, ITEM_LIMIT + 1), ITEM_LIMIT)
        if code == "ItemCollectionSizeLimitExceededException":
            return StorageFullError(
                f"{self._place()} takes no more records of this owner: its local secondary index "
                "limits an owner to 10 GB. Use a table without one, or delete records."
            )
        return BackendError(self._message(error, action))

    def _message(self, error: Exception, action: str) -> str:
        match code_of(error):
            case "ResourceNotFoundException":
                return f"{self._place()} {self._why_missing()}"
            case "ValidationException":
                return f"{self._place()} refused {action} as invalid: {self._why_invalid()}."
            case _:
                return f"{self._place()} {describe(error, action)}"

    def _place(self) -> str:
        meta = self.client.meta
        return f"DynamoDB table {self.name!r} in {meta.region_name} ({meta.endpoint_url})"

    def _why_missing(self) -> str:
        state = self._describe_table()
        status = None if state is None else state.get("TableStatus")
        if status in ("CREATING", "ACTIVE"):
            return "is still being created: try again in some seconds."
        if status == "DELETING":
            return "is being deleted: create it again once it is gone."
        return (
            "does not exist: check the name, the region and the account, or create it with the "
            "partition key PK (S) and the sort key SK (S), as 'pmcp-storage init dynamodb' does."
        )

    def _why_invalid(self) -> str:
        table = self._describe_table()
        problem = None if table is None else key_problem(table)
        return problem or "see the cause of this error"

    def _describe_table(self) -> dict[str, Any] | None:
        """The table as DescribeTable shows it; None if it does not, for whatever reason."""
        try:
            answer = self._send("DescribeTable", Attempts(), {})
        except _FailedError:
            return None
        table: dict[str, Any] | None = answer.get("Table")
        return table
