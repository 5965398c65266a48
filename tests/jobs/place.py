"""Where a job engine is tested: what opens it, here and in processes beside, and what happens to those."""

from __future__ import annotations

import json
import queue
import signal
import subprocess
import sys
import threading
from typing import Any, Protocol

from neuroscript.jobs import JobEngine

PATIENCE = 60.0  # seconds after which a test has failed


class Place(Protocol):
    """What the conformance suite needs of an engine."""

    def open(self) -> JobEngine:
        """Opens it once more, as another process would; it is closed when the test ends."""
        ...

    def other(self, die_at: str = "") -> Other:
        """Starts a process that uses it.

        Args:
            die_at: where it kills itself: with a job ``taken`` and not begun, when it is ``ending`` and that is not
                noted, or when it has just ``ended``.
        """
        ...

    def advance(self, seconds: float) -> None:
        """Sets this machine's wall clock forward, or back."""
        ...


class Other:
    """A process beside that of the tests, told by lines of JSON what to do; see `tests.jobs.other`.

    Args:
        opener: the function that opens the engine there, as ``module:function``.
        arguments: what it is given.
    """

    def __init__(self, opener: str, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.jobs.other", opener, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._said: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._said.put(json.loads(line))

    def tell(self, do: str, **what: Any) -> None:
        """Tells it to do something."""
        assert self._process.stdin is not None
        print(json.dumps({"do": do, **what}), file=self._process.stdin, flush=True)

    def hear(self) -> Any:
        """What it says next."""
        return self._said.get(timeout=PATIENCE)

    def has_said(self) -> bool:
        """Whether it has said what nobody has heard yet."""
        return not self._said.empty()

    def ask(self, do: str, **what: Any) -> Any:
        """Tells it to do something, and waits until it says that it did."""
        self.tell(do, **what)
        return self.hear()

    def kill(self) -> None:
        """Kills it, wherever it is."""
        self._process.kill()
        self.wait()

    def freeze(self) -> None:
        """Has it stand still."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Has it go on."""
        self._process.send_signal(signal.SIGCONT)

    def wait(self) -> int:
        """Waits until it has ended."""
        code = self._process.wait(PATIENCE)
        self._listener.join()
        return code

    def close(self) -> None:
        """Ends it however it is."""
        self._process.kill()
        self.wait()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()
