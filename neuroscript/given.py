"""Validates the arguments of the interpreter's interface for hosts, and raises errors in the host's terms."""

from __future__ import annotations

import os
from collections.abc import Mapping

from neuroscript.cancellation import CancelToken
from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.limits import Limits
from neuroscript.program_text import ProgramText
from neuroscript.values import named_from_host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from typing import Any

_DEFAULT_LIMITS = Limits()


def limits_of(given: Limits | Mapping[str, Any] | None) -> Limits:
    """Returns the limits given as `Limits` or as a map of its fields; the defaults if none are given.

    Raises:
        TypeError: for anything else.
        ValueError: for a field that there is not, or a value that is no limit.
    """
    if given is None:
        return _DEFAULT_LIMITS
    if isinstance(given, Limits):
        return given
    if not isinstance(given, Mapping):
        what = type(given).__name__
        raise TypeError(f'limits takes a Limits or a map of its fields, such as {{"max_steps": 1000}}, not {what}')
    known = Limits.__annotations__
    for name in given:
        if name not in known:
            raise ValueError(f"there is no limit {name!r}; the limits are {', '.join(known)}")
    return Limits(**given)


def globals_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """Converts the host's globals to values of the language.

    Raises:
        NeuroScriptError: 41 for a name that no program can write, 7 or 41 for a value that it cannot hold.
    """
    from neuroscript.syntax.tables import WORDS

    values = {}
    for name, value in given.items():
        if not isinstance(name, str) or not (name.isascii() and name.isidentifier()):
            message = f"a global cannot be called {name!r}: names are letters, digits and '_', and begin with no digit"
            raise NeuroScriptError(ErrorCode.INVALID_VALUE, message)
        if name in WORDS:
            message = f"a global cannot be called {name!r}, which is a reserved word; {name}_value would do"
            raise NeuroScriptError(ErrorCode.INVALID_VALUE, message)
        values[name] = named_from_host(value, f"the global {name!r}")
    return values


def values_of(args: tuple[Any, ...], named: dict[str, Any]) -> list[Any]:
    """Converts the arguments of a call to values of the language, with keyword arguments at the end.

    Raises:
        NeuroScriptError: 7 or 41 for an argument that cannot be converted, naming the part of it.
    """
    values = [named_from_host(value, f"argument {number}") for number, value in enumerate(args, 1)]
    return values + [named_from_host(value, f"argument '{name}'") for name, value in named.items()]


def read_program(source: str | bytes | os.PathLike[str] | ProgramText, name: str) -> ProgramText:
    """Returns the text of a program, with its name; a path is read.

    Raises:
        NeuroScriptError: 22 if there is no such file, 26 if it cannot be read.
        TypeError: for anything else.
    """
    if isinstance(source, str | bytes):
        return ProgramText(source, name or "<script>")
    if isinstance(source, ProgramText):
        return source
    if not isinstance(source, os.PathLike):
        raise TypeError(f"a program is text, bytes or a path, not {type(source).__name__}")
    path = os.fspath(source)
    try:
        with open(path, "rb") as file:
            return ProgramText(file.read(), name or path, path)
    except FileNotFoundError as error:
        raise NeuroScriptError(ErrorCode.FILE_NOT_FOUND, f"there is no file {path!r}") from error
    except OSError as error:
        message = f"cannot read {path!r}: {error.strerror or error}"
        raise NeuroScriptError(ErrorCode.IO_FAILED, message) from error


def check_token(cancel: CancelToken) -> None:
    """Raises an error for an object that is not a `CancelToken`, and for a token that is cancelled already.

    Raises:
        TypeError: if it is no token.
        CancelledError: 44 if it is cancelled.
    """
    if not isinstance(cancel, CancelToken):
        message = f"cancel takes a CancelToken, not {type(cancel).__name__}; a parameter called so is given by position"
        raise TypeError(message)
    cancel.check()


def directory_of(path: str | os.PathLike[str] | None, what: str = "the sandbox") -> Path | None:
    if path is None:
        return None
    from pathlib import Path

    directory = Path(path)
    if not directory.exists():
        raise NeuroScriptError(ErrorCode.FILE_NOT_FOUND, f"{what} {os.fspath(path)!r} does not exist")
    if not directory.is_dir():
        raise NeuroScriptError(ErrorCode.PATH_TYPE_MISMATCH, f"{what} {os.fspath(path)!r} is not a directory")
    return directory.resolve()


def directories_of(given: Iterable[str | os.PathLike[str]]) -> tuple[str, ...]:
    """Checks the directories that programs may use files from, and returns their paths as the host wrote them.

    Raises:
        NeuroScriptError: 22 or 23 if one is not a directory.
        TypeError: for one path in place of several.
    """
    if isinstance(given, str | bytes | os.PathLike):
        raise TypeError(f"library_roots takes several paths, [{os.fspath(given)!r}], not one")
    found = []
    for path in given:
        directory_of(path, "the library directory")
        found.append(os.fspath(path))
    return tuple(found)


def environment_of(given: Mapping[str, str] | Iterable[str]) -> dict[str, str]:
    if isinstance(given, Mapping):
        return dict(given)
    return {name: os.environ[name] for name in given if name in os.environ}
