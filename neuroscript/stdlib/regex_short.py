"""Regular expressions for short texts: those that Python's own engine cannot take long over.

RE2 is linear whatever the pattern, but a search costs a microsecond or more through its Python module, ten times what
Python's `re` takes for a short line.  Python's engine backtracks, so it is used only where the work of the worst text
is known to be small: `short_pattern` reads a pattern, and tells up to which length of a text it is.  What it does not
know to mean the same in both engines, it leaves to RE2.

After each choice of a *deterministic* pattern (go on repeating or not, this branch or that) the next character tells
which way was right, so that taking back a choice fails at once, and a try from one place costs as many steps as
characters.  Every other repetition multiplies that by the length of the text, every other choice by its branches.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from neuroscript.records import record

MOST_STEPS = 250_000
"""The steps that a call may take at worst, in a few milliseconds."""

LONGEST = 4096
"""Characters of a text beyond which RE2 is used in any case."""

_LONGEST_PATTERN = 256
_FEWEST = 16  # characters of a text, for which a pattern has to be quick to be of use
_MOST_BRANCHES = 16  # ambiguous ones, multiplied
_DEEPEST = 8  # groups inside one another
_FAR = LONGEST + 1  # characters, or repetitions: any number

_BEYOND = 1 << 128  # all characters that are not ASCII, together
_ALL = (1 << 129) - 1


def _mask(characters: str) -> int:
    found = 0
    for character in characters:
        code = ord(character)
        found |= 1 << code if code < 128 else _BEYOND
    return found


def _range(first: str, last: str) -> int:
    found = _BEYOND if ord(last) > 127 else 0
    for code in range(ord(first), min(ord(last), 127) + 1):
        found |= 1 << code
    return found


_DIGITS = _range("0", "9")
_WORD = _DIGITS | _range("a", "z") | _range("A", "Z") | _mask("_")
_BLANKS = _mask("\t\n\f\r ")
_CLASSES = {"d": ("0-9", _DIGITS), "w": ("0-9A-Za-z_", _WORD), "s": ("\\t\\n\\f\\r ", _BLANKS)}
_CONTROLS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "v": "\v"}
_LETTERS = (_range("a", "z"), _range("A", "Z"))
_COUNTS = re.compile(r"\{([0-9]{1,4})(,?)([0-9]{0,4})\}")
_GROUP = re.compile(r"\((?:\?:|\?P?<[A-Za-z_][A-Za-z0-9_]*>|(?!\?))")


class _Unfit(Exception):
    """The pattern is left to RE2."""


@record()
class _Part:
    """A part of a pattern.

    Attributes:
        code: the part in Python's syntax, without the names of its groups.
        first: the characters that it may begin with.
        longest: the most characters that it takes.
        reach: the most that it takes before it certainly matches.
        nullable: whether it may take none.
        captures: whether it has groups that are kept.
        anchored: whether it matches at the start of the text alone.
        check: adds what is ambiguous to an account, for the characters that may follow.
    """

    code: str
    first: int
    longest: int
    reach: int
    nullable: bool = False
    captures: bool = False
    anchored: bool = False
    check: Callable[[_Account, int], None] = lambda account, follow: None

    def begins(self, follow: int) -> int:
        """The characters that it, or if it takes none what follows, may begin with."""
        return self.first | follow if self.nullable else self.first


class _Account:
    """What is ambiguous in a pattern: how many repetitions, and branches, multiplied."""

    def __init__(self) -> None:
        self.repetitions = 0
        self.branches = 1
        self.repeated = 0  # the repetitions around the part in question

    def branch(self, count: int) -> None:
        """Adds an ambiguous choice."""
        self.branches *= count
        if self.repeated or self.branches > _MOST_BRANCHES:
            raise _Unfit

    def repetition(self) -> None:
        """Adds a repetition of which it is not clear where it ends."""
        self.repetitions += 1
        if self.repeated or self.repetitions > 2:
            raise _Unfit


_EMPTY = _Part("", 0, 0, 0, nullable=True)


class ShortPattern:
    """A pattern for short texts.

    Attributes:
        whole: without groups that are kept.
        groups: with them.
        most: the characters of a text up to which it is quick; 0 if it is not to be used at all.
        most_ascii: the same of texts in ASCII.
        nullable: whether it matches an empty text.
    """

    __slots__ = ("groups", "most", "most_ascii", "nullable", "whole")

    def __init__(self, code: str, flags: int, most: int, *, ascii_only: bool, nullable: bool) -> None:
        self.groups = re.compile(code, flags)
        self.whole = re.compile(re.sub(r"\\.|\((?!\?)", _without_group, code, flags=re.DOTALL), flags)
        self.most_ascii = most
        self.most = 0 if ascii_only else most
        self.nullable = nullable


def _without_group(found: re.Match[str]) -> str:
    return "(?:" if found[0] == "(" else found[0]


def short_pattern(pattern: str) -> ShortPattern | None:
    """The pattern, which RE2 takes for valid, for Python's engine; None if it is better left to RE2."""
    if len(pattern) > _LONGEST_PATTERN:
        return None
    fold = pattern.startswith("(?i)")
    text = pattern[4:] if fold else pattern
    if fold and not text.isascii():
        return None
    account = _Account()
    try:
        part = _Reader(text, fold).pattern()
        part.check(account, 0)
    except _Unfit:
        return None
    most = LONGEST
    while most >= _FEWEST and _steps(most, part, account) > MOST_STEPS:
        most = most * 3 // 4
    if most < _FEWEST:
        return None
    flags = re.ASCII | (re.IGNORECASE if fold else 0)
    return ShortPattern(part.code, flags, most, ascii_only=fold, nullable=part.nullable)


def _steps(size: int, part: _Part, account: _Account) -> int:
    """The steps that the worst text of a size takes."""
    tries = 1 if part.anchored else size
    return size + int(tries * max(min(part.reach, size), 1) * size**account.repetitions * account.branches)


class _Reader:
    """Reads a pattern.

    Args:
        text: the pattern.
        fold: whether upper and lower case are one.
    """

    def __init__(self, text: str, fold: bool) -> None:
        self.text = text
        self.fold = fold
        self.place = 0
        self.depth = 0  # of groups

    def pattern(self) -> _Part:
        """The whole pattern."""
        part = self._branches()
        if self.place < len(self.text):
            raise _Unfit
        return part

    def _next(self) -> str:
        return self.text[self.place : self.place + 1]

    def _take(self) -> str:
        found = self._next()
        if not found:
            raise _Unfit
        self.place += 1
        return found

    # --- structure -----------------------------------------------------------------------------------------------

    def _branches(self) -> _Part:
        parts = [self._sequence()]
        while self._next() == "|":
            self.place += 1
            parts.append(self._sequence())
        return parts[0] if len(parts) == 1 else _either(parts)

    def _sequence(self) -> _Part:
        parts: list[_Part] = []
        while self._next() not in ("", "|", ")"):
            parts.append(self._repeated(self._atom()))
        return _sequence(parts)

    def _atom(self) -> _Part:
        found = self._take()
        match found:
            case "(":
                return self._group()
            case "[":
                return self._class()
            case ".":
                return self._single("[^\\n]", _ALL & ~_mask("\n"))
            case "^":
                return _anchor("\\A")
            case "$":
                return _anchor("\\Z")
            case "\\":
                return self._escape()
            case "*" | "+" | "?" | "{" | "}" | "]":
                raise _Unfit
        return self._single(re.escape(found), _mask(found))

    def _group(self) -> _Part:
        found = _GROUP.match(self.text, self.place - 1)
        if found is None:
            raise _Unfit
        self.place = found.end()
        self.depth += 1
        if self.depth > _DEEPEST:
            raise _Unfit
        part = self._branches()
        self.depth -= 1
        if self._take() != ")":
            raise _Unfit
        kept = found[0] != "(?:"
        code = f"({part.code})" if kept else f"(?:{part.code})"
        captures = kept or part.captures
        return _Part(code, part.first, part.longest, part.reach, part.nullable, captures, part.anchored, part.check)

    def _repeated(self, part: _Part) -> _Part:
        """A part with the repetition that follows it, if any."""
        counted = _COUNTS.match(self.text, self.place)
        sign = self._next()
        if counted is not None:
            least = int(counted[1])
            most = int(counted[3]) if counted[3] else _FAR if counted[2] else least
            code = counted[0]
            self.place = counted.end()
        elif sign in ("*", "+", "?") and sign:
            least, most = (1 if sign == "+" else 0), (1 if sign == "?" else _FAR)
            code = sign
            self.place += 1
        else:
            return part
        if self._next() == "?":
            code += "?"
            self.place += 1
        if self._next() in ("*", "+", "?", "{") and self._next():
            raise _Unfit
        # What takes nothing, and what is kept of the turns of a loop, are not the same everywhere.
        if part.nullable or most < max(least, 1) or (part.captures and most > 1):
            raise _Unfit
        return _repetition(part, least, most, code)

    # --- single characters ---------------------------------------------------------------------------------------

    def _single(self, code: str, mask: int) -> _Part:
        if self.fold:
            small, large = mask & _LETTERS[0], mask & _LETTERS[1]
            mask |= small >> 32 | large << 32
        return _Part(code, mask, 1, 1)

    def _escape(self) -> _Part:
        found = self._take()
        if found.lower() in _CLASSES:
            code, mask = _CLASSES[found.lower()]
            return self._single(f"[{code}]", mask) if found.islower() else self._single(f"[^{code}]", _ALL & ~mask)
        match found:
            case "b":
                return _anchor("\\b")
            case "A":
                return _anchor("\\A")
            case "z":
                return _anchor("\\Z")
        character = self._escaped(found)
        return self._single(re.escape(character), _mask(character))

    def _escaped(self, found: str) -> str:
        """The character that an escape stands for."""
        if found in _CONTROLS:
            return _CONTROLS[found]
        if found.isascii() and found.isprintable() and not found.isalnum() and found != " ":
            return found
        raise _Unfit

    def _class(self) -> _Part:
        negated = self._next() == "^"
        self.place += negated
        code, mask, count = "", 0, 0
        while (found := self._take()) != "]" or count == 0:
            count += 1
            if found == "]" or (found == "[" and self._next() == ":"):
                raise _Unfit
            if found == "\\":
                letter = self._take()
                if letter in _CLASSES:
                    code, mask = code + _CLASSES[letter][0], mask | _CLASSES[letter][1]
                    if self._next() == "-":
                        raise _Unfit
                    continue
                found = self._escaped(letter)
            elif found == "-" and count > 1 and self._next() != "]":
                raise _Unfit
            last = self._range_end()
            code += re.escape(found) + (f"-{re.escape(last)}" if last else "")
            mask |= _range(found, last) if last else _mask(found)
        # With both cases as one, what is in a negated class depends on both, which the mask need not know exactly.
        made = self._single(f"[{'^' if negated else ''}{code}]", mask)
        if negated:
            made.first = _ALL & ~made.first if not self.fold else _ALL
        return made

    def _range_end(self) -> str:
        """The last character of a range, of which the first has been read; empty if it is none."""
        if self._next() != "-" or self.text[self.place + 1 : self.place + 2] in ("]", ""):
            return ""
        self.place += 1
        found = self._take()
        if found == "[":
            raise _Unfit
        return self._escaped(self._take()) if found == "\\" else found


def _anchor(code: str) -> _Part:
    return _Part(code, 0, 0, 1, nullable=True, anchored=code == "\\A")


def _sequence(parts: Sequence[_Part]) -> _Part:
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return _EMPTY
    first, longest, reach, nullable = 0, 0, 0, True
    for part in parts:
        if nullable:
            first |= part.first
        nullable = nullable and part.nullable
        if part.reach:
            reach = longest + part.reach
        longest += part.longest

    def check(account: _Account, follow: int) -> None:
        for part in reversed(parts):
            part.check(account, follow)
            follow = part.begins(follow)

    code = "".join(part.code for part in parts)
    captures = any(part.captures for part in parts)
    return _Part(code, first, min(longest, _FAR), min(reach, _FAR), nullable, captures, parts[0].anchored, check)


def _either(parts: Sequence[_Part]) -> _Part:
    first = 0
    for part in parts:
        first |= part.first

    def check(account: _Account, follow: int) -> None:
        begins = [part.begins(follow) for part in parts]
        together = max(sum(other >> bit & 1 for other in begins) for bit in range(129))
        empty = sum(part.nullable for part in parts)
        if max(together, empty) > 1:
            account.branch(max(together, empty))
        for part in parts:
            part.check(account, follow)

    longest = max(part.longest for part in parts)
    code = "|".join(part.code for part in parts)
    nullable = any(part.nullable for part in parts)
    captures = any(part.captures for part in parts)
    anchored = all(part.anchored for part in parts)
    return _Part(code, first, longest, longest, nullable, captures, anchored, check)


def _repetition(part: _Part, least: int, most: int, code: str) -> _Part:
    def check(account: _Account, follow: int) -> None:
        if least != most and part.first & follow:
            if most == 1:
                account.branch(2)
            else:
                account.repetition()
        account.repeated += most > 1
        part.check(account, follow | part.first)
        account.repeated -= most > 1

    longest = min(part.longest * most, _FAR)
    # A turn of the loop that fails is taken back, however far it had come.
    reach = min(part.longest * least, _FAR) if part.longest == 1 else longest
    return _Part(
        part.code + code, part.first, longest, reach, least == 0, part.captures, part.anchored and least > 0, check
    )
