"""Programs made at random in several files, whose names mean what they mean when the call is made."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from random import Random

from .programs import NAME, Case, make_case

# Procedures that take the place of built-ins and type constants, or have the names of variables.
_SHADOWS = ("is_string", "is_list", "not_empty", "is_int", "TYPE_STRING", "TYPE_NIL")
_SHADOWS += ("xs", "s", "v", "count", "print", "ghost", "nobody", "m", "x", "late1", "late2", "f")
_LOOKS = (
    "emit [is_string(5), typeof is_string, is_string]",
    "emit [typeof ghost, typeof late1, typeof TYPE_STRING]",
    "emit late1(1)",
    "emit late2(q: [1])",
    "emit late2(1, 2)",
    "emit [is_list([]), not_empty(1), typeof xs == TYPE_STRING]",
    "emit [last, is_int(1), last]",
    "call is_string(1)",
    "emit [late1, typeof late1, last]",
    'emit tool.list.Map([1, "a"], is_string)',
    "emit tool.list.Map([1], late1)",
    "if is_list(late1) and not is_string(late2)\n    emit TYPE_NIL\n  endif",
    "emit ```{{ghost}} {{count}}```",
    "if late1(0)\n    set late2 = 1\n  endif\n  emit late2",
)
_DEFINITION = re.compile(r"(?ms)^(?:func|on event) .*?^(?:endfunc|endon|endevent)\n")
_PLACE = re.compile(r"(?m)^  (?=(?:set|emit|call) )")


def make_files(random: Random) -> Case:
    """A program in several files, some of which it loads itself while it runs."""
    case = make_case(random)
    while case.entry is None or "\r" in case.source:
        case = make_case(random)
    definitions = _DEFINITION.findall(case.source)
    main, others = definitions[-1], definitions[:-1]
    own = random.sample(_SHADOWS, random.randint(1, 5))
    others += [_shadow(random, name) for name in own]
    files: list[list[str]] = [[], [], []]
    scripts: list[list[str]] = [[], []]
    for definition in others:
        groups = files if definition.startswith("on") or random.random() < 0.5 else scripts
        groups[random.randrange(len(groups))].append(_with_looks(random, definition, 1))
    main = _with_looks(random, main, random.randint(3, 8))
    texts = ["\n".join(definitions) for definitions in files]
    random.shuffle(texts)
    cut = random.randint(0, len(texts))
    return replace(
        case,
        source=main,
        before=tuple(texts[:cut]),
        after=tuple(texts[cut:]),
        scripts=tuple("\n".join(definitions) for definitions in scripts),
    )


def make_used(random: Random, folder: Path) -> Case:
    """A program in several files of a folder, ``case.ns`` and those that it uses, each some of those before it."""
    case = make_files(random)
    definitions = [_DEFINITION.findall(text) for text in (*case.before, *case.after)]
    texts = ["".join(found) for found in definitions] + [text.replace("\r", "") for text in case.scripts]
    names = [f"{random.choice(('', 'lib/', 'lib/deep/'))}part{number}.ns" for number in range(len(texts))]
    left = set(range(len(texts)))
    for number, text in enumerate([*texts, case.source]):
        last = number == len(texts)
        used = set(random.sample(range(number), random.randint(0, min(number, 3))))
        path = folder / (NAME if last else names[number])
        path.parent.mkdir(parents=True, exist_ok=True)
        entries = [_spelt(random, names[one], path.parent, folder) for one in (left - {number} if last else used)]
        random.shuffle(entries)
        path.write_text(_with_uses(random, entries) + text, encoding="utf-8")
        left -= used
    return replace(case, before=(), after=(), folder=folder)


def _spelt(random: Random, name: str, place: Path, folder: Path) -> str:
    """A path from one directory to a file, in one of the ways to write it."""
    path = os.path.relpath(folder / name, place)
    return random.choice((path, f"./{path}", f"{os.path.relpath(folder, place)}/{name}"))


def _with_uses(random: Random, entries: list[str]) -> str:
    """Metadata that names files, on one line or several, some of them twice."""
    lines = [":: title: a part", ":: uses: nothing in particular"]
    while entries:
        count = random.randint(1, len(entries))
        taken, entries = entries[:count], entries[count:]
        if random.random() < 0.3:
            taken.append(taken[0])
        lines.append(f":: uses: {random.choice((',', ', ', ' ,, ')).join(taken)}")
    return "\n".join(lines) + "\n\n"


def _shadow(random: Random, name: str) -> str:
    params = random.choice(("needs q", "optional q", "needs q optional r"))
    result = random.choice(("q", "[q]", "1", "last"))
    return f'func {name}({params}) means\n  emit ["{name}", q]\n  return {result}\nendfunc\n'


def _with_looks(random: Random, text: str, count: int) -> str:
    """A definition with statements in it that read such names, and load what defines them."""
    for _ in range(count):
        # Not in a string of several lines, after which the line would not be a statement.
        places = [match.start() for match in _PLACE.finditer(text) if text[: match.start()].count("```") % 2 == 0]
        places = [place for place in places if text[:place].count("'''") % 2 == 0]
        if not places or text.startswith("on"):
            break
        line = random.choice(_LOOKS)
        if random.random() < 0.35:
            line = f'call tool.script.LoadScript(g_scripts[{random.randrange(2)}], "loaded.ns")'
            if random.random() < 0.3:
                look = random.choice([one for one in _LOOKS if "\n" not in one])
                line = f"for each turn in [0, 1]\n    {look}\n    if turn == 0\n      {line}\n    endif\n  endfor"
        place = random.choice(places)
        text = f"{text[:place]}  {line}\n{text[place:]}"
    return text
