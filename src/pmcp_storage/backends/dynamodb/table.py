"""The requests to one DynamoDB table: what became of each attempt, and failures in plain words.

boto3 repeats a request by itself, so one call can be several attempts: a write may be applied, its
answer lost, and the second attempt refused because of the first. This module notes for each call
whether an attempt may have been applied. What an operation means, and what items look like, is
the backend's.
"""

from __future__ import annotations

import json
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore import exceptions as boto
from botocore.exceptions import ClientError

from pmcp_storage.backends.dynamodb.definition import key_fault, status_fault, ttl_fault
from pmcp_storage.errors import (
    BackendError,
    OutcomeUnknownError,
    RecordTooLargeError,
    StorageError,
    StorageFullError,
)

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

ITEM_LIMIT = 409_600
"""The largest item in bytes, names and values (Amazon DynamoDB Developer Guide, "Constraints")."""

SIZE_TOLERANCE = 42
"""The bytes by which our size of an item may be off: two numbers of at most 21 bytes (the same
guide, "DynamoDB item sizes and formats": the size of a number is approximate)."""

_CREDENTIALS_MISSING = (
    boto.NoCredentialsError,
    boto.PartialCredentialsError,
    boto.CredentialRetrievalError,
    boto.TokenRetrievalError,
    boto.NoAuthTokenError,
    boto.SSOError,
)
_CREDENTIALS_REFUSED = {
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "IncompleteSignatureException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
_THROTTLED = {
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "Throttling",
    "ThrottlingException",
}
_DENIED = {"AccessDenied", "AccessDeniedException", "NotAuthorized", "UnauthorizedOperation"}


@dataclass
class _Attempts:
    """The attempts of one call: whether the last one, or one before it, may have been applied."""

    earlier: bool = False
    last: bool = False
    readable: bool = True


_current: ContextVar[_Attempts | None] = ContextVar("pmcp_storage_attempts", default=None)


def _note_sending(**_: Any) -> None:
    attempts = _current.get()
    if attempts is not None:
        attempts.earlier |= attempts.last
        # Until the answer is noted: an answer that cannot be parsed raises before it is.
        attempts.last = True


def _note_answer(response: Any, caught_exception: Exception | None, **_: Any) -> None:
    attempts = _current.get()
    if attempts is None:
        return
    if response is None:
        never_sent = (boto.EndpointConnectionError, boto.ConnectTimeoutError)
        attempts.last = not isinstance(caught_exception, never_sent)
        return
    http, parsed = response
    attempts.last = not 400 <= http.status_code < 500
    attempts.readable = _is_readable(http.content, parsed)


def _is_readable(body: bytes, parsed: dict[str, Any]) -> bool:
    """Whether an answer is JSON: botocore reads anything else as an answer without fields."""
    if parsed.keys() - {"ResponseMetadata"}:
        return True
    try:
        return isinstance(json.loads(body), dict)
    except ValueError:
        return False


class Answer(NamedTuple):
    """What DynamoDB answered.

    `refusal` is set when a condition did not hold; `stored` is then the item that is there, if
    any. `unsure` says that an attempt before the one answered may have been applied.
    """

    fields: dict[str, Any]
    unsure: bool
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
        # First, because a handler of botocore's own may raise. By id, so that the backends of one
        # client register them once.
        for event, note in (("before-send", _note_sending), ("needs-retry", _note_answer)):
            client.meta.events.register_first(
                f"{event}.dynamodb", note, unique_id=f"pmcp-storage-{event}"
            )

    def read(self, action: str, **parameters: Any) -> dict[str, Any]:
        """Send a request that changes nothing; `action` is its name in IAM, such as GetItem.

        Raises BackendError.
        """
        try:
            return self._send(action, _Attempts(), parameters)
        except Exception as error:
            raise self._explain(error, action) from error

    def write(self, action: str, *, item_size: int = 0, **parameters: Any) -> Answer:
        """Send a request that changes an item; `item_size` is its size in bytes, if it has one.

        Raises OutcomeUnknownError, BackendError, RecordTooLargeError, StorageFullError. A
        condition that does not hold is an answer.
        """
        attempts = _Attempts()
        try:
            return Answer(self._send(action, attempts, parameters), attempts.earlier)
        except Exception as error:
            if isinstance(error, ClientError) and _code(error) == "ConditionalCheckFailedException":
                return Answer(dict(error.response), attempts.earlier, error)
            failure = self._explain(error, action, item_size)
            if attempts.earlier or attempts.last:
                raise OutcomeUnknownError(
                    f"{failure} An attempt of this {action} may have been applied all the same: "
                    "read the record to see."
                ) from error
            raise failure from error

    def verify(self) -> None:
        """Raise BackendError, listing every fault, unless the table is as the backend needs it."""
        table = self.read("DescribeTable")["Table"]
        ttl = self.read("DescribeTimeToLive").get("TimeToLiveDescription", {})
        faults = [status_fault(table), key_fault(table), ttl_fault(ttl)]
        if any(faults):
            text = "; ".join(fault for fault in faults if fault)
            raise BackendError(f"{self._place()} is not set up: {text}.")

    def _send(self, action: str, attempts: _Attempts, parameters: dict[str, Any]) -> dict[str, Any]:
        method = getattr(self.client, _METHODS[action])
        token = _current.set(attempts)
        try:
            answer: dict[str, Any] = method(TableName=self.name, **parameters)
        finally:
            _current.reset(token)
        if not attempts.readable:
            raise ValueError("the answer is not JSON")
        return answer

    def _explain(self, error: Exception, action: str, item_size: int = 0) -> StorageError:
        code = _code(error)
        # No message of the library goes into ours: some of them quote the request.
        if code == "ValidationException" and item_size + SIZE_TOLERANCE > ITEM_LIMIT:
            return RecordTooLargeError(max(item_size, ITEM_LIMIT + 1), ITEM_LIMIT)
        if code == "ItemCollectionSizeLimitExceededException":
            return StorageFullError(
                f"{self._place()} takes no more records of this owner: its local secondary index "
                "limits an owner to 10 GB. Use a table without one, or delete records."
            )
        return BackendError(self._complaint(error, code, action))

    def _complaint(self, error: Exception, code: str, action: str) -> str:
        place = self._place()
        if code == "ResourceNotFoundException":
            return f"{place} {self._why_missing()}"
        if code == "ValidationException":
            return f"{place} refused {action} as invalid: {self._why_invalid()}"
        if code in _DENIED:
            return f"{place} denies access: allow dynamodb:{action} on it in the IAM policy."
        if code in _CREDENTIALS_REFUSED:
            return (
                f"{place} does not accept the AWS credentials ({code}): they are wrong or have "
                "expired, or the clock of this machine is off. Renew them."
            )
        if code in _THROTTLED:
            return (
                f"{place} throttles {action} ({code}) for longer than retries lasted: try again "
                "later, or give the table more capacity."
            )
        return f"{place} {_transport_complaint(error, code, action)}"

    def _place(self) -> str:
        meta = self.client.meta
        return f"DynamoDB table {self.name!r} in {meta.region_name} ({meta.endpoint_url})"

    def _why_missing(self) -> str:
        state = self._description()
        if state is not None and state.get("TableStatus") in ("CREATING", "ACTIVE"):
            return "is still being created: try again in some seconds."
        return (
            "does not exist: check the name, the region and the account, or create it with the "
            "partition key PK (S) and the sort key SK (S), as table_definition() in "
            "pmcp_storage.backends.dynamodb describes it."
        )

    def _why_invalid(self) -> str:
        table = self._description()
        fault = None if table is None else key_fault(table)
        return f"{fault or 'the cause tells why'}."

    def _description(self) -> dict[str, Any] | None:
        """The table as DescribeTable shows it; None if it does not, for whatever reason."""
        try:
            answer = self._send("DescribeTable", _Attempts(), {})
        except Exception:
            return None
        table: dict[str, Any] | None = answer.get("Table")
        return table


_METHODS = {
    "DeleteItem": "delete_item",
    "DescribeTable": "describe_table",
    "DescribeTimeToLive": "describe_time_to_live",
    "GetItem": "get_item",
    "PutItem": "put_item",
    "Query": "query",
}


def _code(error: Exception) -> str:
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", ""))
    return type(error).__name__


def _transport_complaint(error: Exception, code: str, action: str) -> str:
    if isinstance(error, _CREDENTIALS_MISSING):
        return (
            f"was not asked, for there are no usable AWS credentials ({code}): set "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or a role."
        )
    if isinstance(error, boto.HTTPClientError | boto.ConnectionError):
        return (
            f"cannot be reached for {action} ({code}): check the network, AWS_ENDPOINT_URL and "
            "the region."
        )
    if isinstance(error, ClientError | boto.BotoCoreError):
        return f"failed at {action} ({code}): the cause tells more; trying again may help."
    return (
        f"gave an answer to {action} that is not DynamoDB's ({code}): check what listens at "
        "that address."
    )
