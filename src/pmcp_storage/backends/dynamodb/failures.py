"""What an error of boto3 means, and what to do about it. Nothing here sends a request."""

from __future__ import annotations

from botocore import exceptions as boto
from botocore.exceptions import ClientError

from pmcp_storage.backends.interruptions import frames

LIBRARIES = (
    "boto3",
    "botocore",
    "urllib3",
    "awscrt",
    "dateutil",
    "jmespath",
    "aiohttp",
    "aiohappyeyeballs",
    "yarl",
)
"""The packages whose exceptions are failures of DynamoDB, or of the way to it."""

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
_UNWELL = (500, 502, 503, 504)
_DENIED = {"AccessDenied", "AccessDeniedException", "NotAuthorized", "UnauthorizedOperation"}


def code_of(error: Exception) -> str:
    """The error code that DynamoDB answered, or the name of the library's exception."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", ""))
    return type(error).__name__


def is_passing(error: Exception) -> bool:
    """Whether another attempt may help, by botocore's standard: throttled, unwell, or not there."""
    if isinstance(error, ClientError):
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        return status in _UNWELL or code_of(error) in _THROTTLED
    return isinstance(error, boto.HTTPClientError | boto.ConnectionError | boto.ChecksumError)


def is_of_credentials(error: BaseException) -> bool:
    """Whether an error arose where boto3 looks for credentials, whatever its kind."""
    if isinstance(error, _CREDENTIALS_MISSING):
        return True
    modules = (str(frame.f_globals.get("__name__")) for frame in frames(error.__traceback__))
    return any(module in ("botocore.credentials", "botocore.tokens") for module in modules)


def in_words(error: BaseException) -> str:
    """An error in one line. Not for an answer of DynamoDB's, which may quote the request."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def describe(error: Exception, action: str) -> str:
    """What went wrong at `action`, and what to do: the rest of a sentence about the table.

    No message of the library about a request to DynamoDB goes into it: some of them quote the
    request.
    """
    code = code_of(error)
    if is_of_credentials(error):
        return (
            f"was not asked, for there are no usable AWS credentials ({in_words(error)}): set "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or make right the profile, the role or "
            "the program that they come from."
        )
    if code in _DENIED:
        return f"denies access: allow dynamodb:{action} on it in the IAM policy."
    if code in _CREDENTIALS_REFUSED:
        return (
            f"does not accept the AWS credentials ({code}): they are wrong or have expired, or "
            "the clock of this machine is off. Renew them."
        )
    if code in _THROTTLED:
        return (
            f"throttles {action} ({code}) for longer than retries lasted: try again later, or "
            "give the table more capacity."
        )
    return _describe_transport(error, code, action)


def _describe_transport(error: Exception, code: str, action: str) -> str:
    if isinstance(error, boto.HTTPClientError | boto.ConnectionError):
        return (
            f"cannot be reached for {action} ({code}): check the network, AWS_ENDPOINT_URL and "
            "the region."
        )
    if isinstance(error, ClientError | boto.BotoCoreError):
        return f"failed at {action} ({code}): see the cause of this error; trying again may help."
    return (
        f"gave an answer to {action} that is not DynamoDB's ({code}): check what listens at "
        "that address."
    )
