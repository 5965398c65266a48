"""The terminal of ``neuroscript repl``: editing over several lines, history, completion and colours."""

from __future__ import annotations

import os
import re
import textwrap
from collections.abc import Callable, Iterable

from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.enums import DEFAULT_BUFFER
from prompt_toolkit.filters import Condition, has_focus
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.formatted_text.utils import split_lines
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.layout.processors import HighlightMatchingBracketProcessor, TabsProcessor
from prompt_toolkit.lexers import Lexer
from prompt_toolkit.styles import Style, merge_styles
from prompt_toolkit.styles.pygments import pygments_token_to_classname, style_from_pygments_dict
from pygments.token import Comment, Keyword, Name, Number, Operator, String

from neuroscript.cli.repl.session import ReplSession
from neuroscript.formatting import INDENT
from neuroscript.highlighting.pygments_lexer import NeuroScriptLexer
from neuroscript.inputs import open_depth
from neuroscript.output import one_line
from neuroscript.private_files import make_private_directory, open_private
from neuroscript.user_directories import user_directory

_COMMAND = re.compile(r"(?s)(\s*:[A-Za-z]+)(\s.*|)\Z")
_DEDENTED = frozenset(["else", "endcommand", "endevent", "endfor", "endfunc", "endif", "endon", "endwhile"])
_LEAST_TYPED = 2  # characters of a word from which on completions appear by themselves
_STYLE = merge_styles(
    [
        style_from_pygments_dict(
            {
                Comment: "ansibrightblack",
                Keyword: "bold",
                Name.Builtin: "ansicyan",
                Name.Namespace: "ansiblue",
                Name.Function: "ansiblue",
                Number: "ansicyan",
                Operator.Word: "bold",
                String: "ansigreen",
                String.Escape: "ansicyan",
                String.Interpol: "ansicyan",
            }
        ),
        Style.from_dict(
            {
                "command": "ansimagenta",
                "tip": "ansibrightblack",
                "tip.argument": "noinherit bold",
                "bottom-toolbar": "noreverse",
                "completion-menu.completion": "bg:ansiblack ansiwhite",
                "completion-menu.completion.current": "bg:ansiwhite ansiblack",
                "completion-menu.meta.completion": "bg:ansiblack ansibrightblack",
                "completion-menu.meta.completion.current": "bg:ansiwhite ansiblack",
            }
        ),
    ]
)


def make_prompt(session: ReplSession) -> Callable[[], str]:
    """A function that reads one complete input from the terminal.

    It raises `KeyboardInterrupt` upon Ctrl-C and `EOFError` upon Ctrl-D.
    """
    prompt: PromptSession[str] = PromptSession(
        message="> ",
        history=_history(),
        completer=_Completer(session),
        complete_while_typing=True,
        lexer=_Colours(),
        style=_STYLE,
        input_processors=[HighlightMatchingBracketProcessor(), TabsProcessor(char1=" ", char2=" ")],
        prompt_continuation=lambda width, number, wrapped: ". ".rjust(width),
        key_bindings=_keys(session),
        multiline=True,
    )

    def show_tip(buffer: Buffer) -> None:
        prompt.bottom_toolbar = tip(session, buffer) or None

    for event in ("on_text_changed", "on_cursor_position_changed", "on_completions_changed"):
        handlers = getattr(prompt.default_buffer, event)
        handlers += show_tip
    prompt.default_buffer.on_text_insert += _dedent

    def read() -> str:
        prompt.bottom_toolbar = None
        return prompt.prompt()

    return read


def _history() -> History:
    """The inputs of earlier sessions; where no file can be written, those of this one alone."""
    directory = user_directory("data")
    if directory is None:
        return InMemoryHistory()
    path = os.path.join(directory, "repl_history")
    try:
        make_private_directory(directory)
        os.close(open_private(path, os.O_RDWR | os.O_CREAT))
    except OSError:
        return InMemoryHistory()
    return FileHistory(path)


# --- keys ------------------------------------------------------------------------------------------------------------


def _keys(session: ReplSession) -> KeyBindings:
    keys = KeyBindings()
    is_typing = has_focus(DEFAULT_BUFFER)
    is_line_blank = Condition(lambda: not get_app().current_buffer.document.current_line_before_cursor.strip())

    @keys.add("enter", filter=is_typing)
    def enter(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if buffer.complete_state is not None and buffer.complete_state.current_completion is not None:
            buffer.complete_state = None  # it takes the completion that was chosen, and runs nothing yet
        elif session.wants_more(buffer.text) or not buffer.document.on_last_line:
            _begin_line(buffer)
        else:
            buffer.validate_and_handle()

    @keys.add("escape", "enter", filter=is_typing)
    def begin_line(event: KeyPressEvent) -> None:
        _begin_line(event.current_buffer)

    @keys.add("tab", filter=is_typing & is_line_blank)
    def indent(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text(INDENT)

    @keys.add("backspace", filter=is_typing & is_line_blank)
    def dedent(event: KeyPressEvent) -> None:
        blanks = len(event.current_buffer.document.current_line_before_cursor)
        event.current_buffer.delete_before_cursor(len(INDENT) if blanks and blanks % len(INDENT) == 0 else 1)

    return keys


def _begin_line(buffer: Buffer) -> None:
    """Begins a line, indented by the blocks and brackets that are open there."""
    _, _, code = _divided(buffer.document.text_before_cursor)
    depth = open_depth(code)
    buffer.insert_text("\n" + INDENT * (depth or 0))


def _dedent(buffer: Buffer) -> None:
    """Moves the word that ends a block below the one that began it, when its last letter is typed."""
    document = buffer.document
    line = document.current_line_before_cursor
    word = line.lstrip()
    if word not in _DEDENTED or document.current_line_after_cursor.strip():
        return
    _, _, code = _divided(document.text_before_cursor[: document.cursor_position - len(line)])
    depth = open_depth(code)
    if depth is None:
        return
    moved = INDENT * max(depth - 1, 0) + word
    if line != moved:
        buffer.delete_before_cursor(len(line))
        buffer.insert_text(moved, fire_event=False)


# --- completion ------------------------------------------------------------------------------------------------------


class _Completer(Completer):
    def __init__(self, session: ReplSession) -> None:
        self._session = session

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        word, candidates = self._session.completing.candidates(document.text_before_cursor, document.text)
        is_whole = len(word) < _LEAST_TYPED or any(one.text == word for one in candidates)
        if is_whole and not complete_event.completion_requested:
            return
        for one in candidates:
            # The list has little room: what the word begins with need not be shown again.
            shown = (one.form or one.text).removeprefix(word[: word.rfind(".") + 1])
            yield Completion(one.text, -len(word), one_line(shown), one_line(one.about))


def tip(session: ReplSession, buffer: Buffer) -> StyleAndTextTuples:
    """What is shown below the input: how the call is written that the cursor is in."""
    columns = get_app().output.get_size().columns
    chosen = buffer.complete_state.current_completion if buffer.complete_state is not None else None
    if chosen is not None:
        about = chosen.display_meta_text
        return [("class:tip", textwrap.shorten(about, columns, placeholder=" …"))] if about else []
    found = session.completing.call_tip(buffer.document.text_before_cursor)
    if found is None:
        return []
    before, argument, after = (one_line(part) for part in (found.before, found.argument, found.after))
    too_long = len(before + argument + after) - columns
    if too_long > 0:  # the argument is what matters
        begin = min(too_long + 1, len(before))
        before = f"…{before[begin:]}" if begin else before
        after = after[: max(columns - len(before + argument), 0)]
    pieces: StyleAndTextTuples = [("class:tip", before), ("class:tip.argument", argument), ("class:tip", after)]
    if found.about:
        pieces.append(("class:tip", "\n" + textwrap.shorten(one_line(found.about), columns, placeholder=" …")))
    return pieces


# --- colours ---------------------------------------------------------------------------------------------------------


class _Colours(Lexer):
    """Colours the whole input, since strings may have several lines."""

    def lex_document(self, document: Document) -> Callable[[int], StyleAndTextTuples]:
        lines = list(split_lines(colours(document.text)))

        def line_colours(number: int) -> StyleAndTextTuples:
            return lines[number] if number < len(lines) else []

        return line_colours


def colours(text: str) -> StyleAndTextTuples:
    """The pieces of an input, each with the class of its style."""
    command, other, code = _divided(text)
    pieces: StyleAndTextTuples = [("class:command", command), ("", other)]
    for _, kind, piece in NeuroScriptLexer().get_tokens_unprocessed(f"{code}\n"):
        pieces.append((f"class:{pygments_token_to_classname(kind)}", piece))
    return pieces


def _divided(text: str) -> tuple[str, str, str]:
    """The command that an input begins with, what stands behind it, and the code that the input has."""
    command = _COMMAND.match(text)
    if command is None:
        return "", "", text
    word, rest = command.groups()
    takes_code = len(word) > 2 and ":time".startswith(word.strip())
    return (word, "", rest) if takes_code else (word, rest, "")
