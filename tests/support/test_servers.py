"""No server outlives what started it, and a command gets its server, its signals and its say."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from support import redis_server
from support.processes import start_python
from support.servers import Server, free_port

REDIS = [sys.executable, redis_server.__file__, "run", "--"]
DEADLINE = 30.0


def accepts_connections(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until_refused(port: int) -> None:
    deadline = time.monotonic() + DEADLINE
    while accepts_connections(port):
        assert time.monotonic() < deadline, f"the server on port {port} is still there"


def test_a_server_keeps_its_port_and_its_data(tmp_path: Path) -> None:
    with redis_server.RedisServer(tmp_path) as server:
        port = server.port
        with server.client() as client:
            client.set("key", "value")
            server.kill()
            assert not accepts_connections(port)
            server.start()
            assert server.port == port
            assert client.get("key") == b"value"
    assert not accepts_connections(port)


def test_a_server_that_does_not_start_is_an_error_with_its_output() -> None:
    server = Server(lambda port: ["sh", "-c", "echo out of order"])
    with pytest.raises(RuntimeError, match=r"^sh -c .* does not start:\nout of order"), server:
        pass


def test_a_server_ends_when_the_process_that_started_it_is_killed(tmp_path: Path) -> None:
    script = """
import sys
from pathlib import Path
from support.redis_server import RedisServer
with RedisServer(Path(sys.argv[1])) as server:
    print(server.port, flush=True)
    sys.stdin.read()
"""
    starter = start_python(script, str(tmp_path))
    assert starter.stdout
    port = int(starter.stdout.readline())
    assert accepts_connections(port)
    starter.kill()
    starter.communicate()
    wait_until_refused(port)


def test_a_command_finds_its_server_and_its_exit_code_is_kept() -> None:
    ping = "import os, redis; print(redis.Redis.from_url(os.environ['REDIS_URL']).ping()); exit(7)"
    done = subprocess.run([*REDIS, sys.executable, "-c", ping], capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("True\n", 7)


def test_a_termination_ends_nested_commands_and_their_servers() -> None:
    script = "import os, sys; print(os.getpid(), os.environ['REDIS_URL'], flush=True); input()"
    show_outer = ["sh", "-c", 'echo "$REDIS_URL"; exec "$@"', "sh"]
    command = [*REDIS, *show_outer, *REDIS, sys.executable, "-c", script]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as outer:
        assert outer.stdout
        urls = [outer.stdout.readline(), outer.stdout.readline()]
        ports = [int(url.rpartition(":")[2].partition("/")[0]) for url in urls]
        innermost = int(urls[1].split()[0])
        assert all(map(accepts_connections, ports))
        outer.send_signal(signal.SIGTERM)
        assert outer.wait(DEADLINE) == 128 + signal.SIGTERM
    assert not any(map(accepts_connections, ports))
    with pytest.raises(ProcessLookupError):
        os.kill(innermost, 0)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["run"], "the command to run is missing: write it after --"),
        (["run", "--", "no-such-command"], "there is no command no-such-command"),
        (["start", "--", "true"], "invalid choice: 'start'"),
    ],
)
def test_a_wrong_command_line_is_explained(arguments: list[str], problem: str) -> None:
    command = [sys.executable, redis_server.__file__, *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert problem in done.stderr
    assert "run -- COMMAND..." in done.stderr


def test_a_free_port_is_free() -> None:
    assert not accepts_connections(free_port())
