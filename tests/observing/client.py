"""A client of the Debug Adapter Protocol, over the standard input and output of a process or a socket."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable
from typing import Any, BinaryIO

TIMEOUT = 30.0


class Client:
    """Sends requests, and takes what comes back in turn.

    Args:
        writer: where requests go.
        reader: where answers and events come from.
    """

    def __init__(self, writer: BinaryIO, reader: BinaryIO) -> None:
        self._writer = writer
        self._reader = reader
        self._number = 0
        self._came: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._kept: list[dict[str, Any]] = []
        self.numbers: list[int] = []
        self.output: list[tuple[str, str]] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        while True:
            length = None
            while (line := self._reader.readline()).strip():
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            if length is None:
                self._came.put(None)
                return
            self._came.put(json.loads(self._reader.read(length)))

    def send(self, command: str, **arguments: Any) -> int:
        """Sends a request; gives its number."""
        self._number += 1
        request = {"seq": self._number, "type": "request", "command": command, "arguments": arguments}
        content = json.dumps(request).encode()
        self._writer.write(b"Content-Length: %d\r\n\r\n" % len(content) + content)
        self._writer.flush()
        return self._number

    def take(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first message of a kind; others are kept for later."""
        for index, message in enumerate(self._kept):
            if wanted(message):
                return self._kept.pop(index)
        while True:
            message_ = self._came.get(timeout=TIMEOUT)
            if message_ is None:
                raise EOFError
            self.numbers.append(message_["seq"])
            if message_.get("event") == "output":
                self.output.append((message_["body"]["category"], message_["body"]["output"]))
            elif wanted(message_):
                return message_
            else:
                self._kept.append(message_)

    def response(self, number: int) -> dict[str, Any]:
        return self.take(lambda message: message["type"] == "response" and message["request_seq"] == number)

    def ask(self, command: str, **arguments: Any) -> dict[str, Any]:
        """Sends a request, and gives the body of its answer."""
        answer = self.response(self.send(command, **arguments))
        assert answer["success"], answer
        return answer.get("body", {})

    def refused(self, command: str, **arguments: Any) -> str:
        """Sends a request that is refused; gives the reason."""
        answer = self.response(self.send(command, **arguments))
        assert not answer["success"], answer
        assert answer["body"]["error"]["format"]
        return str(answer["message"])

    def event(self, name: str) -> dict[str, Any]:
        return self.take(lambda message: message.get("event") == name).get("body", {})

    # --- what a person does ------------------------------------------------------------------------------------------

    def begin(self, program: str, *lines: int | dict[str, Any], filters: tuple[str, ...] = (), **launch: Any) -> Any:
        """Launches a program with breakpoints; gives these as the debugger has them."""
        self.ask("initialize", adapterID="neuroscript", linesStartAt1=True)
        self.ask("launch", program=program, **launch)
        self.event("initialized")
        wanted = [line if isinstance(line, dict) else {"line": line} for line in lines]
        made = self.ask("setBreakpoints", source={"path": program}, breakpoints=wanted)["breakpoints"]
        self.ask("setExceptionBreakpoints", filters=list(filters))
        self.ask("configurationDone")
        return made

    def stop(self) -> tuple[str, int, str]:
        """Waits until the run stands still: the reason, the line, and the name of the innermost body."""
        reason = self.event("stopped")["reason"]
        top = self.stack()[0]
        return reason, top["line"], top["name"]

    def stack(self) -> list[dict[str, Any]]:
        frames: list[dict[str, Any]] = self.ask("stackTrace", threadId=1)["stackFrames"]
        return frames

    def go(self, how: str = "continue") -> tuple[str, int, str]:
        """Lets the run go on, until it stands still again."""
        self.ask(how, threadId=1)
        return self.stop()

    def finish(self) -> int:
        """Lets the run go on until it is over; gives its exit status."""
        self.ask("continue", threadId=1)
        return self.end()

    def end(self) -> int:
        """Waits for the end of the run."""
        status: int = self.event("exited")["exitCode"]
        self.event("terminated")
        return status

    def variables(self, level: int = 0) -> dict[str, dict[str, Any]]:
        """The variables of a level of the stack, by name."""
        scopes = self.ask("scopes", frameId=self.stack()[level]["id"])["scopes"]
        return self.inside(scopes[0])

    def inside(self, held: dict[str, Any], **part: int) -> dict[str, dict[str, Any]]:
        """What stands in a scope, list or map."""
        found = self.ask("variables", variablesReference=held["variablesReference"], **part)["variables"]
        return {one["name"]: one for one in found}

    def value(self, expression: str, level: int = 0) -> str:
        """The value of an expression in a level of the stack."""
        answer = self.ask("evaluate", expression=expression, frameId=self.stack()[level]["id"], context="watch")
        return str(answer["result"])

    def printed(self, category: str = "stdout") -> str:
        return "".join(text for kind, text in self.output if kind == category)
