"""Sockets that share a port, and that leave a connection in order or not."""

from __future__ import annotations

import socket
import struct
from contextlib import suppress

_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER without any time: a close resets the connection."""


def bound(address: tuple[str, int]) -> socket.socket:
    """A socket at this address; several of ours can be there, and those that listen are asked."""
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    one.bind(address)
    return one


def close(one: socket.socket, *, reset: bool) -> None:
    """Close a socket: in order, or so that the other side's next call fails with a reset."""
    if reset:
        with suppress(OSError):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    one.close()
