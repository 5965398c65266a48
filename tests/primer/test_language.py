"""What the primer says of the language is so: each sentence of its list is tried out, and nothing is left out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from neuroscript import Interpreter
from neuroscript.primer.language import language_part
from neuroscript.runtime.operators import BUILTINS
from neuroscript.syntax.tables import BUILTIN_WORDS, KEYWORDS, SOFT_WORDS
from neuroscript.values import TYPE_NAMES
from tests.primer.trials import Trial, trials
from tests.test_docs import FENCE, ROOT, run_script

PAGE = language_part(models=True)
PARAGRAPHS = [line for line in PAGE.splitlines() if line.startswith("- ")]
(EXAMPLE,) = [code for _, _, code in FENCE.findall(PAGE)]
TRIALS = trials("language.md")


@pytest.mark.parametrize("trial", TRIALS, ids=str)
def test_what_is_said_is_so(trial: Trial) -> None:
    assert trial.heading in PAGE
    trial.run()


@pytest.mark.parametrize("paragraph", PARAGRAPHS, ids=lambda paragraph: paragraph[2:30])
def test_every_paragraph_is_tried_out(paragraph: str) -> None:
    """Those about words are compared with the tables below."""
    assert any(trial.heading in paragraph for trial in TRIALS)


def test_the_example_runs_without_findings() -> None:
    run_script(EXAMPLE)
    with Interpreter() as interpreter:
        assert interpreter.check(EXAMPLE) == []


def statements() -> list[str]:
    """How each kind of statement begins, by the grammar, such as ``clear event named``."""
    grammar = (ROOT / "grammars" / "neuroscript.lark").read_text(encoding="utf-8")
    rules = dict(re.findall(r"^(\w+): (.*(?:\n +\|.*)*)", grammar, re.MULTILINE))
    found = set()
    for name in re.findall(r"\w+", rules["_statement"]):
        for alternative in rules[name].split("\n"):
            first = alternative.strip(" |").split()[0]
            for form in rules[first].split("\n") if first in rules else [alternative]:
                words = re.match(r'("\w+" ?)*', form.strip(" |"))
                assert words is not None
                found.add(words[0].replace('"', "").strip())
    assert len(found) > 20
    return sorted(found)


@pytest.mark.parametrize("beginning", statements())
def test_every_statement_is_shown_or_quoted(beginning: str) -> None:
    shown = [*EXAMPLE.splitlines(), *re.findall(r"`([^`\n]+)`", PAGE)]
    assert any(re.match(rf"{beginning}\b", piece.strip()) for piece in shown)


def test_every_word_is_there() -> None:
    words = set(re.findall(r"\w+", " ".join(PARAGRAPHS)))
    assert {"len", *BUILTINS} <= words
    assert set(TYPE_NAMES[:7]) <= words
    ends = {word for word in KEYWORDS if word.startswith("end")}
    assert set(KEYWORDS) - ends <= words
    assert words >= BUILTIN_WORDS


def test_reserved_words_are_those_of_the_grammar() -> None:
    listed = re.search(r"Reserved: end… ([\w ]+)\. No names of procedures: ([\w ]+)\.", PAGE)
    assert listed is not None
    ends = {word for word in KEYWORDS if word.startswith("end")}
    assert set(listed[1].split()) == KEYWORDS.keys() - SOFT_WORDS - ends
    assert set(listed[2].split()) == (BUILTIN_WORDS | SOFT_WORDS) - {"len", *BUILTINS}


def test_nothing_is_said_of_models_where_there_are_none() -> None:
    assert "default worker" not in language_part(models=False)
    assert PAGE.startswith(language_part(models=False))


def test_another_file_is_loaded(tmp_path: Path) -> None:
    assert "`:: uses: lib/a.ns` on top loads another file" in PAGE
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "a.ns").write_text("func one means\n  return 1\nendfunc\n", encoding="utf-8")
    (tmp_path / "main.ns").write_text(":: uses: lib/a.ns\nfunc main means\n  return one()\nendfunc\n", encoding="utf-8")
    with Interpreter() as interpreter:
        interpreter.load_file(tmp_path / "main.ns")
        assert interpreter.run("main") == 1
