"""The words that may come next on a command line, found in the parsers of the commands."""

from __future__ import annotations

import argparse

from neuroscript.cli.parser import completer_of
from neuroscript.errors import NeuroScriptError
from neuroscript.output import one_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    Word = tuple[str, str]

FILES = ":files"
DIRECTORIES = ":directories"
"""What stands for the names of files, and of directories, which the shell knows best."""

_MARKS = (FILES, DIRECTORIES)
_FILES = ("FILE", "PATH", "MODULE.py")
_SEVERAL = ("*", "+", argparse.REMAINDER)


def words_after(parser: argparse.ArgumentParser, typed: Sequence[str]) -> list[Word]:
    """Finds what may come next.

    Args:
        parser: the parser of the command.
        typed: the words after the command's name; the last one, maybe empty, is still being typed.

    Returns:
        pairs of a word and what it means, which may be empty; `FILES` and `DIRECTORIES` stand for such names.
    """
    line = _Line(parser)
    # Bash takes `--format=text` for three words.
    *before, current = [word for word in typed if word != "="] or [""]
    if typed and typed[-1] == "=":
        before, current = [*before, current], ""
    for word in before:
        line.take(word)
    return [(word, told) for word, told in line.candidates(current) if word.startswith(current) or word in _MARKS]


class _Line:
    """What the words so far have come to: the parser of the action, and the arguments that are still open."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self._given = argparse.Namespace()
        self._only_values = False
        self._wanting: argparse.Action | None = None
        self._enter(parser)

    def take(self, word: str) -> None:
        """Takes a word that is complete."""
        if self._wanting is not None:
            setattr(self._given, self._wanting.dest, word)
            self._wanting = None
        elif word == "--":
            self._only_values = True
        elif word.startswith("-") and word != "-" and not self._only_values:
            name, equals, value = word.partition("=")
            option = self._options.get(name)
            if option is not None and equals:
                setattr(self._given, option.dest, value)
            elif option is not None and option.nargs == 0:
                setattr(self._given, option.dest, option.const)
            elif option is not None:
                self._wanting = option
        elif self._positionals:
            action = self._positionals[0]
            if isinstance(action, argparse._SubParsersAction):
                if word in action.choices:
                    self._enter(action.choices[word])
            elif action.nargs not in _SEVERAL:
                self._positionals.pop(0)

    def candidates(self, current: str) -> Iterator[Word]:
        """The words that may stand where one is being typed."""
        name, equals, _ = current.partition("=")
        if self._wanting is not None:
            yield from self._values(self._wanting)
        elif equals and name in self._options:
            for word, told in self._values(self._options[name]):
                yield (word if word in _MARKS else f"{name}={word}"), told
        elif current.startswith("-") and not self._only_values:
            for option, action in self._options.items():
                if option.startswith("--") and action.help != argparse.SUPPRESS:
                    yield option, _told(action)
        elif self._positionals:
            yield from self._values(self._positionals[0])

    def _enter(self, parser: argparse.ArgumentParser) -> None:
        self._options = parser._option_string_actions
        self._positionals = [each for each in parser._get_positional_actions() if each.help != argparse.SUPPRESS]

    def _values(self, action: argparse.Action) -> Iterator[Word]:
        if isinstance(action, argparse._SubParsersAction):
            for choice in action._choices_actions:
                yield choice.dest, _told(choice)
        elif action.choices is not None:
            yield from ((str(choice), "") for choice in action.choices)
        elif (complete := completer_of(action)) is not None:
            yield from ((word, "") for word in _found(complete, self._given) if _is_plain(word))
        elif action.metavar == "DIR":
            yield DIRECTORIES, ""
        elif action.metavar in _FILES:
            yield FILES, ""


def _found(complete: Callable[[argparse.Namespace], Iterable[str]], given: argparse.Namespace) -> list[str]:
    try:
        return list(complete(given))
    except (NeuroScriptError, OSError):
        return []  # there is nobody to tell: the prompt is the user's


def _is_plain(word: str) -> bool:
    """Whether a shell can be handed a word: it is one line, and stands for itself."""
    return "\t" not in word and one_line(word) == word and word not in _MARKS


def _told(action: argparse.Action) -> str:
    """The beginning of the help of an argument, up to where it begins to explain."""
    text = " ".join((action.help or "").split())
    for end in (";", ":", ", such", " (default"):
        text = text.partition(end)[0]
    return text
