"""The backend for Amazon DynamoDB.

Begin with `dynamodb_backend`, which is for threads; `async_dynamodb_backend` is for event loops.
`operations` makes the contract's answers of the requests of a `table`, whose `definition` stands
apart, and `items` is how a record is stored. `attempts` notes what became of each attempt of a
request, `failures` explains errors.

For threads `boto_sender` sends a request: `client` makes boto3's client and checks another,
`client_in_use` keeps it to one process, `client_events` has it note its attempts. For event loops
`http_sender` does: `access` finds DynamoDB and the credentials, `signing` signs, and
`http_connections` keeps connections to one event loop and process. `provisioning` makes the table,
and `setup` serves the command line.
"""

from typing import TYPE_CHECKING

from pmcp_storage.on_demand import on_demand

if TYPE_CHECKING:
    from pmcp_storage.backends.dynamodb.async_dynamodb_backend import (
        AsyncDynamoDbBackend as AsyncDynamoDbBackend,
    )
    from pmcp_storage.backends.dynamodb.client import client_from_env as client_from_env
    from pmcp_storage.backends.dynamodb.definition import table_definition as table_definition
    from pmcp_storage.backends.dynamodb.dynamodb_backend import DynamoDbBackend as DynamoDbBackend
    from pmcp_storage.backends.dynamodb.setup import init as init
    from pmcp_storage.backends.dynamodb.setup import verify as verify

__getattr__ = on_demand(
    __name__,
    {
        "AsyncDynamoDbBackend": "async_dynamodb_backend",
        "DynamoDbBackend": "dynamodb_backend",
        "client_from_env": "client",
        "init": "setup",
        "table_definition": "definition",
        "verify": "setup",
    },
)
