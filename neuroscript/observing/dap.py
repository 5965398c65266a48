"""The debug adapter: what a client of the Debug Adapter Protocol asks, and what it is told.

One client debugs one run.  This thread reads the client's requests; the run is in a thread of its own.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from neuroscript.cancellation import CancelToken
from neuroscript.errors import NeuroScriptError, NeuroScriptSyntaxError
from neuroscript.observing.dap_messages import Messages
from neuroscript.observing.dap_variables import Variables
from neuroscript.observing.debugger import Debugger, Level, Step
from neuroscript.observing.masking import Mask
from neuroscript.observing.showing import failure_text
from neuroscript.output import visible, whole_text

_THREAD = 1
_RUNNING = "the program is running; pause it first"
_PATIENCE = 10.0  # seconds that a run gets to end when the client goes

_CAPABILITIES = {
    "supportsConfigurationDoneRequest": True,
    "supportsConditionalBreakpoints": True,
    "supportsHitConditionalBreakpoints": True,
    "supportsLogPoints": True,
    "supportsEvaluateForHovers": True,
    "supportsExceptionInfoRequest": True,
    "supportsTerminateRequest": True,
    "supportsDelayedStackTraceLoading": True,
    "supportsClipboardContext": True,
    "exceptionBreakpointFilters": [
        {"filter": "uncaught", "label": "Errors that nothing handles", "default": True},
        {"filter": "all", "label": "All errors", "default": False},
    ],
}

Start = Callable[["Adapter", Mapping[str, Any]], Callable[[], int]]
"""Prepares the run that a ``launch`` request asks for, and gives what runs it and returns its exit status.

It raises `Refused` if that cannot be done.
"""


class Refused(Exception):
    """A request that cannot be answered, with the reason for people."""


class Adapter:
    """The debug adapter of one client.

    Args:
        messages: the client's.
        start: prepares the run.
        mask: masks secrets.
    """

    def __init__(self, messages: Messages, start: Start, mask: Mask) -> None:
        self.debugger = Debugger(self, mask)
        self.token = CancelToken()
        self._messages = messages
        self._start = start
        self._variables = Variables(mask)
        self._levels: list[Level] = []
        self._references: list[str] = []  # the names of programs that are in no file
        self._run: Callable[[], int] | None = None
        self._thread: threading.Thread | None = None
        self._first = 1  # the number of the first line, and of the first column, for this client
        self._over = False

    def serve(self) -> None:
        """Answers the client until it goes; then the run is over too.

        Raises:
            ProtocolError: if something else than the protocol comes in.
        """
        try:
            while not self._over and (message := self._messages.read()) is not None:
                if message.get("type") == "request":
                    self._answer(message)
        finally:
            self._end_run()
            if self._thread is not None:
                self._thread.join(_PATIENCE)

    # --- what the client is told -------------------------------------------------------------------------------------

    def stopped(self, reason: str, description: str, breakpoints: Sequence[int]) -> None:
        """Tells that the run stands still."""
        body: dict[str, Any] = {"reason": reason, "threadId": _THREAD, "allThreadsStopped": True}
        if description:
            body |= {"description": visible(description.splitlines()[0]), "text": visible(description)}
        if breakpoints:
            body["hitBreakpointIds"] = list(breakpoints)
        self._tell("stopped", body)

    def output(self, text: str, category: str) -> None:
        """Shows a text in the client's console: ``stdout``, ``stderr`` or ``console``."""
        self._tell("output", {"category": category, "output": visible(whole_text(text))})

    def _tell(self, event: str, body: dict[str, Any] | None = None) -> None:
        self._messages.write({"type": "event", "event": event, **({} if body is None else {"body": body})})

    # --- requests ----------------------------------------------------------------------------------------------------

    def _answer(self, request: dict[str, Any]) -> None:
        command = str(request.get("command", ""))
        arguments = request.get("arguments")
        arguments = arguments if isinstance(arguments, dict) else {}
        handle = _REQUESTS.get(command)
        while_stopped = _WHILE_STOPPED.get(command)
        if command == "evaluate" and self.debugger.is_asking and arguments.get("context") == "repl":
            self.debugger.answer(str(arguments.get("expression", "")))
            self._reply(request, lambda: {"result": "", "variablesReference": 0})
        elif while_stopped is not None:
            self._when_stopped(request, arguments, while_stopped)
        elif handle is not None:
            self._reply(request, lambda: handle(self, arguments))
            if command == "launch" and self._run is not None:
                self._tell("initialized")
        else:
            self._refuse(request, f"the debugger does not know the request {command[:100]!r}")

    def _when_stopped(
        self, request: dict[str, Any], arguments: dict[str, Any], handle: Callable[[Adapter, dict[str, Any]], Any]
    ) -> None:
        """Answers in the thread of the run, which must stand still."""

        def work() -> Step | None:
            if not self.debugger.is_stopped:
                self._refuse(request, _RUNNING)
                return None
            step = _STEPS.get(request["command"])
            if step is not None:
                self._levels = []
                self._variables.forget()
            self._reply(request, lambda: handle(self, arguments))
            return step

        if not self.debugger.do(work):
            self._refuse(request, _RUNNING)

    def _reply(self, request: dict[str, Any], handle: Callable[[], Any]) -> None:
        try:
            body = handle()
        except Refused as refusal:
            self._refuse(request, str(refusal))
        except NeuroScriptError as error:
            self._refuse(request, _told(error))
        except (KeyError, TypeError, ValueError, LookupError):
            self._refuse(request, f"the arguments of the request {request['command']!r} are not what is expected")
        else:
            self._respond(request, success=True, **({} if body is None else {"body": body}))

    def _refuse(self, request: dict[str, Any], why: str) -> None:
        told = visible(why).replace("{", "(").replace("}", ")")  # in braces stand the names of variables
        error = {"id": 1, "format": told, "showUser": request.get("command") == "launch"}
        self._respond(request, success=False, message=visible(why), body={"error": error})

    def _respond(self, request: dict[str, Any], **fields: Any) -> None:
        answer = {"type": "response", "request_seq": request.get("seq", 0), "command": request.get("command", "")}
        self._messages.write({**answer, **fields})

    def _initialize(self, arguments: dict[str, Any]) -> dict[str, Any]:
        self._first = 1 if arguments.get("linesStartAt1", True) else 0
        return _CAPABILITIES

    def _launch(self, arguments: dict[str, Any]) -> None:
        if self._run is not None:
            raise Refused("a program has been launched already")
        self.debugger.stops_at_entry = arguments.get("stopOnEntry") is True
        self._run = self._start(self, arguments)

    def _attach(self, arguments: dict[str, Any]) -> None:
        raise Refused("a run cannot be attached to; launch the program")

    def _configuration_done(self, arguments: dict[str, Any]) -> None:
        run = self._run
        if run is None or self._thread is not None:
            raise Refused("no program is to be started")

        def work() -> None:
            status = run()
            self._tell("exited", {"exitCode": status})
            self._tell("terminated")

        self._thread = threading.Thread(target=work, name="neuroscript-debugged", daemon=True)
        self._thread.start()

    def _set_breakpoints(self, arguments: dict[str, Any]) -> dict[str, Any]:
        path = self._path_of(arguments["source"])
        wanted = [
            (
                int(one["line"]) - self._first + 1,
                str(one.get("condition") or "").strip(),
                str(one.get("hitCondition") or "").strip(),
                str(one.get("logMessage") or ""),
            )
            for one in arguments.get("breakpoints", [])
        ]
        made = self.debugger.breakpoints.put(path, wanted)
        return {
            "breakpoints": [
                {"id": one.number, "verified": one.verified, "line": one.line + self._first - 1}
                | ({"message": one.message} if one.message else {})
                for one in made
            ]
        }

    def _set_exception_breakpoints(self, arguments: dict[str, Any]) -> dict[str, Any]:
        known = {one["filter"] for one in _CAPABILITIES["exceptionBreakpointFilters"]}  # type: ignore[attr-defined]
        filters = [str(one) for one in arguments.get("filters", [])]
        self.debugger.on_error = frozenset(filters) & known
        return {"breakpoints": [{"verified": one in known} for one in filters]}

    def _threads(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return {"threads": [{"id": _THREAD, "name": "program"}]}

    def _pause(self, arguments: dict[str, Any]) -> None:
        self.debugger.pause()

    def _terminate(self, arguments: dict[str, Any]) -> None:
        self._end_run()

    def _disconnect(self, arguments: dict[str, Any]) -> None:
        self._over = True

    def _end_run(self) -> None:
        self.token.cancel("the debugger ended the run")
        self.debugger.end()

    # --- requests while the run stands still -------------------------------------------------------------------------

    def _stack_trace(self, arguments: dict[str, Any]) -> dict[str, Any]:
        if not self._levels:
            self._levels = self.debugger.levels()
        start, count = int(arguments.get("startFrame") or 0), int(arguments.get("levels") or 0)
        shown = self._levels[start : start + count] if count else self._levels[start:]
        frames = [
            {
                "id": number,
                "name": level.name,
                "line": level.line + self._first - 1,
                "column": self._first,
                "source": self._source(level.file),
            }
            for number, level in enumerate(shown, start + 1)
        ]
        return {"stackFrames": frames, "totalFrames": len(self._levels)}

    def _scopes(self, arguments: dict[str, Any]) -> dict[str, Any]:
        level = self._level(arguments["frameId"])
        scopes = [("Variables", "locals", level.variables), ("Names of the host", "globals", self.debugger.globals())]
        return {
            "scopes": [
                {
                    "name": name,
                    "presentationHint": hint,
                    "variablesReference": self._variables.scope(variables),
                    "namedVariables": len(variables),
                    "expensive": False,
                }
                for name, hint, variables in scopes
                if variables or hint == "locals"
            ]
        }

    def _children(self, arguments: dict[str, Any]) -> dict[str, Any]:
        start, count = int(arguments.get("start") or 0), int(arguments.get("count") or 0)
        return {"variables": self._variables.children(int(arguments["variablesReference"]), start, count)}

    def _evaluate(self, arguments: dict[str, Any]) -> dict[str, Any]:
        expression = str(arguments["expression"])
        if not self._levels:
            self._levels = self.debugger.levels()
        number = arguments.get("frameId")
        level = self._level(number) if number is not None else self._levels[0]
        value = self.debugger.evaluated(expression, level)
        plain = expression.strip() if expression.strip() in level.variables else ""
        hidden = bool(plain) and Mask.hides(plain) and type(value) is str
        return self._variables.value(value, plain, hidden=hidden, whole=arguments.get("context") == "clipboard")

    def _exception_info(self, arguments: dict[str, Any]) -> dict[str, Any]:
        failure = self.debugger.failure
        if failure is None:
            raise Refused("the program did not stop at an error")
        name = failure.name if isinstance(failure, NeuroScriptError) else "interrupted"
        return {"exceptionId": name, "description": visible(failure_text(failure)), "breakMode": "always"}

    def _go_on(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return {"allThreadsContinued": True}

    def _level(self, number: object) -> Level:
        if not self._levels:
            self._levels = self.debugger.levels()
        if not isinstance(number, int) or not 0 < number <= len(self._levels):
            raise Refused("there is no such level of the stack any more")
        return self._levels[number - 1]

    # --- sources -----------------------------------------------------------------------------------------------------

    def _source(self, file: str) -> dict[str, Any]:
        path = os.path.abspath(file)
        if os.path.isfile(path):
            return {"name": os.path.basename(path), "path": path}
        if file not in self._references:
            self._references.append(file)
        return {"name": visible(file) or "a program", "sourceReference": self._references.index(file) + 1}

    def _source_text(self, arguments: dict[str, Any]) -> dict[str, Any]:
        source = arguments.get("source") or arguments
        number = int(source.get("sourceReference") or arguments.get("sourceReference") or 0)
        name = self._references[number - 1] if 0 < number <= len(self._references) else ""
        if name not in self.debugger.texts:
            raise Refused("there is no such source")
        return {"content": whole_text(self.debugger.texts[name])}

    def _path_of(self, source: dict[str, Any]) -> str:
        number = int(source.get("sourceReference") or 0)
        if not source.get("path") and 0 < number <= len(self._references):
            return self._references[number - 1]
        return str(source["path"])


def _told(error: NeuroScriptError) -> str:
    if isinstance(error, NeuroScriptSyntaxError) and error.diagnostics:
        return error.diagnostics[0].message
    return failure_text(error)


_REQUESTS: dict[str, Callable[[Adapter, dict[str, Any]], Any]] = {
    "initialize": Adapter._initialize,
    "launch": Adapter._launch,
    "attach": Adapter._attach,
    "configurationDone": Adapter._configuration_done,
    "setBreakpoints": Adapter._set_breakpoints,
    "setExceptionBreakpoints": Adapter._set_exception_breakpoints,
    "threads": Adapter._threads,
    "pause": Adapter._pause,
    "source": Adapter._source_text,
    "terminate": Adapter._terminate,
    "disconnect": Adapter._disconnect,
}

_WHILE_STOPPED: dict[str, Callable[[Adapter, dict[str, Any]], Any]] = {
    "stackTrace": Adapter._stack_trace,
    "scopes": Adapter._scopes,
    "variables": Adapter._children,
    "evaluate": Adapter._evaluate,
    "exceptionInfo": Adapter._exception_info,
    "continue": Adapter._go_on,
    "next": Adapter._go_on,
    "stepIn": Adapter._go_on,
    "stepOut": Adapter._go_on,
}

_STEPS = {"continue": Step.FREELY, "next": Step.OVER, "stepIn": Step.IN, "stepOut": Step.OUT}
"""How far these requests let the run go on."""
