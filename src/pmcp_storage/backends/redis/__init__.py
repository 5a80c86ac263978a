"""The backend for Redis and Valkey. Importing this package imports no library."""
