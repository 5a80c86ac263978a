"""Sockets that share a port, and that end a connection in order or not."""

from __future__ import annotations

import socket
import struct
from contextlib import suppress

_NO_LINGERING = struct.pack("ii", 1, 0)
"""SO_LINGER without any time: a close resets the connection."""


def bound_socket(address: tuple[str, int]) -> socket.socket:
    """A socket at this address; several of ours can be there, and those that listen are asked."""
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.bind(address)
    return bound


def close_socket(closed: socket.socket, *, reset: bool) -> None:
    """Close a socket: in order, or so that the other side's next call fails with a reset."""
    if reset:
        with suppress(OSError):
            closed.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGERING)
    closed.close()
