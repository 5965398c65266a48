"""The page of the cookbook: each program of ``examples/cookbook`` with what it emits when it is run."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from pathlib import Path

from generators import NOTE
from neuroscript import Interpreter
from neuroscript.values import text_of

PROGRAMS = Path(__file__).parent.parent.parent / "examples" / "cookbook"
GROUPS = ("Data", "Errors", "Models", "Several workers", "Limits and money", "Events")


def cookbook_page() -> str:
    """A section for each program, by group."""
    groups: dict[str, list[str]] = defaultdict(list)
    for path in sorted(PROGRAMS.glob("*.ns")):
        facts, code = taken_apart(path.read_text(encoding="utf-8"))
        more = f" It needs `pip install 'neuroscript[{facts['extra']}]'`." if "extra" in facts else ""
        groups[facts["group"]].append(
            f"### {facts['title']}\n\n{facts['description']}{more}\n\n```neuroscript\n{code}\n```\n\n"
            f"`examples/cookbook/{path.name}` emits\n\n```text\n{emitted(path)}\n```\n"
        )
    assert set(groups) <= set(GROUPS), f"add the group to {__name__}.GROUPS"
    return "\n".join(
        [
            NOTE,
            "# Cookbook\n",
            "Programs to begin from. All of them run as they are, since their workers are the built-in models `echo`",
            "and `scripted`, which need no key and no network: exchange provider, model and key source, and they",
            "ask real ones.\n",
            "```sh\nneuroscript run --sandbox data examples/cookbook/vote.ns\n```\n",
            *(f"## {group}\n\n" + "\n".join(groups[group]) for group in GROUPS),
        ]
    )


def taken_apart(text: str) -> tuple[dict[str, str], str]:
    """A program's metadata (title, description, group and, if it needs one, extra), and the rest of it."""
    head, _, code = text.partition("\n\n")
    facts = dict(line.removeprefix(":: ").split(": ", 1) for line in head.splitlines())
    return facts, code.rstrip()


def emitted(path: Path) -> str:
    """What the program emits, in an empty sandbox."""
    shown: list[str] = []
    with (
        tempfile.TemporaryDirectory() as sandbox,
        Interpreter(sandbox=sandbox, emit=lambda value: shown.append(text_of(value))) as interpreter,
    ):
        interpreter.load_file(path)
        interpreter.run("main")
    return "\n".join(shown).rstrip("\n")
