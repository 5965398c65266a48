"""Writes `_tables.py`, the parser's tables, from `grammars/neuroscript.lark`.

    python -m neuroscript.syntax.generate            write the module
    python -m neuroscript.syntax.generate --check    exit 1 if the module is not what the grammar gives

Lark reads the grammar and computes the LALR(1) tables; this module numbers them in a fixed order, so that one grammar
gives one text whatever the hash seed.  It is the only code that imports Lark.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from lark import Lark, Token
from lark.common import ParserConf
from lark.grammar import NonTerminal, Rule
from lark.lexer import PatternStr
from lark.parsers.lalr_analysis import LALR_Analyzer, Shift

END = "$END"
TABLES = Path(__file__).with_name("_tables.py")
_HEADER = '''"""The parser's tables: `python -m neuroscript.syntax.generate` makes them of grammars/neuroscript.lark."""

# fmt: off
# ruff: noqa: E501

'''


def grammar_path() -> Path:
    """Where the grammar is: beside the package's folder in a checkout, inside the package in an installation."""
    checkout = Path(__file__).parents[2] / "grammars" / "neuroscript.lark"
    return checkout if checkout.exists() else Path(__file__).with_name("neuroscript.lark")


def build_lark() -> Lark:
    """Lark's own parser for the grammar.

    Raises:
        lark.exceptions.GrammarError: if the grammar is not LALR(1), also where Lark would resolve a shift/reduce
            conflict by shifting.
    """
    return lark_of(grammar_path().read_text(encoding="utf-8"))


def lark_of(source: str) -> Lark:
    """Lark's parser for a grammar's text, which must be LALR(1)."""
    lark = Lark(source, parser="lalr", start="program", maybe_placeholders=False)
    # Lark's own strict mode would also compare the terminals, for which it needs another library.
    analyzer: Any = LALR_Analyzer(ParserConf(lark.rules, {}, ["program"]), strict=True)
    analyzer.compute_lalr()
    return lark


def generate() -> str:
    """The text of the module of tables."""
    lark = build_lark()
    names, texts, patterns = _terminals(lark)
    codes = {name: code for code, name in enumerate(names)}
    rules = sorted(lark.rules, key=_rule_key)
    numbers = {rule: number for number, rule in enumerate(rules)}
    nonterminals = sorted({str(rule.origin.name) for rule in rules}, key=_natural)
    table = lark.parser.parser._parse_table
    order = _numbered_states(table)
    (end_state,) = table.end_states.values()
    actions, gotos = [], []
    for state in order:
        row, goto = {}, {}
        for symbol, (kind, target) in table.states[state].items():
            if symbol not in codes:
                goto[nonterminals.index(symbol)] = order[target]
            else:
                row[codes[symbol]] = order[target] if kind is Shift else -1 - numbers[target]
        if state == end_state:
            row[codes[END]] = 0
        actions.append(row)
        gotos.append(goto)
    row_texts, row_numbers = _distinct(actions)
    goto_texts, goto_numbers = _distinct(gotos)
    fixed = {
        word: [(texts[n], codes[n]) for n in names if n in texts and texts[n][0].isalpha() is word]
        for word in (True, False)
    }
    return _HEADER + "\n".join(
        [
            "# The terminals; a terminal's code is its place here.",
            _tuple("TERMINALS", [repr(name) for name in names]),
            "# How the keywords and the punctuation are written, and their codes.",
            _mapping("KEYWORDS", fixed[True]),
            _mapping("PUNCTUATION", fixed[False]),
            "# The regular expressions of the other terminals.",
            _mapping("PATTERNS", sorted(patterns.items())),
            "# The nonterminals; a rule is (nonterminal, number of symbols, method that builds its node).",
            _tuple("NONTERMINALS", [repr(name) for name in nonterminals]),
            _tuple("RULES", [repr(_rule_row(rule, nonterminals)) for rule in rules]),
            "# Distinct rows of the tables, as code, value, code, value …; a state's row is ROWS[STATE_ROWS[state]].",
            "# A value above 0 is the state to go to, 0 accepts, and -1 - n reduces by RULES[n].",
            _tuple("ROWS", row_texts),
            _tuple("STATE_ROWS", [str(number) for number in row_numbers]),
            _tuple("GOTOS", goto_texts),
            _tuple("STATE_GOTOS", [str(number) for number in goto_numbers]).rstrip("\n") + "\n",
        ]
    )


def _terminals(lark: Lark) -> tuple[list[str], dict[str, str], dict[str, str]]:
    """The terminals' names in the order of their codes, the texts of the fixed ones, the patterns of the others."""
    ignored = set(lark.ignore_tokens)
    texts, patterns = {}, {}
    # The terminals that no rule uses, which Lark drops from its tables, are reserved words: the lexer needs them too.
    for terminal in lark.terminals:
        if isinstance(terminal.pattern, PatternStr):
            texts[str(terminal.name)] = terminal.pattern.value
        else:
            patterns[str(terminal.name)] = terminal.pattern.to_regexp()
    for name, (tree, _) in lark.grammar.term_defs:
        if name not in texts and name not in patterns:
            (literal,) = tree.scan_values(lambda token: isinstance(token, Token) and token.type == "STRING")
            texts[str(name)] = literal.strip('"')
    named = sorted(name for name in patterns if name not in ignored)
    keywords = sorted(name for name, text in texts.items() if text[0].isalpha())
    punctuation = sorted(name for name, text in texts.items() if not text[0].isalpha())
    return [END, *named, *punctuation, *keywords], texts, patterns


def _natural(name: str) -> tuple[Any, ...]:
    """A sort key that puts ``star_9`` before ``star_10``."""
    return tuple(int(part) if part.isdigit() else part for part in re.split(r"([0-9]+)", name))


def _rule_key(rule: Rule) -> tuple[Any, ...]:
    return _natural(rule.origin.name), rule.order, tuple(symbol.name for symbol in rule.expansion)


def _rule_row(rule: Rule, nonterminals: list[str]) -> tuple[int, int, str]:
    """One rule for the driver.

    The name is empty where the value is that of the only symbol; ``+`` makes a list of the symbols' values, and ``++``
    extends the list that the first symbol is: these are the helpers that Lark makes of ``*`` and ``+``.
    """
    origin, size = rule.origin.name, len(rule.expansion)
    if origin.startswith("__"):
        repeated = isinstance(rule.expansion[0], NonTerminal) and rule.expansion[0].name == origin
        method = "++" if repeated else "+"
    elif rule.alias:
        method = str(rule.alias)
    elif size == 1 and (rule.options.expand1 or origin.startswith("_")):
        method = ""
    else:
        method = str(origin).lstrip("_")
    return nonterminals.index(origin), size, method


def _numbered_states(table: Any) -> dict[int, int]:
    """New numbers for Lark's states, breadth first from the start over symbols in alphabetical order."""
    (start,) = table.start_states.values()
    order = {start: 0}
    queue = [start]
    for state in queue:
        for _, (kind, target) in sorted(table.states[state].items(), key=lambda item: item[0]):
            if kind is Shift and target not in order:
                order[target] = len(order)
                queue.append(target)
    return order


def _distinct(rows: list[dict[int, int]]) -> tuple[list[str], list[int]]:
    """The distinct rows as texts, and for each row the place of its text."""
    texts: dict[str, int] = {}
    places = []
    for row in rows:
        flat = [number for code in sorted(row) for number in (code, row[code])]
        places.append(texts.setdefault(repr(tuple(flat)).replace(" ", ""), len(texts)))
    return list(texts), places


def _tuple(name: str, items: list[str]) -> str:
    """A tuple, filled up to the width of a line."""
    lines, line = [], " "
    for item in items:
        if len(line) + len(item) > 118 and line.strip():
            lines.append(line)
            line = " "
        line += f" {item},"
    return f"{name} = (\n" + "\n".join([*lines, line]).rstrip() + "\n)\n"


def _mapping(name: str, entries: list[tuple[str, Any]]) -> str:
    return f"{name} = {{\n" + "".join(f"    {key!r}: {value!r},\n" for key, value in entries) + "}\n"


def main(arguments: list[str]) -> int:
    """Writes the module, or with ``--check`` compares it; returns the exit status."""
    text = generate()
    if "--check" in arguments:
        if TABLES.read_text(encoding="utf-8") == text:
            return 0
        print(f"{TABLES.name} is not what the grammar gives: run `python -m neuroscript.syntax.generate`")
        return 1
    TABLES.write_text(text, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
