"""What interactive sessions share, on a terminal and in a notebook: their interpreters, and how values are shown."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from neuroscript.cli.host import services_of, workers_place
from neuroscript.cli.options import (
    add_host,
    add_limits,
    add_policy,
    add_tools,
    environment,
    library_roots,
    sandbox_directory,
)
from neuroscript.cli.parser import Parser
from neuroscript.cli.settings import Settings
from neuroscript.cli.status import UsageError
from neuroscript.cli.tool_modules import add_tool_modules
from neuroscript.errors import NeuroScriptError
from neuroscript.interpreter import Interpreter
from neuroscript.streaming import StreamEvent
from neuroscript.values import text_of, type_name

MAX_SHOWN = 10_000
_MOST_QUOTED = 1_000_000


_NO_RUN = (
    "what is typed into a session is in no journal, so that it could not be made again; a program has one: neuroscript "
    "run --run-id ID PROGRAM"
)


def add_session(parser: argparse.ArgumentParser) -> None:
    """Adds the options for what an interactive session is given."""
    add_host(parser)
    add_tools(parser)
    add_limits(parser)
    add_policy(parser)
    if isinstance(parser, Parser):
        parser.missing = {"--run-id": _NO_RUN}


def make_interpreter(
    options: argparse.Namespace,
    settings: Settings,
    emit: Callable[[Any], object],
    on_stream: Callable[[StreamEvent], object] | None,
    prompt: Callable[[str], str] | None,
) -> Interpreter:
    """Makes the interpreter of a session.

    Args:
        options: what was parsed of the options of `add_session`.
        settings: what they and the configuration files say.
        emit: gets each emitted value.
        on_stream: gets the events of replies while they come.
        prompt: answers questions; None: nobody is there.

    Raises:
        UsageError: for a directory or a module of tools that cannot be used.
    """
    services = services_of(workers_place(options, settings), settings.worker_policy())
    interpreter = Interpreter(
        sandbox=sandbox_directory(settings.one("run.sandbox")),
        limits=settings.limits(),
        emit=emit,
        on_stream=on_stream,
        prompt=prompt,
        environment=environment(list(settings.each("run.env"))),
        plugins=settings.one("run.plugins"),
        policy=settings.tool_policy(),
        services=services,
        library_roots=library_roots(options.lib),
    )
    try:
        add_tool_modules(interpreter, options.tools)
    except UsageError:
        interpreter.close()
        raise
    return interpreter


def shown(value: Any, width: int = MAX_SHOWN) -> str:
    """A value as an interactive session shows it: strings in quotes, a long text cut."""
    # A list's text quotes what is in it, so the quoting rules stand in one place.
    text = told([value])[1:-1] if type(value) is str and len(value) <= _MOST_QUOTED else told(value)
    return text if len(text) <= width else f"{text[: width - 1]}… ({len(text)} characters)"


def told(value: Any) -> str:
    """The text of a value; of one whose text is longer than any may be, what it is."""
    try:
        return text_of(value)
    except NeuroScriptError:
        return f"a {type_name(value)} of {len(value)}, whose text is too long to be shown"
