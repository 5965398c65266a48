"""The magics, their completions, and how the values of cells are shown."""

from __future__ import annotations

import atexit
import re
from collections.abc import Mapping
from typing import Any

from IPython.core.completer import CompletionContext, SimpleCompletion, SimpleMatcherResult, context_matcher
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_cell_magic, magics_class, needs_local_scope, no_var_expand

from neuroscript.cli.status import UsageError
from neuroscript.errors import NeuroScriptError
from neuroscript.notebook.cell_error import CellError
from neuroscript.notebook.notebook_session import NotebookSession
from neuroscript.notebook.options import HelpWanted, Line, parse_line
from neuroscript.notebook.showing import Showing
from neuroscript.output import one_line

_CELL = re.compile(r"\s*%%neuroscript\b[^\n]*\n")
_LINE = re.compile(r"(?:^|=)\s*%neuroscript\b(?P<code>.*)\Z", re.DOTALL)


class Extension:
    """What ``%load_ext neuroscript`` adds to a shell.

    Args:
        shell: the shell.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        self._shell = shell
        self._showing = Showing(shell)
        self._session: NotebookSession | None = None
        shell.register_magics(NeuroScriptMagics(shell, self))
        self._matcher = _matcher(self)
        shell.Completer.custom_matchers.append(self._matcher)
        shell.events.register("post_run_cell", self._showing.end_cell)
        atexit.register(self._close)

    def unload(self) -> None:
        """Ends the session and takes everything away again."""
        self._close()
        atexit.unregister(self._close)
        self._shell.events.unregister("post_run_cell", self._showing.end_cell)
        self._shell.Completer.custom_matchers.remove(self._matcher)
        for kind in ("line", "cell"):
            self._shell.magics_manager.magics[kind].pop("neuroscript", None)
        self._showing.remove()

    def _close(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    # --- running ------------------------------------------------------------------------------------------------------

    def run(self, line: str, cell: str | None, local: Mapping[str, Any]) -> Any:
        """Runs a cell or a line; returns its value.

        Raises:
            CellError: if it fails.
        """
        try:
            options = parse_line(line)
            session = self._session_for(options)
            source, name = self._source(options, cell)
            session.take(options.inputs, {**self._shell.user_ns, **local})
            value = session.run(source, name)
            self._shell.user_ns.update(session.give(options.outputs))
        except HelpWanted as help_:
            print(help_)
            return None
        except UsageError as error:
            raise CellError(one_line(error)) from None
        except NeuroScriptError as error:  # of the host's side: a plugin that cannot be loaded
            raise CellError(one_line(error), error=error) from None
        return None if value is None else self._showing.value_of_cell(value, session.was_shown(value))

    def _session_for(self, line: Line) -> NotebookSession:
        """The session that is there, or a new one."""
        session = self._session
        if session is not None and not line.reset:
            if line.chosen and line.session != session.options:
                raise UsageError(
                    "the session has begun with other options; begin another with --reset beside these, which forgets "
                    "variables and procedures"
                )
            return session
        options = line.session if session is None or line.chosen else session.options
        begun = NotebookSession(options, self._showing.show)
        self._close()
        self._session = begun
        return begun

    def _source(self, line: Line, cell: str | None) -> tuple[str, str]:
        """The program of a cell or of a line, and its name in messages."""
        name = f"In [{self._shell.displayhook.prompt_count}]"
        if cell is None:
            return line.code, name
        if line.code:
            raise UsageError(
                f"the line of %%neuroscript has options alone, and the program stands below it, not {line.code!r}"
            )
        return f"\n{cell}", name  # lines count from the magic's, as the numbers beside the cell do

    # --- completing ---------------------------------------------------------------------------------------------------

    def complete(self, context: CompletionContext) -> SimpleMatcherResult:
        """Completions in a cell or on a line of ours; elsewhere none, and those of Python as ever."""
        lines = context.full_text.split("\n")
        before = "\n".join([*lines[: context.cursor_line], context.text_until_cursor])
        cell = _CELL.match(context.full_text)
        line = _LINE.search(context.text_until_cursor)
        if cell is not None and len(before) >= cell.end():
            before, text = before[cell.end() :], context.full_text[cell.end() :]
        elif cell is None and line is not None:
            before = text = line["code"]
        else:
            return SimpleMatcherResult(completions=[])
        if self._session is None:
            self._session = self._session_for(parse_line(""))
        word, found = self._session.completions(before, text)
        return SimpleMatcherResult(
            completions=[SimpleCompletion(name, type="tool" if "." in name else "name") for name in found],
            matched_fragment=word,
            ordered=True,
            suppress=True,
        )


def _matcher(extension: Extension) -> Any:
    """The matcher of an extension: a function, since IPython sets attributes of it, which no method has."""

    @context_matcher(identifier="neuroscript")  # type: ignore[untyped-decorator]
    def neuroscript(context: CompletionContext) -> SimpleMatcherResult:
        return extension.complete(context)

    return neuroscript


@magics_class
class NeuroScriptMagics(Magics):
    """The magics; created by `Extension`."""

    def __init__(self, shell: InteractiveShell, extension: Extension) -> None:
        super().__init__(shell)
        self._extension = extension

    @no_var_expand
    @needs_local_scope
    @line_cell_magic
    def neuroscript(self, line: str, cell: str | None = None, local_ns: Mapping[str, Any] | None = None) -> Any:
        """Runs a cell, or a line, of NeuroScript; ``%neuroscript --help`` lists the options.

        Variables and procedures stay for the next one.  The value of an expression at the end is shown, and given to
        Python: ``total = %neuroscript sum(prices)``.  ``-i NAME`` gives a Python variable to the program, ``-o NAME``
        gives one of the program to Python, ``--reset`` begins again, ``--sandbox DIR`` lets programs use files there.
        """
        return self._extension.run(line, cell, local_ns or {})
