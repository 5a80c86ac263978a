"""The recipe of docs/unknown-outcomes.md for redis-py tells apart what the page says."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pmcp_storage import BackendError, OutcomeUnknownError
from support.redis_server import RedisServer

PAGE = Path(__file__).parents[2] / "docs" / "unknown-outcomes.md"


@pytest.fixture(scope="module")
def recipe() -> dict[str, Any]:
    [code] = re.findall(r"```python\n# redis_write.py\n(.*?)```", PAGE.read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    return names


@contextmanager
def one_answer(answer: bytes) -> Iterator[str]:
    """The address of a server that gives one answer to the write, then ends the connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                while b"recipe" not in connection.recv(1024):
                    connection.sendall(b"+OK\r\n")  # the connection introduces itself
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}?protocol=2&lib_name=&lib_version="
        thread.join()


def test_a_write_is_done(recipe: dict[str, Any], redis_server: RedisServer) -> None:
    with recipe["connect"](redis_server.url) as client:
        assert recipe["write"](client, "SET", "recipe", "1") == b"OK"
        assert client.getdel("recipe") == b"1"


def test_without_a_server_nothing_was_written(recipe: dict[str, Any]) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"redis://127.0.0.1:{closed.getsockname()[1]}"
        with recipe["connect"](url) as client, pytest.raises(BackendError) as caught:
            recipe["write"](client, "SET", "recipe", "1")
    assert not isinstance(caught.value, OutcomeUnknownError)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"-READONLY You can't write against a read only replica.\r\n", BackendError),
        (b"-LOADING Redis is loading the dataset in memory\r\n", BackendError),
        (b"", OutcomeUnknownError),
        (b"hello\r\n", OutcomeUnknownError),
    ],
)
def test_what_an_answer_proves(
    recipe: dict[str, Any], answer: bytes, kind: type[BackendError]
) -> None:
    with one_answer(answer) as url, recipe["connect"](url) as client:
        with pytest.raises(BackendError) as caught:
            recipe["write"](client, "SET", "recipe", "1")
        assert type(caught.value) is kind
        client.connection_pool.disconnect()
