"""The generated tables and the grammar they come from."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from lark.exceptions import GrammarError

from neuroscript.syntax import _tables, generate, tables
from neuroscript.syntax.builder import Builder

# The language reference, section 1.
KEYWORDS = """
acos and as asin ask atan break call clear clear_error command continue cos do each else emit endcommand
endevent endfor endfunc endif endon endwhile error eval event fail false for func fuzzy if in into last len ln
log means must mustbe named needs nil no not on on_error optional or promptuser return returns set sin some
tan timedate tool true typeof while whisper with
"""


def test_the_tables_are_those_of_the_grammar() -> None:
    assert generate.TABLES.read_text(encoding="utf-8") == generate.generate(), (
        "run `python -m neuroscript.syntax.generate`"
    )


@pytest.mark.parametrize("seed", ["1", "2"])
def test_the_tables_are_the_same_for_any_hash_seed(seed: str) -> None:
    command = [sys.executable, "-m", "neuroscript.syntax.generate", "--check"]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONHASHSEED": seed}, timeout=60)


def test_a_check_of_stale_tables_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stale = tmp_path / "_tables.py"
    stale.write_text("TERMINALS = ()\n")
    monkeypatch.setattr(generate, "TABLES", stale)
    assert generate.main(["--check"]) == 1
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0


def test_the_keywords_are_those_of_the_language() -> None:
    assert sorted(tables.WORDS) == sorted(KEYWORDS.split())
    assert tables.BUILTIN_WORDS.isdisjoint(_tables.KEYWORDS)


def test_the_soft_words_are_those_of_the_grammar() -> None:
    (rule,) = re.findall(r"^soft: (.*)$", generate.grammar_path().read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(tables.SOFT_WORDS) == sorted(re.findall(r'"(\w+)"', rule))


@pytest.mark.parametrize(
    "conflict",
    [
        '!start: "a" start "b" start | "c" | start "d" start',  # which Lark resolves by shifting, silently
        'start: x | y\nx: "a"\ny: "a"',
    ],
)
def test_a_grammar_with_a_conflict_is_refused(conflict: str) -> None:
    with pytest.raises(GrammarError, match=r"conflict|collision"):
        generate.lark_of(conflict.replace("start", "program"))


def test_every_rule_has_its_method() -> None:
    methods = {method for _, _, method in _tables.RULES} - {"", "+", "++"}
    assert [method for method in sorted(methods) if not callable(getattr(Builder, method, None))] == []


def test_codes_fit_into_bytes() -> None:
    assert len(_tables.TERMINALS) + 16 < 256


def test_lark_is_imported_by_nobody_who_parses() -> None:
    script = (
        "import sys\n"
        "from neuroscript.errors import NeuroScriptSyntaxError\n"
        "from neuroscript.syntax.parser import parse\n"
        "parse('func f() means\\nendfunc')\n"
        "assert 'neuroscript.syntax.errors.diagnostics' not in sys.modules\n"
        "try:\n    parse('fucn f()')\nexcept NeuroScriptSyntaxError as error:\n    error.render()\n"
        "else:\n    raise SystemExit('no error')\n"
        "assert 'lark' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
