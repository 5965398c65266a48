"""One program text as editors see it: its tree, names and types, which are worked out when they are first asked for."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from functools import cached_property
from itertools import repeat
from typing import TYPE_CHECKING

from neuroscript.compiler.analysis.infer import Inference
from neuroscript.compiler.analysis.not_nil import not_nil
from neuroscript.compiler.analysis.unset import read_unset
from neuroscript.compiler.resolve import Body, Resolved, resolve, signature_of
from neuroscript.compiler.traversal import inner_blocks
from neuroscript.language_server.names import Occurrence, occurrences
from neuroscript.language_server.text import Text
from neuroscript.lint.shapes import MapKeys
from neuroscript.program_text import USES
from neuroscript.syntax import nodes as n
from neuroscript.syntax.lexer import END, METADATA, NEWLINE, Tokens, tokenize
from neuroscript.syntax.tables import PUNCTUATION
from neuroscript.syntax.tolerant import read
from neuroscript.uses import SUFFIX

if TYPE_CHECKING:
    from neuroscript.interpreter import Interpreter
    from neuroscript.runtime.programs import Signature
    from neuroscript.tools.spec import ArgType

_SIGNS = frozenset({NEWLINE, END, *PUNCTUATION.values()})
_MOST_WRONG_KEYS = 0  # keys of maps of which the nearest is looked for: diagnostics tell of them


class Document:
    """A text with what is known of it.

    Args:
        path: of its file; for a text that no file has, what it is called.
        content: the text.
        encoding: the units of positions.
        interpreter: with the tools and limits of programs there.
    """

    def __init__(self, path: str, content: str, encoding: str, interpreter: Interpreter) -> None:
        self.path = path
        self.text = Text(content, encoding)
        self.interpreter = interpreter
        self._types: dict[int, Inference] = {}
        self._shapes: dict[int, MapKeys] = {}

    @property
    def content(self) -> str:
        """The text itself."""
        return self.text.content

    @cached_property
    def program(self) -> n.Program:
        """The tree of what can be understood."""
        return read(self.content, self.path, self.interpreter.limits)

    @cached_property
    def resolved(self) -> Resolved:
        """The tree with its bodies."""
        return resolve(self.program)

    @cached_property
    def names(self) -> list[Occurrence]:
        """All names, in order."""
        return occurrences(self.resolved, self.text)

    def names_in(self, body: Body) -> list[Occurrence]:
        """The names that stand in a body, in order."""
        return self._names_by_body.get(id(body), [])

    @cached_property
    def _names_by_body(self) -> dict[int, list[Occurrence]]:
        found: dict[int, list[Occurrence]] = {}
        for each in self.names:
            found.setdefault(id(each.body), []).append(each)
        return found

    @cached_property
    def tokens(self) -> Tokens:
        """The tokens, with every newline."""
        return tokenize(self.content, every_newline=True)

    @cached_property
    def signatures(self) -> dict[str, Signature]:
        """The signatures of the procedures in this text."""
        return {procedure.name: signature_of(procedure) for procedure in self.program.procedures}

    def name_at(self, offset: int) -> Occurrence | None:
        """The innermost name at an offset, or right before it."""
        found = [each for each in self.names if each.start <= offset <= each.end]
        return min(found, key=lambda each: (each.end == offset, each.end - each.start)) if found else None

    def token_at(self, offset: int) -> int | None:
        """The place of the token that an offset is in or right after; None between tokens.

        Between two tokens it is that of the word, string or number, and of two of them the second one.
        """
        tokens = self.tokens
        place = bisect_right(tokens.starts, offset) - 1
        while place > 0 and tokens.starts[place] == tokens.ends[place - 1] == offset and tokens.codes[place] in _SIGNS:
            place -= 1
        return place if place >= 0 and offset <= tokens.ends[place] else None

    # --- bodies ------------------------------------------------------------------------------------------------------

    @cached_property
    def extents(self) -> list[tuple[int, int, Body]]:
        """Where the bodies begin and end, in the order in which they begin."""
        definitions = (*self.program.procedures, *self.program.commands, *self.program.handlers)
        top = sorted(self.text.offset_of(part.span[0], part.span[1]) for part in definitions)
        found = []
        for body in self.resolved.bodies:
            start = self.text.offset_of(body.span[0], body.span[1])
            if start in top:
                following = bisect_right(top, start)
                end = top[following] if following < len(top) else len(self.content)
            else:
                end = self._end_of(body)
            found.append((start, end, body))
        return sorted(found, key=lambda each: each[:2])

    def _end_of(self, body: Body) -> int:
        """Where an event handler in another body ends: at the end of its last statement's line, or of its header."""
        last = max((each.span[2] for each in every_statement(body.block)), default=body.span[2])
        return self.text.offset_of(last + 1, 0)

    def body_at(self, offset: int) -> Body | None:
        """The innermost body at an offset."""
        found = [body for start, end, body in self.extents if start <= offset <= end]
        return found[-1] if found else None

    # --- types -------------------------------------------------------------------------------------------------------

    def types(self, body: Body) -> Inference:
        """The inferred types of a body's variables."""
        found = self._types.get(id(body))
        if found is None:
            found = Inference(
                body,
                body.session or frozenset(),
                self.signatures,
                frozenset(self.interpreter.runtime.globals),
                tools=self._result_type,
                not_nil=not_nil(body),
                unset=read_unset(body),
            )
            self._types[id(body)] = found
        return found

    def shapes(self, body: Body) -> MapKeys:
        """What is known of the maps in a body."""
        found = self._shapes.get(id(body))
        if found is None:
            wrong = repeat(True, _MOST_WRONG_KEYS)
            found = MapKeys(body, self.interpreter.tools, self.interpreter.ask_config, wrong)
            self._shapes[id(body)] = found
        return found

    def _result_type(self, tool: str) -> ArgType | None:
        found = self.interpreter.tools.get(tool)
        return found.spec.return_type if found is not None else None


def every_statement(block: n.Block) -> Iterator[n.Stmt]:
    """All statements of a block and of all blocks in it, those of error handlers and event handlers too."""
    pending = block[::-1]
    while pending:
        statement = pending.pop()
        yield statement
        blocks = list(inner_blocks(statement))
        if isinstance(statement, n.OnError | n.OnEvent):
            blocks.append(statement.body)
        for inner in reversed(blocks):
            pending += reversed(inner)


def uses_in(document: Document) -> Iterator[tuple[str, int, int]]:
    """The paths that a text's metadata names as files to use, with their offsets."""
    tokens = document.tokens
    for code, token, start in zip(tokens.codes, tokens.texts, tokens.starts, strict=True):
        if code == NEWLINE:
            continue
        if code != METADATA:
            return
        key, value = tokens.values[token]
        if key != USES:
            continue
        at = token.find(":", token.find(USES))
        for entry in value.split(","):
            path = entry.strip()
            if path.endswith(SUFFIX) and (found := token.find(path, max(at, 0))) >= 0:
                yield path, start + found, start + found + len(path)
                at = found + len(path)
