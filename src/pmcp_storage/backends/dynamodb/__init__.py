"""The backend for Amazon DynamoDB.

Begin with `dynamodb_backend`. `definition` is the table that it needs, `table` sends the requests
and `attempts` notes what became of each, `items` is how a record is stored. `client` makes boto3's
client and checks another, `client_in_use` keeps it to one process, `failures` explains its errors.
`provisioning` makes the table, and `setup` serves the command line.
"""

from typing import TYPE_CHECKING

from pmcp_storage.on_demand import on_demand

if TYPE_CHECKING:
    from pmcp_storage.backends.dynamodb.client import client_from_env as client_from_env
    from pmcp_storage.backends.dynamodb.definition import table_definition as table_definition
    from pmcp_storage.backends.dynamodb.dynamodb_backend import DynamoDbBackend as DynamoDbBackend
    from pmcp_storage.backends.dynamodb.setup import init as init
    from pmcp_storage.backends.dynamodb.setup import verify as verify

__getattr__ = on_demand(
    __name__,
    {
        "DynamoDbBackend": "dynamodb_backend",
        "client_from_env": "client",
        "init": "setup",
        "table_definition": "definition",
        "verify": "setup",
    },
)
