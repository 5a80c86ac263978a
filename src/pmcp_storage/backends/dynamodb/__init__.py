"""The backend for Amazon DynamoDB. Importing this package imports no library."""
