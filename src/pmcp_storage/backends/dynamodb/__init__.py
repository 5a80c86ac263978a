"""The backend for Amazon DynamoDB. This package itself imports no library, nor the backend.

Begin with `dynamodb_backend`. `definition` is the table that it needs, `table` sends the requests
and `attempts` notes what became of each, `items` is how a record is stored, `client` makes boto3's
client, and `failures` explains its errors. `setup` serves the command line.
"""
