"""The requests to one DynamoDB table, and failures in plain words.

`attempts` notes what became of each attempt of a request, and `failures` explains most errors. What
an operation means, and what items look like, is up to the backend.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import ClientError

from pmcp_storage.backends.dynamodb.attempts import Attempts, observe, recorded
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
    "DeleteItem": "delete_item",
    "DescribeTable": "describe_table",
    "DescribeTimeToLive": "describe_time_to_live",
    "GetItem": "get_item",
    "PutItem": "put_item",
    "Query": "query",
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


class Table:
    """One table through one client, which stays the caller's."""

    def __init__(self, client: DynamoDBClient, name: str) -> None:
        self.client = client
        self.name = name
        observe(client)

    def read(self, action: str, **parameters: Any) -> dict[str, Any]:
        """Send a request that changes nothing; `action` is its name in IAM, such as GetItem.

        Raises BackendError.
        """
        try:
            return self._send(action, Attempts(), parameters)
        except Exception as error:
            raise self._explain(error, action) from error

    def write(self, action: str, *, item_size: int = 0, **parameters: Any) -> Answer:
        """Send a request that changes an item; `item_size` is its size in bytes, if it has one.

        Raises OutcomeUnknownError, BackendError, RecordTooLargeError, StorageFullError. A
        condition that does not hold is an answer.
        """
        attempts = Attempts()
        try:
            return Answer(self._send(action, attempts, parameters), attempts.earlier)
        except Exception as error:
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
        table = self.read("DescribeTable")["Table"]
        ttl = self.read("DescribeTimeToLive").get("TimeToLiveDescription", {})
        problems = [status_problem(table), key_problem(table), ttl_problem(ttl)]
        if any(problems):
            text = "; ".join(filter(None, problems))
            raise BackendError(f"{self._place()} is not set up: {text}.")

    def _send(self, action: str, attempts: Attempts, parameters: dict[str, Any]) -> dict[str, Any]:
        method = getattr(self.client, _METHODS[action])
        with recorded(attempts):
            answer: dict[str, Any] = method(TableName=self.name, **parameters)
        if not attempts.readable:
            raise ValueError("the answer is not JSON")
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
        if state is not None and state.get("TableStatus") in ("CREATING", "ACTIVE"):
            return "is still being created: try again in some seconds."
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
        except Exception:
            return None
        table: dict[str, Any] | None = answer.get("Table")
        return table
