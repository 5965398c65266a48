"""``neuroscript debug``: the step debugger, which editors start and talk to by the Debug Adapter Protocol."""

from __future__ import annotations

import argparse
import copy
import logging
import os
import socket
import sys
from collections.abc import Mapping
from typing import Any, BinaryIO

from neuroscript.cli.parser import Parser
from neuroscript.cli.report import complain, returned_before
from neuroscript.cli.run import Surroundings, add_run, run_program
from neuroscript.cli.source import STDIN, read_source
from neuroscript.cli.status import FAILED, OK, USAGE, UsageError
from neuroscript.error_text import explain
from neuroscript.errors import NeuroScriptError
from neuroscript.interpreter import Interpreter
from neuroscript.observing.dap import Adapter, Refused
from neuroscript.observing.dap_messages import Messages, ProtocolError
from neuroscript.observing.masking import Mask
from neuroscript.output import one_line
from neuroscript.streaming import StreamEvent
from neuroscript.values import text_of

SUMMARY = "debug a program step by step in an editor (Debug Adapter Protocol)"

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
LAUNCH = frozenset({"program", "entry", "args", "events", "options", "cwd", "stopOnEntry", "noDebug"})
"""The fields of a ``launch`` request that are read; editors add some of their own."""
_STARTED_BY_HAND = "an editor starts this command and talks to it over standard input and output; Ctrl-C ends it"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.add_argument("file", metavar="FILE", nargs="?", help="the program; by default the editor says which one")
    parser.add_argument("--stdio", action="store_true", help="talk over standard input and output, as without --listen")
    parser.add_argument(
        "--listen",
        metavar="[HOST:]PORT",
        type=_address,
        help="wait for one editor at a port of this machine; 0 chooses one",
    )
    add_run(parser)
    parser.set_defaults(stream=False, format="text")


def run(options: argparse.Namespace) -> int:
    """Serves one editor until it goes away."""
    if options.listen is not None and options.stdio:
        raise UsageError("--stdio and --listen exclude each other")
    if options.file == STDIN:
        raise UsageError("a program on standard input cannot be debugged; name a file")
    if options.file is not None:
        read_source(options.file)  # which tells if there is no such program, before an editor is waited for
    if options.listen is not None:
        return _listen(options)
    if sys.stdin.isatty():
        complain(_STARTED_BY_HAND)
    # The modules of --tools and plugins may print: that must not get between the messages to the editor.
    with open(os.dup(sys.stdout.fileno()), "wb") as messages:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        return _serve(options, sys.stdin.buffer, messages)


def _serve(options: argparse.Namespace, reader: BinaryIO, writer: BinaryIO) -> int:
    mask = Mask()
    adapter = Adapter(Messages(reader, writer), _Launcher(options).start, mask)
    # What is logged is shown where everything else is; nobody sees the standard error of this process.
    logging.basicConfig(handlers=[_Log(adapter)])
    try:
        adapter.serve()
    except ProtocolError as error:
        complain(error)
        return FAILED
    return OK


# --- a port -----------------------------------------------------------------------------------------------------------


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    host = host.strip("[]") or _LOOPBACK[0]
    if not port.isdigit() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"a port is wanted, or a host and a port, not {text!r}")
    if host not in _LOOPBACK:
        message = f"whoever reaches {host!r} could run programs as you; only this machine's own addresses are served"
        raise argparse.ArgumentTypeError(f"{message} (127.0.0.1); reach it from elsewhere by ssh -L")
    return host, int(port)


def _listen(options: argparse.Namespace) -> int:
    """Serves the first client of the user's own that comes."""
    host, port = options.listen
    try:
        server = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise UsageError(f"--listen: {host}:{port} cannot be listened at: {error.strerror or error}") from error
    with server:
        place = server.getsockname()
        print(f"neuroscript: waiting for an editor at {host}:{place[1]}", file=sys.stderr, flush=True)
        while True:
            client, peer = server.accept()
            if _is_another_user_s(peer, place):
                client.close()
                complain("a connection of another user of this machine was refused")
                continue
            break
    with client, client.makefile("rb") as reader, client.makefile("wb") as writer:
        return _serve(options, reader, writer)


def _is_another_user_s(peer: tuple[Any, ...], own: tuple[Any, ...]) -> bool:
    """Whether the other end of a connection on this machine is another user's; where Linux tells."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(table, encoding="ascii") as file:
                rows = [line.split() for line in file][1:]
        except OSError:
            continue
        for row in rows:
            # The row of the client's end: it is at the peer's port, and connected with ours.
            if int(row[1].rpartition(":")[2], 16) == peer[1] and int(row[2].rpartition(":")[2], 16) == own[1]:
                return int(row[7]) not in (os.getuid(), 0)
    return False


# --- the run ----------------------------------------------------------------------------------------------------------


class _LaunchParser(Parser):
    """The parser of the options in a ``launch`` request, which tells the editor what is wrong."""

    def error(self, message: str) -> Any:
        raise Refused(message)


class _Launcher:
    """Prepares the run that an editor asks for.

    Args:
        options: of the command, which hold unless the request says something else.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options

    def start(self, adapter: Adapter, request: Mapping[str, Any]) -> Any:
        """What runs the program of a ``launch`` request.

        Raises:
            Refused: if the request is wrong.
        """
        options = self._merged(request)
        debugging = request.get("noDebug") is not True

        def prepare(interpreter: Interpreter) -> None:
            if debugging:
                adapter.debugger.attach(interpreter)

        surroundings = Surroundings(
            report=_Output(adapter, show_result=options.entry is not None),
            token=adapter.token,
            prepare=prepare,
            prompt=adapter.debugger.prompt,
        )

        def work() -> int:
            try:
                return run_program(options, surroundings)
            except (UsageError, NeuroScriptError) as error:
                adapter.output(f"neuroscript: {error}\n", "stderr")
                return USAGE if isinstance(error, UsageError) else FAILED
            except Exception as error:  # a defect of ours or of a plugin, of which users get one line
                if sys.flags.dev_mode:
                    raise
                adapter.output(f"neuroscript: internal error: {type(error).__name__}: {error}\n", "stderr")
                return FAILED

        return work

    def _merged(self, request: Mapping[str, Any]) -> argparse.Namespace:
        """The options of the command, with what the request says besides."""
        words: list[str] = []
        for name in ("entry", "program", "cwd"):
            if request.get(name) is not None and not isinstance(request[name], str):
                raise Refused(f"{name!r} is a text")
        if request.get("cwd"):
            try:
                os.chdir(request["cwd"])
            except OSError as error:
                raise Refused(f"'cwd': {request['cwd']!r} cannot be entered: {error.strerror}") from None
        given = request.get("options") or []
        if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
            raise Refused('\'options\' is a list of texts, such as ["--sandbox", "data"]')
        words += given
        if request.get("entry"):
            words.append(f"--entry={request['entry']}")
        if request.get("args") is not None:
            words.append(f"--args={_json(request['args'])}")
        events = request.get("events") or {}
        if not isinstance(events, dict):
            raise Refused("'events' is a map from names of events to payloads")
        words += [f"--event={name}={_json(payload)}" for name, payload in events.items()]
        program = request.get("program") or self._options.file
        if not program:
            raise Refused("the program to debug is not named: 'program' in the launch configuration")
        if not os.path.isfile(program):
            raise Refused(f"there is no file {program!r}")
        parser = _LaunchParser(prog="launch", add_help=False)
        add_run(parser)
        options = parser.parse_args(words, copy.deepcopy(self._options))
        options.file = program
        return options


def _json(value: Any) -> str:
    import json

    return json.dumps(value)


class _Log(logging.Handler):
    """Warnings and errors that are logged, such as those of event handlers, in the editor's console."""

    def __init__(self, adapter: Adapter) -> None:
        super().__init__(logging.WARNING)
        self._adapter = adapter

    def emit(self, record: logging.LogRecord) -> None:
        self._adapter.output(f"neuroscript: {one_line(record.getMessage())}\n", "stderr")


class _Output:
    """Values and errors of the run, in the editor's console."""

    def __init__(self, adapter: Adapter, *, show_result: bool) -> None:
        self._adapter = adapter
        self._show_result = show_result

    def emit(self, value: Any, *, again: bool = False) -> None:
        self._adapter.output(text_of(value) + "\n", "stdout")

    def ended_before(self, run_id: str, ended: float) -> None:
        """Tells that a run has returned before, so that nothing of it is done now."""
        self._adapter.output(f"{returned_before(run_id, ended)}\n", "stderr")

    def stream(self, event: StreamEvent) -> None:
        """Replies are shown by what the program makes of them."""

    def result(self, value: Any) -> None:
        if self._show_result:
            self.emit(value)

    def error(self, error: NeuroScriptError, sources: Mapping[str, str]) -> None:
        self._adapter.output(explain(error, sources) + "\n", "stderr")
