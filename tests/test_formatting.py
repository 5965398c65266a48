"""The layout of programs: it is one, it keeps what they say, and laying out twice changes nothing more."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random

import pytest

from neuroscript.errors import NeuroScriptSyntaxError
from neuroscript.formatting import format_source
from neuroscript.syntax import lexer
from neuroscript.syntax.tables import SOFT_WORDS
from tests.fuzz.programs import make_case
from tests.fuzz.routines import make_trial

ROOT = Path(__file__).parent.parent

LAYOUTS = [
    ("set  x=1+2 *3", "set x = 1 + 2 * 3"),
    ("set x=-a", "set x = -a"),
    ("set x = a- -b", "set x = a - -b"),
    ("set x = a - - b", "set x = a - -b"),
    ("set x = - - b", "set x = - -b"),
    ("set x = ~ ~b**c", "set x = ~~b ** c"),
    ("set x = a*-b", "set x = a * -b"),
    ("set x = ( a )", "set x = (a)"),
    ("set x = [ 1,2 , 3 , ]", "set x = [1, 2, 3,]"),
    ('set x = { "a" :1 , "b" : [ ] }', 'set x = {"a": 1, "b": []}'),
    ("set m . a [ 0 ] = xs [ i ] . b", "set m.a[0] = xs[i].b"),
    ("set x = f ( a ) ( b ) [ 0 ]", "set x = f(a)(b)[0]"),
    ("set x = tool . str . Join ( xs , separator : s )", "set x = tool.str.Join(xs, separator: s)"),
    ("set a , b = [1,2]", "set a, b = [1, 2]"),
    ("set x = must f()", "set x = must f()"),
    ("set x = not(a)and(b)or no x", "set x = not (a) and (b) or no x"),
    ("set x = typeof (a) == some (b)", "set x = typeof(a) == some(b)"),
    ("set x = eval ( text )", "set x = eval(text)"),
    ('set x = [1][0] + \'s\'[0] + {"a": 1} [ "a" ]', 'set x = [1][0] + \'s\'[0] + {"a": 1}["a"]'),
    ("set x = 1 . a", "set x = 1 .a"),
    ("set x = m.if.set", "set x = m.if.set"),
    ("return[ 1 ],( 2 )", "return [1], (2)"),
    ("emit(1)", "emit (1)"),
    ("whisper self,x", "whisper self, x"),
    ("fail", "fail"),
    ("ask w,'q' with{} into x", "ask w, 'q' with {} into x"),
    ("set x = 1#c", "set x = 1  #c"),
    ("set x = 1     -- c  ", "set x = 1  -- c"),
    ("set x = '''  a\n   b  '''", "set x = '''  a\n   b  '''"),
    ("set x = ```{{ a }}  \n\n\n```", "set x = ```{{ a }}  \n\n\n```"),
    ("set with = 1\nemit with-1\nemit with - 1", "set with = 1\nemit with-1\nemit with - 1"),
    ("set x = a + \\\n  b", "set x = a + \\\n    b"),
    ("set x = a \\\n\nemit x", "set x = a\nemit x"),
    ("set x = a \\\n  # c\nemit x", "set x = a  # c\nemit x"),
    ("call f([\n1,\n2\n])", "call f([\n  1,\n  2\n])"),
    ("call f(\na,\n[1,\n2], {\n'k': (3\n+ 4)\n})", "call f(\n  a,\n  [1,\n    2], {\n    'k': (3\n      + 4)\n  })"),
    ("call f([\n\n\n1,\n\n\n# c\n2\n\n])", "call f([\n\n  1,\n\n  # c\n  2\n\n])"),
    (
        "if x\nemit 1\nelse if y\nemit 2\nelse\nemit 3\nendif",
        "if x\n  emit 1\nelse if y\n  emit 2\nelse\n  emit 3\nendif",
    ),
    (
        "for each k,v in m\nwhile a\nbreak\nendwhile\nendfor",
        "for each k, v in m\n  while a\n    break\n  endwhile\nendfor",
    ),
    ("on error do\nclear_error\nendon", "on error do\n  clear_error\nendon"),
    ("on event 'a' as e do\nemit e\nendon", "on event 'a' as e do\n  emit e\nendon"),
    ("if x\n\n\nemit 1\n\n\n\nemit 2\n\n\nendif", "if x\n  emit 1\n\n  emit 2\nendif"),
    ("if x\n# a\nemit 1\n      # b\nelse\n\n# c\nendif", "if x\n  # a\n  emit 1\n  # b\nelse\n  # c\nendif"),
]


@pytest.mark.parametrize(("statements", "expected"), LAYOUTS)
def test_statements(statements: str, expected: str) -> None:
    made = format_source(f"func main(needs p) means\n{statements}\nendfunc\n")
    # Lines inside of a string over several lines are not indented.
    parts = re.split(r"('''[\s\S]*?'''|```[\s\S]*?```)", expected)
    indented = "".join(part if place % 2 else re.sub(r"(?m)^(?=.)", "  ", part) for place, part in enumerate(parts))
    assert made == f"func main(needs p) means\n{indented}\nendfunc\n"
    assert format_source(made) == made


FILES = [
    ("", ""),
    ("\n\n# only a comment", "# only a comment\n"),
    (
        ":: title: a  b  \n\n\n:: other:x\nfunc a() means\nendfunc",
        ":: title: a  b\n\n:: other:x\n\nfunc a() means\nendfunc\n",
    ),
    (
        "# about a\nfunc a ( needs x,y  optional z )means\n:: d\nendfunc\n# b\n# c\nfunc b needs c means\nendfunc",
        "# about a\nfunc a(needs x, y optional z) means\n  :: d\nendfunc\n\n# b\n# c\nfunc b needs c means\nendfunc\n",
    ),
    ("command\nemit 1\nendcommand\ncommand\nendcommand", "command\n  emit 1\nendcommand\n\ncommand\nendcommand\n"),
    ("func a(\nneeds x,\ny\n) means\nendfunc", "func a(\n  needs x,\n  y\n) means\nendfunc\n"),
    ("func a() means\r\n\r\n\r\nemit 1\r\nendfunc", "func a() means\r\n  emit 1\r\nendfunc\r\n"),
    ("func a() means\remit 1\rendfunc", "func a() means\r  emit 1\rendfunc\r"),
    ("\ufefffunc a() means\nendfunc", "func a() means\nendfunc\n"),
]


@pytest.mark.parametrize(("text", "expected"), FILES)
def test_files(text: str, expected: str) -> None:
    assert format_source(text) == expected
    assert format_source(expected) == expected


def test_what_is_no_program_is_refused() -> None:
    with pytest.raises(NeuroScriptSyntaxError, match="expected"):
        format_source("func a( means\nendfunc")


def programs() -> list[str]:
    """Every program of the project: of tests, examples and benchmarks, and in the pages of the documentation."""
    files = [path for place in ("tests", "examples", "benchmarks") for path in (ROOT / place).rglob("*.ns")]
    texts = [path.read_text(errors="replace") for path in files]
    pages = [path.read_text() for path in (ROOT / "docs").rglob("*.md")]
    return texts + [block for page in pages for block in re.findall(r"```neuroscript\n(.*?)```", page, re.DOTALL)]


KEPT = frozenset(lexer.KEYWORDS[word] for word in SOFT_WORDS)
MARKS = frozenset(lexer.PUNCTUATION.values())


def untidy(text: str, random: Random) -> str:
    """The program with other blanks between its tokens, other indentation and more empty lines."""
    made = []
    before = lexer.NEWLINE
    for code, blanks, token in lexer.pieces(text):
        is_optional = (before in MARKS or code in MARKS) and lexer.NUMBER not in (before, code) and not blanks
        if before not in KEPT and code != lexer.METADATA:
            blanks = random.choice(["", " ", "\t "]) if is_optional else blanks and random.choice([" ", "\t", "    "])
        is_end = code == lexer.NEWLINE and not token.startswith(("#", "--", "//"))
        made += [blanks, token, "\n \n" * random.randint(0, 2) if is_end else ""]
        before = code
    return "".join(made)


def words(text: str) -> list[str]:
    """The lines that are not empty."""
    return [line for line in text.split("\n") if line.strip()]


def test_every_program_is_laid_out_without_a_change_of_meaning() -> None:
    count = 0
    for text in programs():
        try:
            made = format_source(text)  # which compares the tokens and the comments
        except NeuroScriptSyntaxError:
            continue
        count += 1
        assert format_source(made) == made
    assert count > 100


@pytest.mark.parametrize("seed", range(30))
def test_one_program_has_one_layout(seed: int) -> None:
    random = Random(seed)
    for text in (make_case(random).source, make_trial(random).source, random.choice(programs())):
        try:
            made = format_source(text)
        except NeuroScriptSyntaxError:
            continue
        assert format_source(made) == made
        other = format_source(untidy(made, random))
        assert words(other) == words(made)
        assert format_source(other) == other
