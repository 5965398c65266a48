"""A web service that runs programs which others wrote, and streams what they emit and what models say, as it comes.

    pip install neuroscript fastapi uvicorn
    uvicorn --app-dir examples web:app

    curl -N 127.0.0.1:8000/run --data-binary @- <<'END'
    command
      emit "asking"
      ask "helper", "Name a colour." into answer
      emit answer
    endcommand
    END

Each line of the reply is a JSON object: ``{"emit": …}``, ``{"delta": …}``, and at the end ``{"done": true}`` or
``{"error": …}``.  A client that hangs up ends its program, the models' calls of it included, which are booked.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
from fastapi import FastAPI, Request, Response
from starlette.types import Receive, Scope, Send

from ai_wm import AIWorkerManager, WorkerPolicy, register_ai_worker_tools
from neuroscript import Interpreter, Limits, NeuroScriptError, StreamEvent, to_json

LIMITS = Limits(max_wall_seconds=60)
POLICY = WorkerPolicy(manage="none", max_cost_per_run=0.10)
HELPER = {
    "name": "helper",
    "provider": "local",
    "model_name": "echo",
    "auth": {"method": "none"},
    "interaction_models": ["both"],
}


class RunningProgram(Response):
    """The reply to a request: runs a program, and sends a line for each thing that it tells.

    Args:
        program: its text.
        manager: the workers that it may ask.
    """

    def __init__(self, program: bytes, manager: AIWorkerManager) -> None:
        super().__init__()
        self.program = program
        self.manager = manager

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the reply, until the program or the client has gone."""
        headers = [(b"content-type", b"application/x-ndjson")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        async with anyio.create_task_group() as group:
            group.start_soon(self._wait_for_end, receive, group.cancel_scope)
            await self._run(send)
            group.cancel_scope.cancel()
        await send({"type": "http.response.body", "body": b""})

    async def _wait_for_end(self, receive: Receive, scope: anyio.CancelScope) -> None:
        """Cancels the program when the client hangs up."""
        while (await receive())["type"] != "http.disconnect":
            pass
        scope.cancel()

    async def _run(self, send: Send) -> None:
        async def tell(**line: Any) -> None:
            body = json.dumps(line).encode() + b"\n"
            await send({"type": "http.response.body", "body": body, "more_body": True})

        async def emit(value: Any) -> None:
            await tell(emit=to_json(value))

        async def on_stream(event: StreamEvent) -> None:
            if event.kind == "delta":
                await tell(delta=event.text, worker=event.worker)

        # One for each program, since it keeps what a program defines; the manager is shared.
        with Interpreter(emit=emit, on_stream=on_stream, limits=LIMITS, environment=()) as interpreter:
            register_ai_worker_tools(interpreter, self.manager, policy=POLICY)
            try:
                await interpreter.aexecute(self.program, "program.ns")
            except NeuroScriptError as error:
                await tell(error=error.message, code=int(error.code), line=error.line)
            else:
                await tell(done=True)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Opens the workers when the service starts, unless it was given some, and closes them when it ends."""
    if not hasattr(app.state, "manager"):
        app.state.manager = AIWorkerManager()
        app.state.manager.add_worker_definition(HELPER)
    with app.state.manager:
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/run")
async def run(request: Request) -> Response:
    """Runs the program in the body of the request."""
    return RunningProgram(await request.body(), request.app.state.manager)
