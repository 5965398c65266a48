"""The terminal of ``neuroscript repl``: editing over several lines, history, completion and colours."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable

from platformdirs import user_state_path
from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.lexers import Lexer
from prompt_toolkit.styles import Style

from neuroscript.cli.repl.session import ReplSession
from neuroscript.private_files import make_private_directory, open_private
from neuroscript.syntax.errors.completeness import incomplete
from neuroscript.syntax.tables import WORDS

_TOKENS = re.compile(
    r"""(?P<comment>(?:\#|--|//).*)
      | (?P<string>"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|```.*?(?:```|$))
      | (?P<number>\b[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?\b)
      | (?P<tool>\btool(?:\.\w+)+)
      | (?P<word>[A-Za-z_]\w*)
      | (?P<other>.)""",
    re.VERBOSE,
)
_STYLE = Style.from_dict(
    {"comment": "ansibrightblack", "string": "ansigreen", "number": "ansicyan", "tool": "ansiblue", "keyword": "bold"}
)


def make_prompt(session: ReplSession) -> Callable[[], str]:
    """A function that reads one complete input from the terminal.

    It raises `KeyboardInterrupt` upon Ctrl-C and `EOFError` upon Ctrl-D.
    """
    prompt: PromptSession[str] = PromptSession(
        message="> ",
        history=_history(),
        completer=_Completer(session),
        complete_while_typing=False,
        lexer=_Colours(),
        style=_STYLE,
        prompt_continuation=lambda width, number, wrapped: ". ".rjust(width),
    )
    # While a block is open, Enter begins the next line of the input instead of ending it.
    prompt.multiline = Condition(lambda: incomplete(prompt.default_buffer.text))
    return prompt.prompt


def _history() -> History:
    """The inputs of earlier sessions; where no file can be written, those of this one alone."""
    path = user_state_path("neuroscript", appauthor=False) / "repl_history"
    try:
        make_private_directory(path.parent)
        os.close(open_private(path, os.O_RDWR | os.O_CREAT))
    except OSError:
        return InMemoryHistory()
    return FileHistory(str(path))


class _Completer(Completer):
    def __init__(self, session: ReplSession) -> None:
        self._session = session

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        word, candidates = self._session.completions(document.text_before_cursor)
        for candidate in candidates:
            yield Completion(candidate, start_position=-len(word))


class _Colours(Lexer):
    """Colours of one line at a time."""

    def lex_document(self, document: Document) -> Callable[[int], StyleAndTextTuples]:
        lines = document.lines

        def line_colours(number: int) -> StyleAndTextTuples:
            return colours(lines[number]) if number < len(lines) else []

        return line_colours


def colours(line: str) -> StyleAndTextTuples:
    """The pieces of a line, each with the class of its style."""
    pieces: StyleAndTextTuples = []
    for match in _TOKENS.finditer(line):
        kind = match.lastgroup
        if kind == "word":
            kind = "keyword" if match.group() in WORDS else "other"
        pieces.append(("" if kind == "other" else f"class:{kind}", match.group()))
    return pieces
