"""Backends in other languages: programs that answer the driver protocol on standard output.

`messages` has what travels, `process` the program and its pipes, `backend` a handle, and `target`
what the program says of itself. `docs/driver-protocol.md` is for who writes such a program.
"""
