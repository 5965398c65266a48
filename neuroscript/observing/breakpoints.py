"""Breakpoints: where they are, and whether one that is reached stops the run."""

from __future__ import annotations

import operator
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from neuroscript.compiler.resolve import resolve
from neuroscript.compiler.traversal import lines_of
from neuroscript.errors import NeuroScriptError
from neuroscript.syntax.parser import parse

_HITS = re.compile(r"\s*(?P<operator>==|>=|>|%|)\s*(?P<number>\d{1,9})\s*")
_COMPARE: dict[str, Callable[[int, int], bool]] = {
    "": operator.eq,
    "==": operator.eq,
    ">": operator.gt,
    ">=": operator.ge,
    "%": lambda hits, number: number > 0 and hits % number == 0,
}


@dataclass(slots=True, kw_only=True)
class Breakpoint:
    """A breakpoint on a line.

    Attributes:
        number: tells it from all others.
        line: where it is, which is the first line with a statement from the one on that it was asked for.
        verified: whether there is a statement.
        message: why it is not verified.
        condition: an expression that must be true; empty for none.
        hits: how often it must have been reached, such as ``3``, ``>= 3`` or ``% 10``; empty for none.
        log: a text to write instead of stopping, in which ``{…}`` is an expression; empty for none.
        reached: how often it was.
    """

    number: int
    line: int
    verified: bool = True
    message: str = ""
    condition: str = ""
    hits: str = ""
    log: str = ""
    reached: int = 0

    @property
    def is_counted_out(self) -> bool:
        """Whether the number of times that it was reached lets it stop."""
        found = _HITS.fullmatch(self.hits)
        return found is None or _COMPARE[found["operator"]](self.reached, int(found["number"]))


@dataclass(slots=True)
class Breakpoints:
    """All breakpoints, by file."""

    _by_path: dict[str, dict[int, Breakpoint]] = field(default_factory=dict)
    _paths: dict[str, str] = field(default_factory=dict)
    _count: int = 0

    def put(self, path: str, wanted: Iterable[tuple[int, str, str, str]]) -> list[Breakpoint]:
        """Replaces the breakpoints of a file.

        Args:
            path: the file.
            wanted: of each one its line, condition, hits and log.
        """
        lines, why = _statement_lines(path)
        found: dict[int, Breakpoint] = {}
        made: list[Breakpoint] = []
        for line, condition, hits, log in wanted:
            self._count += 1
            at = next((each for each in lines if each >= line), None)
            one = Breakpoint(
                number=self._count, line=line if at is None else at, condition=condition, hits=hits, log=log
            )
            if at is None:
                one.verified, one.message = False, why or "no statement begins here or further down"
            elif hits and _HITS.fullmatch(hits) is None:
                one.verified, one.message = False, "the hit count is a number, or >, >= or % and a number"
            else:
                found[one.line] = one
            made.append(one)
        self._by_path[_key(path)] = found
        return made

    def at(self, file: str, line: int) -> Breakpoint | None:
        """The breakpoint at a line of a file, by the name that the run has for it."""
        if not self._by_path:
            return None
        key = self._paths.get(file)
        if key is None:
            key = self._paths[file] = _key(file)
        found = self._by_path.get(key)
        return found.get(line) if found else None


def _key(path: str) -> str:
    return os.path.normcase(os.path.realpath(path))


def _statement_lines(path: str) -> tuple[list[int], str]:
    """The lines of a program file on which statements begin; and why there are none."""
    try:
        with open(path, "rb") as file:
            resolved = resolve(parse(file.read(), path))
    except (OSError, ValueError) as error:
        return [], f"the file cannot be read: {getattr(error, 'strerror', None) or error}"
    except NeuroScriptError as error:
        return [], f"the file has a syntax error: {error.message}"
    return lines_of(body.block for body in resolved.bodies), ""
