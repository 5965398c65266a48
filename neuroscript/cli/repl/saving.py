"""Writes the inputs of an interactive session as a program, which ``neuroscript run`` runs and ``:load`` loads."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from neuroscript.cli.repl.evaluation import Input
from neuroscript.cli.status import UsageError
from neuroscript.errors import NeuroScriptSyntaxError
from neuroscript.formatting import format_source
from neuroscript.inputs import COMMENT_MARKS, Kind, Part, definitions, split
from neuroscript.syntax import nodes as n
from neuroscript.syntax.lexer import NAME, tokenize
from neuroscript.syntax.parser import parse

_LAST = "last"


def save(inputs: Sequence[Input], loaded: Sequence[str], path: str, is_forced: bool) -> str:
    """Saves inputs as a program; returns a line that says what was saved.

    Args:
        inputs: those that were evaluated without an error.
        loaded: the libraries that were loaded from files.
        path: of the file to write.
        is_forced: whether a file that is there already may be replaced.

    Raises:
        UsageError: if there is nothing to save, or the file cannot be written.
    """
    place = os.path.expanduser(path)
    if not inputs:
        raise UsageError("there is nothing to save: no input has been evaluated without an error")
    folder = os.path.dirname(os.path.abspath(place))
    used = [os.path.relpath(os.path.realpath(file), os.path.realpath(folder)) for file in loaded]
    within = [file.replace(os.sep, "/") for file in used if not file.startswith(os.pardir) and not os.path.isabs(file)]
    program = Saved(inputs, within)
    try:
        with open(place, "w" if is_forced else "x", encoding="utf-8", newline="\n") as file:
            file.write(program.text)
    except FileExistsError:
        raise UsageError(f"there is a file {path!r} already; to replace it: :save -f {path}") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"cannot write {path!r}: {reason}") from None
    left_out = [file for file in used if file.replace(os.sep, "/") not in within]
    rows = [f"saved {program.summary} in {path}"]
    if left_out:
        rows.append(f"note: what was loaded from {', '.join(left_out)} is not in it: that is in another folder")
    if program.has_wide_handler:
        rows.append("note: an `on error` of one input holds in the file for all statements below it")
    return "\n".join(rows)


class Saved:
    """The program that inputs make: their procedures and event handlers, and a procedure ``main`` of their statements.

    Args:
        inputs: in the order in which they were evaluated.
        uses: files that the program uses, by paths from its own.
    """

    def __init__(self, inputs: Sequence[Input], uses: Iterable[str] = ()) -> None:
        self.has_wide_handler = False
        self._definitions: dict[str, str] = {}
        self._statements: list[str] = []
        self._names = {word for each in inputs for word in _names(each.text)}
        self._uses = list(uses)
        self._showing = ""  # the procedure that emits a value and gives it, so that it is in `last`
        for number, each in enumerate(inputs):
            reads_last = any(_LAST in later.text for later in inputs[number + 1 :])
            self._add(each, reads_last)

    @property
    def text(self) -> str:
        """The text of the program, laid out as ``neuroscript fmt`` does."""
        rows = [f":: uses: {', '.join(self._uses)}\n"] if self._uses else []
        rows += self._definitions.values()
        if self._statements:
            rows.append("\n".join([f"func {self._main}() means", *self._statements, "endfunc"]))
        return format_source("\n\n".join(rows) + "\n")

    @property
    def summary(self) -> str:
        """What is in it, in words."""
        count = len(self._definitions)
        definitions = f"{count} definition{'' if count == 1 else 's'}" if count else ""
        return " and ".join(filter(None, [definitions, f"a procedure {self._main}" if self._statements else ""]))

    @property
    def _main(self) -> str:
        return "main" if "main" not in self._definitions else self._new_name("session")

    def _add(self, given: Input, reads_last: bool) -> None:
        parts = split(given.text)
        for part in parts:
            match part.kind:
                case Kind.DEFINITIONS:
                    comments = _comments_above(given.text, part)
                    for one in definitions(part):
                        name = one.name or f"handler {len(self._definitions)}"
                        self._definitions.pop(name, None)  # so that it stands where it was typed last
                        self._definitions[name] = comments + one.text
                        comments = ""
                case Kind.COMMANDS:
                    for one in definitions(part):
                        name = self._new_name("block")
                        self._definitions[name] = f"func {name}() means{one.body}endfunc"
                        self._statements.append(f"call {name}()")
                case Kind.STATEMENTS:
                    has_value = given.has_value and part is parts[-1]
                    self._statements.append(self._of_statements(part, has_value, reads_last))

    def _of_statements(self, part: Part, has_value: bool, reads_last: bool) -> str:
        """The statements of a part; an expression at its end is emitted, as its value was shown."""
        text = part.text.strip()
        block = _block(text)
        if block is not None:
            self.has_wide_handler = self.has_wide_handler or any(isinstance(each, n.OnError) for each in block)
            return text
        before, expression = part.text[: part.last_line].strip(), part.text[part.last_line :].strip()
        if _block(before) is None:
            before, expression = "", text  # one expression in several lines
        if not has_value:
            ending = f"set {self._new_name('unused')} = {_bracketed(expression)}"
        elif reads_last:
            if not self._showing:
                self._showing = self._new_name("show")
                self._definitions[self._showing] = (
                    f"func {self._showing}(needs value) means\nemit value\nreturn value\nendfunc"
                )
            is_plain = "\n" not in expression and not any(mark in expression for mark in COMMENT_MARKS)
            ending = f"call {self._showing}({expression})" if is_plain else f"call {self._showing}(\n{expression}\n)"
        else:
            ending = f"emit {_bracketed(expression)}"
        return f"{before}\n{ending}" if before else ending

    def _new_name(self, begin: str) -> str:
        number = 1
        while f"{begin}_{number}" in self._names:
            number += 1
        self._names.add(f"{begin}_{number}")
        return f"{begin}_{number}"


def _names(text: str) -> set[str]:
    tokens = tokenize(text)
    return {word for code, word in zip(tokens.codes, tokens.texts, strict=True) if code == NAME}


def _comments_above(text: str, part: Part) -> str:
    """The lines of comments directly above a part of an input."""
    lines = text.splitlines(keepends=True)
    first = last = part.text[: len(part.text) - len(part.text.lstrip())].count("\n")
    while first and lines[first - 1].lstrip().startswith(COMMENT_MARKS):
        first -= 1
    return "".join(lines[first:last])


def _bracketed(expression: str) -> str:
    """An expression as it can stand in a statement: one of several lines in parentheses."""
    return f"(\n{expression}\n)" if "\n" in expression else expression


def _block(text: str) -> Sequence[n.Node] | None:
    """The statements of a text; None if it is something else."""
    try:
        return parse(f"command\n{text}\nendcommand").commands[0].body
    except NeuroScriptSyntaxError:
        return None
