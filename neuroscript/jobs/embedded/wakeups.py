"""Wakes who waits: threads of this process by a condition, other processes by a message.

A message says only for which topics something has changed; who is woken looks into the file.  So a message that is
lost, or made up, costs time and nothing else.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import selectors
import socket
import struct
import threading
import time
from contextlib import suppress

from neuroscript.private_files import FILE_MODE, open_private

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final, Self

FALLBACK_SECONDS: Final = 2.0
"""After so many seconds everybody looks by himself whether there is something to do: a message may have been lost."""

SOCKET: Final = ".socket"
PORT: Final = ".port"
_MOST_TOPICS: Final = 24
"""Topics of a message; one that would have more is for all."""

_SHORTEST_QUEUE: Final = 8
"""Messages that every system keeps for a receiver.  One that finds so many may have missed others."""

_TOKEN_BYTES: Final = 16
_COARSE: Final = 50_000_000
"""Nanoseconds in which a directory may change twice and have one time of it."""

_NEW: Final = ".new"
_END: Final = b"end"
_PATIENCE: Final = 1.0
_LONGEST_SOCKET_PATH: Final = 100  # bytes; systems allow 104 to 108


def topic(*names: str) -> int:
    """The number of what somebody may wait for: ``topic("ended", owner, id)``."""
    text = "\0".join(names).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")


def ready_topic(queue: str) -> int:
    """Notified when a job of a queue of that name may start."""
    return topic("ready", queue)


def ends_topic(owner: str, queue: str) -> int:
    """Notified when a job of the queue has ended, or its end is free, or nothing is left to wait for."""
    return topic("ends", owner, queue)


def end_topic(owner: str, id: str) -> int:
    """Notified when the job has ended."""
    return topic("end", owner, id)


def process_topic(process: int) -> int:
    """Notified when a process is to look whether what it runs should end, and to say what has begun."""
    return topic("process", str(process))


def pause_topic(queue: int) -> int:
    """Notified when a process has said that what it runs of a queue has begun."""
    return topic("pause", str(queue))


TIMERS: Final = topic("timers")
"""Notified when time changes something earlier than it would have, and when processes come and go."""


class Waiter:
    """A thread that waits for topics."""

    __slots__ = ("_event", "_notifier", "topics")

    def __init__(self, notifier: Notifier, topics: tuple[int, ...]) -> None:
        self._notifier = notifier
        self._event = threading.Event()
        self.topics = topics

    def wait(self, seconds: float) -> bool:
        """Waits until it is notified; false if the time is over.  What came since the last time counts."""
        notified = self._event.wait(max(seconds, 0.0))
        self._event.clear()
        return notified

    def notify(self) -> None:
        """Wakes the thread."""
        self._event.set()

    def __enter__(self) -> Self:
        self._notifier.add(self)
        return self

    def __exit__(self, *exception: object) -> None:
        self._notifier.remove(self)


class Notifier:
    """Wakes the threads of this process that wait for a topic."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiters: dict[int, set[Waiter]] = {}

    def waiter(self, *topics: int) -> Waiter:
        """Somebody who waits for topics, to be entered by ``with`` before it is looked whether waiting is needed."""
        return Waiter(self, topics)

    def add(self, waiter: Waiter) -> None:
        """Notifies it from now on."""
        with self._lock:
            for each in waiter.topics:
                self._waiters.setdefault(each, set()).add(waiter)

    def remove(self, waiter: Waiter) -> None:
        """Notifies it no more."""
        with self._lock:
            for each in waiter.topics:
                found = self._waiters[each]
                found.discard(waiter)
                if not found:
                    del self._waiters[each]

    def notify(self, topics: Iterable[int]) -> None:
        """Wakes who waits for one of the topics."""
        with self._lock:
            found = {waiter for each in topics for waiter in self._waiters.get(each, ())}
        for waiter in found:
            waiter.notify()

    def notify_all(self) -> None:
        """Wakes everybody."""
        with self._lock:
            found = {waiter for waiters in self._waiters.values() for waiter in waiters}
        for waiter in found:
            waiter.notify()


class _EndError(Exception):
    """A receiver is to receive nothing more."""


class Receiver:
    """Receives the messages of other processes, in a thread, and notifies this one's threads.

    It is a socket in a directory that only this user may enter, or where there are none, or its path is too long, a
    port of the loopback address; a file of this user says which, and what a message has to begin with.

    Args:
        directory: where it is found by others.
        name: its name there.
        notifier: what it passes them to.
    """

    def __init__(self, directory: str, name: str, notifier: Notifier) -> None:
        self._notifier = notifier
        self._token = b""
        path = os.path.join(directory, name)
        self._socket = self._open_socket(path + SOCKET) or self._open_port(path + PORT)
        self._socket.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._socket, selectors.EVENT_READ)
        self._watching = threading.Lock()
        self._watched: dict[int, int] = {}  # the descriptors of processes
        self._thread = threading.Thread(target=self._listen, name="neuroscript-jobs-receiver", daemon=True)
        self._thread.start()

    def _open_socket(self, path: str) -> socket.socket | None:
        """A socket in the directory; None if there can be none."""
        if not hasattr(socket, "AF_UNIX") or len(os.fsencode(path)) > _LONGEST_SOCKET_PATH:
            return None
        made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            made.bind(path)
            os.chmod(path, FILE_MODE)
        except OSError:  # the file system has none
            made.close()
            return None
        self.path = path
        return made

    def _open_port(self, path: str) -> socket.socket:
        """A port, which is written into a file."""
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            made.bind(("127.0.0.1", 0))
            self._token = secrets.token_bytes(_TOKEN_BYTES)
            descriptor = open_private(path + _NEW, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
            with open(descriptor, "w", encoding="ascii") as file:
                file.write(f"{made.getsockname()[1]} {self._token.hex()}")
            os.rename(path + _NEW, path)
        except BaseException:
            made.close()
            raise
        self.path = path
        return made

    def watch(self, processes: set[int]) -> None:
        """Notifies `TIMERS` as soon as one of these processes dies, given by their ids with the system.

        Where the system cannot say so, nobody is notified.
        """
        if not hasattr(os, "pidfd_open"):
            return
        with self._watching:
            known = set(self._watched)
            for process in known - processes:
                self._forget(process)
            for process in processes - known:
                with suppress(OSError):  # it has died already, or is one of another container
                    descriptor = os.pidfd_open(process)
                    self._selector.register(descriptor, selectors.EVENT_READ, process)
                    self._watched[process] = descriptor

    def _forget(self, process: int) -> None:
        descriptor = self._watched.pop(process, None)
        if descriptor is not None:
            self._selector.unregister(descriptor)
            os.close(descriptor)

    def _listen(self) -> None:
        while True:
            try:
                for key, _ in self._selector.select():
                    if key.data is None:
                        self._receive()
                    else:
                        with self._watching:
                            self._forget(key.data)
                        self._notifier.notify((TIMERS,))
            except _EndError:
                return
            except OSError:  # it has been closed
                return

    def _receive(self) -> None:
        """Reads the messages that are there."""
        received = 0
        while True:
            try:
                data = self._socket.recv(4096)
            except BlockingIOError:
                return
            if data[: len(self._token)] != self._token:
                continue
            content = data[len(self._token) :]
            if content == _END:
                raise _EndError
            received += 1
            if not content or received >= _SHORTEST_QUEUE or len(content) % 8:
                self._notifier.notify_all()
            else:
                self._notifier.notify(struct.unpack(f">{len(content) // 8}Q", content))

    def close(self) -> None:
        """Receives nothing more."""
        with suppress(OSError):
            address = self._socket.getsockname()
            with socket.socket(self._socket.family, socket.SOCK_DGRAM) as sender:
                sender.sendto(self._token + _END, address)
        with suppress(OSError):
            os.unlink(self.path)
        self._thread.join(_PATIENCE)
        self.watch(set())
        self._selector.close()
        self._socket.close()


class Sender:
    """Sends messages to the receivers of other processes in a directory."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        self._closed = False
        self._seen = -1
        self._own = ""
        self._addresses: dict[str, tuple[socket.socket, str | tuple[str, int], bytes]] = {}
        self._sockets: dict[int, socket.socket] = {}

    def leave_out(self, name: str) -> None:
        """Sends nothing to this process itself, whose socket or port has that name."""
        self._own = name

    def send(self, topics: set[int]) -> None:
        """Tells all others of a change.  Whoever does not take it now looks in some seconds by itself."""
        with self._lock:
            if self._closed:
                return
            with suppress(OSError):
                self._refresh()
            if not self._addresses:
                return
            content = struct.pack(f">{len(topics)}Q", *topics) if len(topics) <= _MOST_TOPICS else b""
            for sender, address, token in self._addresses.values():
                with suppress(OSError):  # its process has died, or has enough to do
                    sender.sendto(token + content, address)

    def _refresh(self) -> None:
        """Looks who is there, if somebody came or went."""
        changed = os.stat(self._directory).st_mtime_ns
        if changed == self._seen:
            return
        found = {}
        for name in os.listdir(self._directory):
            if name.endswith((SOCKET, PORT)) and name != self._own:
                known = self._addresses.get(name)
                with suppress(OSError, ValueError):
                    found[name] = known or self._address(name)
        self._addresses = found
        self._seen = changed if time.time_ns() - changed > _COARSE else -1

    def _address(self, name: str) -> tuple[socket.socket, str | tuple[str, int], bytes]:
        path = os.path.join(self._directory, name)
        if name.endswith(SOCKET):
            return self._socket_of(socket.AF_UNIX), path, b""
        with open(open_private(path, os.O_RDONLY), encoding="ascii") as file:
            port, token = file.read(100).split()
        return self._socket_of(socket.AF_INET), ("127.0.0.1", int(port)), bytes.fromhex(token)

    def _socket_of(self, family: int) -> socket.socket:
        found = self._sockets.get(family)
        if found is None:
            found = self._sockets[family] = socket.socket(family, socket.SOCK_DGRAM)
            found.setblocking(False)
        return found

    def close(self) -> None:
        """Sends nothing more."""
        with self._lock:
            self._addresses.clear()
            for each in self._sockets.values():
                each.close()
            self._sockets.clear()
            self._closed = True
