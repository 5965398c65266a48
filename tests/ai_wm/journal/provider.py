"""A provider in a process of its own, which answers, bills what it answers, and outlives whoever asks it.

    python -m tests.ai_wm.journal.provider DIRECTORY

The port is in ``DIRECTORY/port`` once it listens.  Each request is a line of ``DIRECTORY/bills.jsonl``, written before
the answer is sent: what was asked, what it is billed for, and the idempotency key.  While there is
``DIRECTORY/outage``, it answers 503 and bills nothing.
"""

from __future__ import annotations

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock
from typing import Any

INPUT, OUTPUT = 7, 5
"""The tokens that each request is billed for."""


def answer_to(messages: list[dict[str, Any]]) -> dict[str, Any]:
    """The message that answers a conversation: it asks for a tool where the prompt says so, and else repeats."""
    last = messages[-1]
    if last["role"] == "tool":
        return {"role": "assistant", "content": f"tool said {last['content']}"}
    text = last["content"]
    if text.startswith("use "):
        call = {"name": text.removeprefix("use "), "arguments": json.dumps({"word": "w"})}
        return {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c1", "type": "function", "function": call}],
        }
    said = sum(message["role"] == "user" for message in messages)
    return {"role": "assistant", "content": f"{said}: {text}"}


def serve(directory: Path) -> None:
    """Answers until the process is killed."""
    lock = Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            if (directory / "outage").exists():
                self._send(503, {"error": {"message": "down"}})
                return
            message = answer_to(body["messages"])
            bill = {
                "asked": body["messages"],
                "tokens": INPUT + OUTPUT,
                "key": self.headers.get("Idempotency-Key", ""),
            }
            with lock, open(directory / "bills.jsonl", "a") as file:
                file.write(json.dumps(bill) + "\n")
                file.flush()
                os.fsync(file.fileno())
            reason = "tool_calls" if message.get("tool_calls") else "stop"
            usage = {"prompt_tokens": INPUT, "completion_tokens": OUTPUT, "total_tokens": INPUT + OUTPUT}
            choice = {"index": 0, "message": message, "finish_reason": reason}
            self._send(200, {"id": "r", "model": "m", "choices": [choice], "usage": usage})

        def _send(self, status: int, body: dict[str, Any]) -> None:
            raw = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    new = directory / "port.new"
    new.write_text(str(server.server_address[1]))
    new.rename(directory / "port")
    server.serve_forever()


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
