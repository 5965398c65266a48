"""A failing program is cut down to the lines that make it fail."""

from __future__ import annotations

from .programs import Case
from .shrink import shrunk

SOURCE = """func other() means
  emit 1
endfunc
func main() means
  set x = 1
  if x == 1
    emit "a"
    emit 1 / 0
  endif
  emit "b"
endfunc
"""


def test_only_the_lines_that_matter_are_left() -> None:
    def fails(case: Case) -> bool:
        return "1 / 0" in case.source and case.source.count("func") == 2 * case.source.count("endfunc") > 0

    small = shrunk(Case(SOURCE, "main"), fails)
    assert small.entry == "main"
    assert [line.strip() for line in small.source.splitlines()] in (
        ["func other() means", "emit 1 / 0", "endfunc"],
        ["func main() means", "emit 1 / 0", "endfunc"],
    )


def test_a_block_goes_and_its_body_stays() -> None:
    source = "if 1\n  while 2\n    emit 3\n  endwhile\nendif"

    def fails(case: Case) -> bool:
        words = case.source.split()
        return (
            "emit" in words
            and words.count("while") == words.count("endwhile")
            and words.count("if") == words.count("endif")
        )

    assert shrunk(Case(source, None), fails).source.strip() == "emit 3"


def test_a_program_that_cannot_be_smaller_stays() -> None:
    case = Case("emit 1\nemit 2", None)
    assert shrunk(case, lambda one: one.source == case.source) == case
