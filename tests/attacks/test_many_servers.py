"""Attacks by many servers: a program that asks ever new ones takes no more of its process than one that asks a few."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from ai_wm import AIWorkerManager
from ai_wm.providers.connections import KEEP_CONNECTIONS
from tests.ai_wm.helpers import worker
from tests.ai_wm.providers.loopback import reply
from tests.ai_wm.providers.support import body_of

SERVERS = 400
AT_ONCE = 32

SERVER = """
import json, resource, selectors, socket, sys
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096) if hard > 0 else 4096, hard))
number, reply = int(sys.argv[1]), sys.argv[2].encode()
watched, unread = selectors.DefaultSelector(), {}
listening = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
for each in listening:
    watched.register(each, selectors.EVENT_READ)
print(json.dumps([each.getsockname()[1] for each in listening]), flush=True)
while True:
    for key, _ in watched.select():
        if key.fileobj in listening:
            connection = key.fileobj.accept()[0]
            watched.register(connection, selectors.EVENT_READ)
            unread[connection] = b""
            continue
        connection, piece = key.fileobj, key.fileobj.recv(65536)
        if not piece:
            watched.unregister(connection)
            del unread[connection]
            connection.close()
            continue
        unread[connection] += piece
        head, found, body = unread[connection].partition(b"\\r\\n\\r\\n")
        length = [line for line in head.lower().split(b"\\r\\n") if line.startswith(b"content-length:")]
        if found and len(body) >= int(length[0].split(b":")[1]):
            unread[connection] = b""
            connection.sendall(reply)
"""
"""As many servers as wanted, each at a port of its own, that keep their connections open; prints the ports."""


@pytest.fixture
def ports() -> Iterator[list[int]]:
    """The ports of the servers, which run in a process of their own, so that theirs are not counted with ours."""
    answer = reply(body_of("openai")).decode()
    command = [sys.executable, "-c", SERVER, str(SERVERS), answer]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())
        finally:
            process.kill()


def open_files() -> int:
    """How many file descriptors this process has open."""
    return len(os.listdir("/dev/fd"))


@pytest.mark.skipif(not os.path.isdir("/dev/fd"), reason="the system does not list open file descriptors")
def test_workers_at_many_addresses_take_a_bounded_number_of_connections(ports: list[int]) -> None:
    """Each of 400 workers left a connection, or a client with its pool, until the process had no descriptor left."""
    with AIWorkerManager() as manager:
        for port in ports:
            config = {"base_url": f"http://127.0.0.1:{port}/v1"}
            manager.add_worker_definition(worker(str(port), provider="custom", base_config=config))
        before, most = open_files(), 0
        for port in ports:
            assert manager.execute_stateless_task(str(port), "x").output == "Hi there"
            most = max(most, open_files() - before)
        assert KEEP_CONNECTIONS // 2 < most <= KEEP_CONNECTIONS + 1

        def ask(port: int) -> int:
            assert manager.execute_stateless_task(str(port), "x").output == "Hi there"
            return open_files() - before

        with ThreadPoolExecutor(AT_ONCE) as threads:
            # Each thread may have a connection in use, and the directory that it lists.
            assert max(threads.map(ask, ports)) <= KEEP_CONNECTIONS + 2 * AT_ONCE
        clients = manager._wiring.clients
        assert list(clients._made) == ["custom"]
        assert list(clients._transport._connections) == [None]  # type: ignore[union-attr]
    assert open_files() <= before
