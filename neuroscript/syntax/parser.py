"""Tokens → syntax tree: a driver for the LALR tables.

The tables come ready made (`tables`), so nothing of Lark is imported.  Two things make the loop short.  Rules that
only pass a value on, of which an operand of a sum goes through a dozen, are followed once for each (state, nonterminal,
token) and then remembered.  And nothing is checked on the way: a token that does not fit is a missing key, upon which
the program is read once more by `diagnostics`, which explains.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from neuroscript.errors import ErrorCode, NeuroScriptSyntaxError
from neuroscript.limits import Limits
from neuroscript.syntax.builder import Builder, Finding, Method
from neuroscript.syntax.lexer import Positions, Tokens, first_beyond, tokenize
from neuroscript.syntax.nesting import first_too_deep
from neuroscript.syntax.nodes import Program
from neuroscript.syntax.source import decode, refused
from neuroscript.syntax.tables import ACTIONS, RULES, landing

_DEFAULT_LIMITS = Limits()

_TOKEN_BITS = 8

# For each state, by nonterminal and token, the state after the nonterminal and the rules that only pass it on.
_landings: list[dict[int, int]] = [{} for _ in ACTIONS]
_MOST_TOKENS = 400_000  # of a megabyte of program text as people and models write it there are about 250,000


def parse(source: str | bytes, name: str = "<script>", limits: Limits = _DEFAULT_LIMITS) -> Program:
    """The syntax tree of a program.

    Args:
        source: the program's text; bytes are UTF-8.
        name: of the file, for messages and tracebacks.
        limits: of which ``max_source`` (bytes) and ``max_nesting`` (blocks and brackets inside one another) count here.

    Raises:
        NeuroScriptSyntaxError: with every finding in ``diagnostics``: 15 for what is not the language, 41 for a number
            out of range, 37 and 38 for a program too large or nested too deeply.
    """
    text = decode(source, name, limits.max_source)
    beyond = first_beyond(text, _MOST_TOKENS) if limits.max_source is not None else None
    if beyond is not None:
        message = f"the program has more than {_MOST_TOKENS:,} words and signs; load it in parts"
        raise refused(name, text, beyond, ErrorCode.RESOURCE_EXHAUSTION, message)
    tokens = tokenize(text)
    findings: list[Finding] = []
    deep = first_too_deep(tokens, limits.max_nesting)
    if deep is None:
        builder = Builder(tokens, Positions(tokens), name)
        tokens.starts = tokens.ends = ()  # of no use any more, and the tree is going to take all the room
        program = program_of(tokens, builder)
        findings = builder.findings
        if program is not None and not findings:
            return program
    from neuroscript.syntax.errors.diagnostics import explain

    raise NeuroScriptSyntaxError(explain(tokenize(text), findings, deep, name, limits))


def program_of(tokens: Tokens, builder: Builder) -> Program | None:
    """The program that tokens make, None where one does not fit; the builder's findings may refuse it."""
    with no_collection():
        return _run(tokens, builder)


@contextmanager
def no_collection() -> Iterator[None]:
    """Holds the garbage collector off: a tree is all new objects and no garbage.

    It would run over the growing tree again and again: 1.15 s instead of 0.75 for a program of a megabyte.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _run(tokens: Tokens, builder: Builder) -> Program | None:
    """The program, or None where a token does not fit."""
    codes, actions, landings = tokens.codes, ACTIONS, _landings
    rules: list[tuple[int, int, Method | None, bool]] = [
        (size, nonterminal << _TOKEN_BITS, getattr(builder, method, None), method == "++")
        for nonterminal, size, method in RULES
    ]
    rules.reverse()
    states = [0]
    values: list[Any] = [None]
    firsts = [0]
    state = place = 0
    code = codes[0]
    try:
        while True:
            action = actions[state][code]
            if action > 0:
                states.append(action)
                values.append(place)
                firsts.append(place)
                state = action
                place += 1
                code = codes[place]
                continue
            if action == 0:
                program: Program = values[-1]
                return program
            # What the rule makes takes the place of the first thing that it is made of, on all stacks.
            size, nonterminal, method, extends = rules[action]
            taken = values[-size:] if size else []
            if size > 1:
                rest = 1 - size
                del states[rest:], values[rest:], firsts[rest:]
            elif not size:
                states.append(0)
                values.append(None)
                firsts.append(place)
            if method is not None:
                value = method(taken, firsts[-1], place)
            elif extends:
                value = taken[0]
                value += taken[1:]
            else:
                value = taken
            values[-1] = value
            before = states[-2]
            key = nonterminal | code
            target = landings[before].get(key)
            if target is None:
                target = landings[before][key] = landing(before, nonterminal >> _TOKEN_BITS, code)
            states[-1] = state = target
    except KeyError:
        if code in actions[state]:
            raise  # not the table's
        return None
