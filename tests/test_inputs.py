"""Inputs of interactive sessions, split into what is loaded and what is run."""

from __future__ import annotations

from itertools import groupby, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroscript.inputs import Kind, blanked, split

DEFINITIONS, COMMANDS, STATEMENTS = Kind.DEFINITIONS, Kind.COMMANDS, Kind.STATEMENTS

PIECES = {
    "set x = 1": STATEMENTS,
    "x + 1": STATEMENTS,
    "[1,\n  2]": STATEMENTS,
    "if x\n  emit 1\nelse if y\n  emit 2\nelse\n  emit 3\nendif": STATEMENTS,
    "while x\n  on event 'a' do\n    emit 1\n  endon\nendwhile": STATEMENTS,
    "for each k in x\n  break\nendfor": STATEMENTS,
    "on error do\n  if x\n    clear_error\n  endif\nendon": STATEMENTS,
    "on_error means\n  clear_error\nendon": STATEMENTS,
    "set command = 1": STATEMENTS,
    "set s = ```\nfunc f means\n```": STATEMENTS,
    "func f means\nendfunc": DEFINITIONS,
    "func f(needs a) means\n  :: of: f\n  if a\n    return 1\n  endif\nendfunc": DEFINITIONS,
    ":: about: what follows\n:: more: of it\nfunc f means\nendfunc": DEFINITIONS,
    "on event 'a' as e do\n  on error do\n    clear_error\n  endon\nendon": DEFINITIONS,
    "on event 'a' do\nendevent": DEFINITIONS,
    "command\n  emit 1\nendcommand": COMMANDS,
    ":: about: what follows\ncommand\nendcommand": COMMANDS,
}


@given(
    st.lists(st.tuples(st.sampled_from(sorted(PIECES)), st.sampled_from(["\n", "\n\n", "\n# a note\n", "\n  "]))),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(["", "\n", "  ", "# a note\n"]),
)
def test_each_piece_is_in_a_part_of_its_kind_and_in_its_place(
    pieces: list[tuple[str, str]], line_end: str, before: str
) -> None:
    source = before + "".join(piece + after for piece, after in pieces)
    written = source.replace("\n", line_end)
    parts = split(written)
    assert all(one.kind is not other.kind for one, other in pairwise(parts))
    kinds = [PIECES[piece] for piece, _ in pieces]
    assert [part.kind for part in parts] == [kind for kind, _ in groupby(kinds)]
    shown = [""] * (source.count("\n") + 1)
    for part in parts:
        for number, line in enumerate(part.text.replace(line_end, "\n").split("\n")):
            if line.strip():
                assert shown[number] == ""
                shown[number] = line
    original = source.split("\n")
    for line, kept in zip(original, shown, strict=True):
        # A note before everything is in no part.
        assert kept.strip() == line.strip() or (not kept and line.startswith("#")) or (not kept and not line.strip())
        assert not kept.strip() or kept.index(kept.strip()) == line.index(line.strip())


@pytest.mark.parametrize(
    ("source", "last"),
    [
        ("x", "x"),
        ("set a = 1\n  f(\n  1)  # a note\n", "f(\n  1)  # a note\n"),
        ("set a = 1\n[a,\n b]\n\n# the end", "[a,\n b]\n\n# the end"),
        ("func f means\nendfunc\nset a = 1\nset b = \\\n 2", "set b = \\\n 2"),
        ("if a\n  emit 1\nendif", "if a\n  emit 1\nendif"),
    ],
)
def test_the_last_statement_is_known(source: str, last: str) -> None:
    part = split(source)[-1]
    assert part.text[part.last_line :] == last


@pytest.mark.parametrize("source", ["", "\n \n", "# a note", "-- one\n// two\n"])
def test_nothing_is_no_part(source: str) -> None:
    assert split(source) == []


def test_what_is_blanked_keeps_lines_and_columns() -> None:
    assert blanked("a\r\nbc\rd\n  ef") == "\n\n\n    "
    assert blanked("abc") == "   "
