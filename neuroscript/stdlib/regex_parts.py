"""The parts of a regular expression, and the work that a backtracking search makes of them.

The work is counted from the end of the pattern: how many steps a part and all that follows it may take, and fail.
After a choice that is *clear* (go on repeating or not, this branch or that) the next character tells which way was
right, so that taking it back fails at once.  Where it is not, what follows may be tried at every end that a repetition
has, and behind every branch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from neuroscript.records import record

LONGEST = 1 << 14
"""Characters of a text beyond which RE2 is used in any case."""

FAR = LONGEST + 1
"""Characters, or repetitions: any number."""

_MOST_BRANCHES = 16  # of choices that are not clear, multiplied
_MOST_LOOPS = 2  # of which it is not clear where they end


class Unfit(Exception):
    """The pattern is left to RE2."""


@record()
class Rest:
    """What a part of a pattern is followed by, in a text of some size.

    Attributes:
        begins: the characters that it may begin with.
        failing: the steps that it may take and fail.
        steps: the steps that it may take, without those over characters that are then certain to be of the match.
        sure: whether it certainly matches.
        loops: how many repetitions have ends that are not clear.
        branches: how many ways its other choices that are not clear leave open.
    """

    begins: int
    failing: int
    steps: int
    sure: bool = False
    loops: int = 0
    branches: int = 1

    def after(
        self, begins: int, failing: int, steps: int, *, sure: bool = False, loops: int = 0, branches: int = 1
    ) -> Rest:
        """The same with a part in front, and the choices that this leaves open.

        Raises:
            Unfit: if there are too many of them.
        """
        loops, branches = self.loops + loops, self.branches * branches
        if loops > _MOST_LOOPS or branches > _MOST_BRANCHES:
            raise Unfit
        return Rest(begins, failing, steps, sure, loops, branches)


END = Rest(0, 0, 0, sure=True)


@record()
class Part:
    """A part of a pattern.

    Attributes:
        code: the part in Python's syntax, without the names of its groups.
        first: the characters that it may begin with.
        longest: the most characters that it takes.
        before: the part with what follows it, which is given, in a text of a size.
        unclear: whether it has a choice that is not clear, for the characters that may follow.
        nullable: whether it may take no character.
        captures: whether it has groups that are kept.
        repeats_captures: whether such a group is in a repetition.
        anchored: whether it matches at the start of the text alone.
    """

    code: str
    first: int
    longest: int
    before: Callable[[Rest, int], Rest]
    unclear: Callable[[int], bool] = lambda follow: False
    nullable: bool = False
    captures: bool = False
    repeats_captures: bool = False
    anchored: bool = False

    def begins(self, follow: int) -> int:
        """The characters that it, or if it takes none what follows, may begin with."""
        return self.first | follow if self.nullable else self.first


EMPTY = Part("", 0, 0, lambda rest, size: rest, nullable=True)


def single(code: str, mask: int) -> Part:
    """One character of some."""
    return Part(code, mask, 1, lambda rest, size: rest.after(mask, 1 + rest.failing, 1 + rest.steps))


def anchor(code: str) -> Part:
    """A place in the text, which takes no character."""

    def before(rest: Rest, size: int) -> Rest:
        return rest.after(rest.begins, 1 + rest.failing, 1 + rest.steps)

    return Part(code, 0, 0, before, nullable=True, anchored=code == "\\A")


def sequence(parts: Sequence[Part]) -> Part:
    """Parts one after the other."""
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return EMPTY
    first, nullable = 0, True
    for part in parts:
        if nullable:
            first |= part.first
        nullable = nullable and part.nullable

    def before(rest: Rest, size: int) -> Rest:
        for part in reversed(parts):
            rest = part.before(rest, size)
        return rest

    def unclear(follow: int) -> bool:
        for part in reversed(parts):
            if part.unclear(follow):
                return True
            follow = part.begins(follow)
        return False

    return Part(
        "".join(part.code for part in parts),
        first,
        min(sum(part.longest for part in parts), FAR),
        before,
        unclear,
        nullable,
        any(part.captures for part in parts),
        any(part.repeats_captures for part in parts),
        parts[0].anchored,
    )


def either(parts: Sequence[Part]) -> Part:
    """One of some parts, the first that fits."""
    first = 0
    for part in parts:
        first |= part.first

    def open_branches(follow: int) -> int:
        """How many branches the next character leaves open, at most."""
        begins = [part.begins(follow) for part in parts]
        together = max(sum(other >> bit & 1 for other in begins) for bit in range(129))
        return max(together, sum(part.nullable for part in parts), 1)

    def before(rest: Rest, size: int) -> Rest:
        made = [part.before(rest, size) for part in parts]
        branches = open_branches(rest.begins)
        together = sum if branches > 1 else max
        sure = any(each.sure for each in made)
        failing = 0 if sure else len(made) + together([each.failing for each in made])
        begins = first | (rest.begins if any(part.nullable for part in parts) else 0)
        # One that fails half way is followed by one that is sure, at worst.
        steps = len(made) + sum(each.failing for each in made) + together([each.steps for each in made])
        most = max(made, key=lambda each: (each.loops, each.branches))
        return most.after(begins, failing, steps, sure=sure, branches=branches)

    def unclear(follow: int) -> bool:
        return open_branches(follow) > 1 or any(part.unclear(follow) for part in parts)

    return Part(
        "|".join(part.code for part in parts),
        first,
        max(part.longest for part in parts),
        before,
        unclear,
        any(part.nullable for part in parts),
        any(part.captures for part in parts),
        any(part.repeats_captures for part in parts),
        all(part.anchored for part in parts),
    )


def optional(part: Part, code: str) -> Part:
    """A part that may be missing; ``code`` is the sign behind it."""

    def before(rest: Rest, size: int) -> Rest:
        taken = part.before(rest, size)
        is_unclear = bool(part.first & rest.begins)
        failing = 1 + (taken.failing + rest.failing if is_unclear else max(taken.failing + 1, rest.failing))
        steps = 1 + taken.steps + rest.steps
        begins, branches = part.first | rest.begins, 2 if is_unclear else 1
        return taken.after(begins, 0 if rest.sure else failing, steps, sure=rest.sure, branches=branches)

    def unclear(follow: int) -> bool:
        return bool(part.first & follow) or part.unclear(follow)

    return Part(
        part.code + code,
        part.first,
        part.longest,
        before,
        unclear,
        True,
        part.captures,
        part.repeats_captures,
    )


def repetition(part: Part, least: int, most: int, code: str) -> Part:
    """A part, that takes characters, so many times; ``code`` is the sign behind it."""
    is_single = part.longest == 1 and not part.captures

    def before(rest: Rest, size: int) -> Rest:
        if part.unclear(rest.begins | part.first):
            raise Unfit
        turns = min(most, size)
        taken = min(part.longest * most, size)
        begins = part.first | (rest.begins if least == 0 else 0)
        loops = int(least != most and bool(part.first & rest.begins))
        if rest.sure:
            # A turn of several characters that fails is taken back, however far it had come.
            steps = rest.steps + (min(least, size) if is_single else taken)
            return rest.after(begins, 0 if least == 0 else steps, steps, sure=least == 0, loops=loops)
        ends = max(turns - least, 0) + 1 if loops else 1
        failing, steps = taken + ends * max(rest.failing, 1), taken + ends * max(rest.steps, 1)
        return rest.after(begins, failing, steps, loops=loops)

    def unclear(follow: int) -> bool:
        more = part.first if most > 1 else 0
        return bool(least != most and part.first & follow) or part.unclear(follow | more)

    return Part(
        part.code + code,
        part.first,
        min(part.longest * most, FAR),
        before,
        unclear,
        least == 0,
        part.captures,
        part.captures and most > 1,
        part.anchored and least > 0,
    )
