"""Lays programs out in one way: indentation, spaces between tokens, and empty lines.

What a program means, its comments and its line breaks stay as they are; so do the contents of strings.  The layout is
made from the tokens of the text, each with what stands between it and the one before.
"""

from __future__ import annotations

from dataclasses import dataclass

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.limits import Limits
from neuroscript.syntax import lexer
from neuroscript.syntax.lexer import END, HIDDEN, METADATA, NEWLINE, NUMBER, tokenize
from neuroscript.syntax.parser import parse
from neuroscript.syntax.source import LINE_END, decode
from neuroscript.syntax.tables import KEYWORDS, PUNCTUATION, SOFT_WORDS

INDENT = "  "
_JOINED = "    "
"""What the lines after a backslash are indented by, besides."""

_BACKSLASH = " \\"

_BLOCKS = frozenset({"func", "command", "on", "on_error", "if", "while", "for"})
_ENDS = frozenset({"endfunc", "endcommand", "endon", "endevent", "endif", "endwhile", "endfor"})
_DEFINITIONS = frozenset({"func", "command", "on"})
_OPENING = {"(": ")", "[": "]", "{": "}"}
_CLOSING = frozenset(_OPENING.values())
_LITERALS = frozenset({"true", "false", "nil"})
_LIKE_FUNCTIONS = frozenset({"typeof", "no", "some", "eval"})
"""Words that stand before a parenthesis as the name of a function does."""

_KEYWORD_CODES = frozenset(KEYWORDS.values())
_PUNCTUATION_CODES = frozenset(PUNCTUATION.values())
_NO_LIMITS = Limits(max_source=None)


def format_source(source: str | bytes, name: str = "<script>", limits: Limits = _NO_LIMITS) -> str:
    """Lays a program out: the text that ``neuroscript fmt`` writes.

    The layout: two spaces for each block, and one space between tokens, but for none where none is usual, as in
    ``f(-x, [1, 2])["a"].b``.  Lines are kept, also within brackets, where they are indented by how deep they stand.
    There is at most one empty line at a place, none at the beginning and end of a block, and one before each definition
    and the comment above it.  A comment beside a statement has two spaces before it.  All lines end as the first does.

    Args:
        source: the program.
        name: what errors call it.
        limits: as for loading a program; by default a text of any length is laid out.

    Raises:
        NeuroScriptSyntaxError: if it is no program.
        NeuroScriptError: 19 if the result would not be the same program, which is a defect of this function.
    """
    parse(source, name, limits)
    text = decode(source, name, limits.max_source)
    made = _Layout(text).lines()
    ending = first[0] if (first := LINE_END.search(text)) else "\n"
    result = "".join(line + ending for line in made)
    if _meaning(result) != _meaning(text):
        message = f"the layout of {name} would change what it says; nothing was changed, and this is worth a report"
        raise NeuroScriptError(ErrorCode.INTERNAL, message)
    return result


def _meaning(text: str) -> tuple[list[object], list[str]]:
    """The tokens of a text that make its tree, and its comments."""
    tokens = tokenize(text)
    told: list[object] = []
    for code, part in zip(tokens.codes, tokens.texts, strict=True):
        if code != NEWLINE:
            told.append((code, tokens.values[part] if code == METADATA else part))
        elif told and told[-1] is not NEWLINE:  # one at the beginning says nothing
            told.append(NEWLINE)
    whole = text if text.endswith(("\n", "\r")) else text + "\n"
    ends = [part for code, _, part in lexer.pieces(whole) if code == NEWLINE]
    return told, [line.strip() for part in ends for line in LINE_END.split(part) if line.strip()]


@dataclass
class _Line:
    """One line of the result: its text without the indentation, the indentation, and what it is to empty lines."""

    text: str = ""
    indent: str = ""
    opens: bool = False  # the last line of what begins a block
    closes: bool = False  # the first line of what ends one
    defines: bool = False  # the first line of a definition
    is_comment: bool = False


class _Layout:
    """Lays one text out, token by token."""

    def __init__(self, text: str) -> None:
        self.text = text if text.endswith(("\n", "\r")) else text + "\n"
        self.made: list[_Line] = []
        self.depth = 0  # of blocks
        self.brackets: list[str] = []  # for each that is open, the indentation that it goes back to

    def lines(self) -> list[str]:
        """The lines of the result, without their ends."""
        self._begin()
        for code, blanks, token in lexer.pieces(self.text):
            if code == NEWLINE:
                self._newline(token)
            elif code == HIDDEN:
                self._joined()
            elif code != END:
                self._add(code, blanks, token)
        return [line.text and line.indent + line.text for line in _separated(_spaced(self.made))]

    def _begin(self) -> None:
        """Begins a statement, or whatever else is a line to the grammar."""
        self.first = ""  # its first word; any other first token is "…"
        self.is_first_line = True
        self.is_joined = False  # whether it has gone on after a backslash
        self.before = (END, "")  # its last token
        self.is_unary = False  # whether that is an operator before its only operand
        self.is_kept = False  # whether what stands between that and the next one is kept as it is written
        self._begin_line()

    def _begin_line(self) -> None:
        """Begins a line of the text."""
        self.parts: list[str] = []
        self.indent = ""
        self.base = ""  # the indentation of the line that began what is open here
        self.is_after_backslash = False

    # --- tokens ------------------------------------------------------------------------------------------------------

    def _add(self, code: int, blanks: str, token: str) -> None:
        mark = token if code in _PUNCTUATION_CODES else ""
        if not self.first:
            self.first = token if code in _KEYWORD_CODES else "…"
            if self.first in _ENDS or self.first == "else":
                self.depth -= 1
        gap = self._gap(code, bool(blanks), token, mark)
        if self.parts:
            self.parts.append(gap)
        else:
            self.indent = self.base = self._indentation(mark)
        self.parts.append(token if code != METADATA or "\\" in token else token.rstrip())
        self.before = code, token
        if mark in _OPENING:
            self.brackets.append(self.base)
        elif mark in _CLOSING:
            self.base = self.brackets.pop()

    def _indentation(self, mark: str) -> str:
        """The indentation of a line that begins with a token."""
        if self.brackets:
            return self.brackets[-1] if mark in _CLOSING else self.brackets[-1] + INDENT
        return INDENT * self.depth + (_JOINED if self.is_joined else "")

    def _gap(self, code: int, has_blanks: bool, token: str, mark: str) -> str:
        """What stands between the last token and the next one."""
        before_code, before = self.before
        as_written = " " if has_blanks else ""
        was_unary, was_kept = self.is_unary, self.is_kept
        self.is_unary = self.is_kept = False
        # Whether a word such as `with` is a name, which the grammar finds out, is for the writer to show.
        is_soft = before_code in _KEYWORD_CODES and before in SOFT_WORDS
        if mark in ("-", "~"):
            self.is_unary = mark == "~" or not _ends_operand(before_code, before)
            self.is_kept = is_soft
        if was_kept or (is_soft and mark in ("-", "(", "[")):
            return as_written
        if was_unary:
            return " " if before == mark == "-" else ""  # two would begin a comment
        if mark in _CLOSING or mark in (",", ":"):
            return ""
        if mark == ".":
            return " " if before_code == NUMBER else ""
        if before_code in _PUNCTUATION_CODES and (before in _OPENING or before == "."):
            return ""
        if mark in ("(", "["):
            follows = _ends_operand(before_code, before) or (mark == "(" and before in _LIKE_FUNCTIONS)
            return "" if follows else " "
        return " "

    # --- ends of lines -----------------------------------------------------------------------------------------------

    def _newline(self, token: str) -> None:
        """Ends a line with what the token holds: the comment beside it, and the empty and comment lines below it."""
        beside, *below, _ = map(str.strip, LINE_END.split(token))
        if self.parts:
            self._end_line(beside)
        elif self.is_after_backslash:  # which joins nothing, since the line below it is empty
            last = self.made[-1]
            last.text = last.text.removesuffix(_BACKSLASH) + (f"  {beside}" if beside else "")
        else:
            self._other_line(beside)
        if self.brackets:
            self._begin_line()
        else:
            if self.made and (self.first in _BLOCKS or self.first == "else"):
                self.made[-1].opens = True
                self.depth += 1
            self._begin()
        for line in below:
            self._other_line(line)

    def _joined(self) -> None:
        """Ends a line with a backslash, which joins the next one to it."""
        if not self.parts:
            return
        self.parts.append(_BACKSLASH)
        self._end_line("")
        self._begin_line()
        self.is_joined = self.is_after_backslash = True

    def _end_line(self, comment: str) -> None:
        text = "".join([*self.parts, "  ", comment] if comment else self.parts)
        line = _Line(text, self.indent)
        if self.is_first_line:
            line.closes = self.first in _ENDS or self.first == "else"
            line.defines = self.depth == 0 and self.first in _DEFINITIONS
        self.made.append(line)
        self.is_first_line = False

    def _other_line(self, comment: str) -> None:
        """Adds a line with a comment, or an empty one."""
        indent = self.brackets[-1] + INDENT if self.brackets else INDENT * self.depth
        self.made.append(_Line(comment, indent, is_comment=bool(comment)))


def _ends_operand(code: int, token: str) -> bool:
    """Whether a token may be the last one of an operand."""
    if code in _PUNCTUATION_CODES:
        return token in _CLOSING
    return token in _LITERALS if code in _KEYWORD_CODES else code != END


# --- empty lines -----------------------------------------------------------------------------------------------------


def _spaced(lines: list[_Line]) -> list[_Line]:
    """The lines with at most one empty line at a place, and none at the ends of the text and of blocks."""
    kept: list[_Line] = []
    is_apart = False
    for line in lines:
        if not line.text:
            is_apart = bool(kept)
            continue
        if is_apart and not line.closes and not kept[-1].opens:
            kept.append(_Line())
        kept.append(line)
        is_apart = False
    return kept


def _separated(lines: list[_Line]) -> list[_Line]:
    """The lines with an empty one before each definition and the comment above it."""
    made: list[_Line] = []
    for line in lines:
        place = len(made)
        while line.defines and place and made[place - 1].is_comment:
            place -= 1
        if line.defines and place and made[place - 1].text:
            made.insert(place, _Line())
        made.append(line)
    return made
