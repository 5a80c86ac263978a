"""The backend for SQLite. This package itself imports no library, and not even the backend.

Begin with `sqlite_backend`. `file` opens and lays out the file, `pool` lends its connections to
threads, `rows` and `statements` are what goes through them, and `failures` explains SQLite's
errors. `setup` serves the command line.
"""
