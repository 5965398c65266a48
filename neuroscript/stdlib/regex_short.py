"""Regular expressions for short texts: those that Python's own engine cannot take long over.

RE2 is linear whatever the pattern, but a search costs a microsecond or more through its Python module, ten times what
Python's `re` takes for a short line.  Python's engine backtracks, so it is used only where the work of the worst text
is known to be small: `short_pattern` reads a pattern, and tells up to which length of a text it is.  What it does not
know to mean the same in both engines, it leaves to RE2.
"""

from __future__ import annotations

import re

from neuroscript.stdlib.regex_parts import (
    END,
    FAR,
    LONGEST,
    Part,
    Unfit,
    anchor,
    either,
    optional,
    repetition,
    sequence,
    single,
)

MOST_STEPS = 250_000
"""The steps that a call may take at worst, in a few milliseconds."""

_LONGEST_PATTERN = 256
_FEWEST = 16  # characters of a text, for which a pattern has to be quick to be of use
_DEEPEST = 8  # groups inside one another

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


class ShortPattern:
    """A pattern for short texts.

    Attributes:
        whole: without groups that are kept.
        groups: with them; None where the engines keep different ones.
        most: the characters of a text up to which it is quick; 0 if it is not to be used at all.
        most_ascii: the same of texts in ASCII.
        nullable: whether it matches an empty text.
    """

    __slots__ = ("groups", "most", "most_ascii", "nullable", "whole")

    def __init__(self, part: Part, flags: int, most: int, *, ascii_only: bool) -> None:
        self.groups = None if part.repeats_captures else re.compile(part.code, flags)
        self.whole = re.compile(re.sub(r"\\.|\((?!\?)", _without_group, part.code, flags=re.DOTALL), flags)
        self.most_ascii = most
        self.most = 0 if ascii_only else most
        self.nullable = part.nullable


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
    most = LONGEST
    try:
        part = _Reader(text, fold).pattern()
        while most >= _FEWEST and _steps(most, part) > MOST_STEPS:
            most //= 2
        for more in (most // 2, most // 4):
            if most + more <= LONGEST and _steps(most + more, part) <= MOST_STEPS:
                most += more
    except Unfit:
        return None
    if most < _FEWEST:
        return None
    return ShortPattern(part, re.ASCII | (re.IGNORECASE if fold else 0), most, ascii_only=fold)


def _steps(size: int, part: Part) -> int:
    """The steps that the worst text of a size takes."""
    tries = 1 if part.anchored else size
    whole = part.before(END, size)
    return size + tries * max(whole.failing, whole.steps, 1)


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

    def pattern(self) -> Part:
        """The whole pattern."""
        part = self._branches()
        if self.place < len(self.text):
            raise Unfit
        return part

    def _next(self) -> str:
        return self.text[self.place : self.place + 1]

    def _take(self) -> str:
        found = self._next()
        if not found:
            raise Unfit
        self.place += 1
        return found

    # --- structure -----------------------------------------------------------------------------------------------

    def _branches(self) -> Part:
        parts = [self._sequence()]
        while self._next() == "|":
            self.place += 1
            parts.append(self._sequence())
        return parts[0] if len(parts) == 1 else either(parts)

    def _sequence(self) -> Part:
        parts: list[Part] = []
        while self._next() not in ("", "|", ")"):
            parts.append(self._repeated(self._atom()))
        return sequence(parts)

    def _atom(self) -> Part:
        found = self._take()
        match found:
            case "(":
                return self._group()
            case "[":
                return self._class()
            case ".":
                return self._single("[^\\n]", _ALL & ~_mask("\n"))
            case "^":
                return anchor("\\A")
            case "$":
                return anchor("\\Z")
            case "\\":
                return self._escape()
            case "*" | "+" | "?" | "{" | "}" | "]":
                raise Unfit
        return self._single(re.escape(found), _mask(found))

    def _group(self) -> Part:
        found = _GROUP.match(self.text, self.place - 1)
        if found is None:
            raise Unfit
        self.place = found.end()
        self.depth += 1
        if self.depth > _DEEPEST:
            raise Unfit
        part = self._branches()
        self.depth -= 1
        if self._take() != ")":
            raise Unfit
        kept = found[0] != "(?:"
        code = f"({part.code})" if kept else f"(?:{part.code})"
        return Part(
            code,
            part.first,
            part.longest,
            part.before,
            part.unclear,
            part.nullable,
            kept or part.captures,
            part.repeats_captures,
            part.anchored,
        )

    def _repeated(self, part: Part) -> Part:
        """A part with the repetition that follows it, if any."""
        counted = _COUNTS.match(self.text, self.place)
        sign = self._next()
        if counted is not None:
            least = int(counted[1])
            most = int(counted[3]) if counted[3] else FAR if counted[2] else least
            code = counted[0]
            self.place = counted.end()
        elif sign in ("*", "+", "?") and sign:
            least, most = (1 if sign == "+" else 0), (1 if sign == "?" else FAR)
            code = sign
            self.place += 1
        else:
            return part
        if self._next() == "?":
            code += "?"
            self.place += 1
        if self._next() in ("*", "+", "?", "{") and self._next():
            raise Unfit
        # What takes nothing is not the same everywhere.
        if part.nullable or most < max(least, 1):
            raise Unfit
        return optional(part, code) if (least, most) == (0, 1) else repetition(part, least, most, code)

    # --- single characters ---------------------------------------------------------------------------------------

    def _single(self, code: str, mask: int) -> Part:
        if self.fold:
            small, large = mask & _LETTERS[0], mask & _LETTERS[1]
            mask |= small >> 32 | large << 32
        return single(code, mask)

    def _escape(self) -> Part:
        found = self._take()
        if found.lower() in _CLASSES:
            code, mask = _CLASSES[found.lower()]
            return self._single(f"[{code}]", mask) if found.islower() else self._single(f"[^{code}]", _ALL & ~mask)
        match found:
            case "b":
                return anchor("\\b")
            case "A":
                return anchor("\\A")
            case "z":
                return anchor("\\Z")
        character = self._escaped(found)
        return self._single(re.escape(character), _mask(character))

    def _escaped(self, found: str) -> str:
        """The character that an escape stands for."""
        if found in _CONTROLS:
            return _CONTROLS[found]
        if found.isascii() and found.isprintable() and not found.isalnum() and found != " ":
            return found
        raise Unfit

    def _class(self) -> Part:
        negated = self._next() == "^"
        self.place += negated
        code, mask, count = "", 0, 0
        while (found := self._take()) != "]" or count == 0:
            count += 1
            if found == "]" or (found == "[" and self._next() == ":"):
                raise Unfit
            if found == "\\":
                letter = self._take()
                if letter in _CLASSES:
                    code, mask = code + _CLASSES[letter][0], mask | _CLASSES[letter][1]
                    if self._next() == "-" and self.text[self.place + 1 : self.place + 2] != "]":
                        raise Unfit
                    continue
                found = self._escaped(letter)
            elif found == "-" and count > 1 and self._next() != "]":
                raise Unfit
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
            raise Unfit
        return self._escaped(self._take()) if found == "\\" else found
