"""What can be completed where the cursor is in an input, and the call that it is in."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from neuroscript.cli.completions import TOOL, Candidate, completions, first_sentence, tools_like
from neuroscript.cli.repl.commands import GRANTS, Argument, Commands
from neuroscript.language_server.words import BUILTINS
from neuroscript.records import record
from neuroscript.syntax.errors.stack import DEPTHS
from neuroscript.syntax.lexer import (
    BAD_METADATA,
    BAD_STRING,
    CODES,
    DOT,
    METADATA,
    NAME,
    NEWLINE,
    pieces,
    tokenize,
)
from neuroscript.syntax.tables import KEYWORDS

_MOST_FILES = 500
_COMMA, _LPAR, _COLON = (CODES[name] for name in ("COMMA", "LPAR", "COLON"))
_WORDS = frozenset({NAME, *KEYWORDS.values()})


@record(frozen=True)
class CallTip:
    """What a call takes that is being written.

    Args:
        before: what stands before the argument at the cursor: ``tool.str.Length(``.
        argument: that argument; empty where there is none.
        after: what stands behind it: ``) -> int``.
        about: what the argument is, or else what is called.
    """

    before: str
    argument: str
    after: str
    about: str


class Completing:
    """Completes inputs of a session.

    Args:
        commands: those of the session, which know its interpreter and variables.
    """

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    def candidates(self, before: str, text: str = "") -> tuple[str, list[Candidate]]:
        """Completes an input.

        Args:
            before: the input up to the cursor.
            text: the whole input, whose names may be meant too.

        Returns:
            the word at the cursor, and what it may become.
        """
        found = self._commands.split(before)
        if found is None:
            return self._code(before, text)
        word, command, rest = found
        if command is None:
            names = [one for one in self._commands.table.values() if one.name.startswith(word)] if not rest else []
            return word, [Candidate(one.name, one.usage, one.about) for one in names]
        match command.takes:
            case Argument.FILE:
                return rest, list(_files(rest))
            case Argument.NAME:
                return self._named(rest)
            case Argument.GRANT:
                return self._granted(rest)
            case Argument.INPUT:
                return self._code(rest, text[len(before) - len(rest) :])
            case Argument.SWITCH:
                return rest, [Candidate(word, "", "") for word in ("on", "off") if word.startswith(rest)]
        return rest, []

    def call_tip(self, before: str) -> CallTip | None:
        """What the call takes whose arguments a text ends in."""
        call = _call_before(before)
        if call is None:
            return None
        interpreter = self._commands.interpreter
        name, number, keyword = call
        if name.lower().startswith(TOOL):
            tool = interpreter.tools.get(name)
            if tool is None:
                return None
            spec = tool.spec
            if spec.variadic:
                number = min(number, len(spec.args) - 1)
            types = {arg.name: f"{arg.name}{'' if arg.required else '?'}: {arg.type_text}" for arg in spec.args}
            abouts = [arg.description for arg in spec.args]
            return _tip(
                f"{spec.full_name}(", types, f") -> {spec.result_text}", number, keyword, abouts, spec.description
            )
        for procedure in interpreter.procedures():
            if procedure["name"] == name:
                metadata = procedure["metadata"]
                names = [*procedure["needs"], *procedure["optional"]]
                params = {each: each + ("?" if each in procedure["optional"] else "") for each in names}
                abouts = [str(metadata.get(f"param:{each}", "")) for each in names]
                about = str(metadata.get("description", ""))
                return _tip(f"{name}(", params, ")", number, keyword, abouts, about)
        builtin = BUILTINS.get(name)
        return CallTip(builtin.form, "", "", builtin.text) if builtin is not None else None

    def _code(self, before: str, text: str) -> tuple[str, list[Candidate]]:
        if _is_text(before):
            return "", []
        commands = self._commands
        return completions(commands.interpreter, commands.variables, before, _names_in(text, before))

    def _named(self, word: str) -> tuple[str, list[Candidate]]:
        """What has a description: tools, with ``tool.`` or without, and what a program may name."""
        if " " in word:
            return word, []
        if word.lower().startswith(TOOL):
            return word, tools_like(self._commands.interpreter, word)
        found = [] if "." in word else completions(self._commands.interpreter, self._commands.variables, word)[1]
        for one in tools_like(self._commands.interpreter, TOOL + word):
            found.append(Candidate(one.text.removeprefix(TOOL), one.form.removeprefix(TOOL), one.about))
        return word, found

    def _granted(self, rest: str) -> tuple[str, list[Candidate]]:
        what, blank, value = rest.partition(" ")
        if not blank:
            return what, [
                Candidate(name, f"{name} {example}") for name, (_, example) in GRANTS.items() if name.startswith(what)
            ]
        if what == "tool":
            return self._named(value)
        if what == "manage":
            return value, [Candidate(each) for each in ("own", "all", "none") if each.startswith(value)]
        return value, []


def _tip(
    before: str, arguments: dict[str, str], after: str, number: int, keyword: str, abouts: list[str], about: str
) -> CallTip:
    names = list(arguments)
    if keyword in names:
        number = names.index(keyword)
    shown = list(arguments.values())
    if number >= len(shown):
        return CallTip(before + ", ".join(shown) + after, "", "", first_sentence(about))
    head = before + "".join(f"{each}, " for each in shown[:number])
    tail = "".join(f", {each}" for each in shown[number + 1 :]) + after
    return CallTip(head, shown[number], tail, first_sentence(abouts[number] or about))


def _is_text(before: str) -> bool:
    """Whether a text ends in a string, in a comment or in metadata."""
    # A newline ends all of them but raw strings, and what is between the last token and it is a comment or blank.
    *_, before_last, (code, _, token), _ = [(0, "", ""), *pieces(before + "\n")]
    if code == NEWLINE and token != "\n":
        return bool(token[:-1].rpartition("\n")[2].strip())
    return (before_last[0] if code == NEWLINE else code) in (BAD_STRING, METADATA, BAD_METADATA)


def _names_in(text: str, before: str) -> list[str]:
    """The names in a text, without the one that is being written."""
    tokens = tokenize(text)
    rows = zip(tokens.codes, tokens.texts, tokens.ends, strict=True)
    return [word for code, word, end in rows if code == NAME and end != len(before)]


def _call_before(before: str) -> tuple[str, int, str] | None:
    """The call whose arguments a text ends in: its name, the number of the argument, and its name if one is given."""
    if _is_text(before):
        before = before.rstrip("\r\n")
    tokens = tokenize(before)
    codes, texts = tokens.codes, tokens.texts
    depth = number = 0
    keyword = ""
    for place in range(len(codes) - 1, -1, -1):
        code = codes[place]
        depth -= DEPTHS.get(code, 0)
        if depth < 0:
            depth = 0
            if code == _LPAR and place and codes[place - 1] in _WORDS:
                return _called(codes, texts, place - 1), number, keyword
            number, keyword = 0, ""
        elif depth == 0 and code == _COMMA:
            number += 1
        elif depth == 0 and number == 0 and code == _COLON and codes[place - 1] in _WORDS:
            keyword = texts[place - 1]
    return None


def _called(codes: bytes, texts: list[str], place: int) -> str:
    name = texts[place]
    while place > 1 and codes[place - 1] == DOT:
        place -= 2
        name = f"{texts[place]}.{name}"
    return name


def _files(written: str) -> Iterator[Candidate]:
    """The programs and folders that a path may become."""
    folder, slash, begin = written.rpartition("/")
    try:
        with os.scandir(os.path.expanduser(folder + slash) or ".") as entries:
            found = [(entry.name, entry.is_dir()) for entry in entries]
    except (OSError, ValueError):  # there is no such folder yet
        return
    for name, is_folder in _wanted(found, begin):
        yield Candidate(f"{folder}{slash}{name}{'/' if is_folder else ''}")


def _wanted(found: Iterable[tuple[str, bool]], begin: str) -> list[tuple[str, bool]]:
    fitting = [
        (name, is_folder)
        for name, is_folder in found
        if name.startswith(begin)
        and (begin or name[0] != ".")
        and name.isprintable()
        and (is_folder or name.endswith(".ns"))
    ]
    return sorted(fitting)[:_MOST_FILES]
