"""The backend for Redis and Valkey. This package itself imports no library, nor the backend.

Begin with `redis_backend`. `scripts` are its atomic steps, `transport` sends them, `hashes` is how
a record is stored, and `failures` explains redis-py's errors. `setup` serves the command line.
"""
