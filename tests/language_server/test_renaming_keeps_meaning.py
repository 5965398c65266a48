"""A program does the same whatever its variables, parameters and procedures are called."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from neuroscript import Interpreter, NeuroScriptError
from neuroscript.language_server import navigation
from neuroscript.language_server.document import Document
from neuroscript.language_server.names import Kind, Occurrence, is_local
from neuroscript.language_server.project import Project

CASES = Path(__file__).parents[1] / "conformance" / "cases"
OTHER = "another_name"
# Emits how long a message is that tells a variable's name; shuffles; looks at the clock.
NOT_ALIKE = ("24-template-mail", "rand", "now(", "sleep", "uuid", "shuffle")


def programs() -> list[Path]:
    found = sorted(CASES.rglob("*.ns"))
    return sorted(Random(16).sample(found, 60))


def outcome(source: str) -> str:
    """What a program emits and gives, or the error with which it ends."""
    shown: list[object] = []
    with Interpreter(plugins=False, emit=shown.append, on_error=lambda *told: None) as interpreter:
        try:
            names = interpreter.load(source, "x.ns")
            if interpreter.has_commands:
                interpreter.run_commands()
            elif "main" in names:
                shown.append(interpreter.run("main"))
        except NeuroScriptError as error:
            shown.append((int(error.code), error.line))
    return repr(shown)


def renamed(project: Project, document: Document, name: Occurrence) -> str | None:
    try:
        edit = navigation.rename(project, document, document.text.position(name.start), OTHER)
    except navigation.CannotRename:
        return None
    ((_, edits),) = (edit.changes or {}).items()
    text = document.content
    for one in sorted(edits, key=lambda each: document.text.offset(each.range.start), reverse=True):
        start, end = document.text.offset(one.range.start), document.text.offset(one.range.end)
        text = text[:start] + one.new_text + text[end:]
    return text


@pytest.mark.parametrize("path", programs(), ids=lambda path: path.stem)
def test_each_name_can_be_another_one(path: Path) -> None:
    source = path.read_bytes().decode("utf-8", "replace")
    if any(word in f"{path.stem} {source}".lower() for word in NOT_ALIKE):
        return
    with Interpreter(plugins=False) as interpreter:
        project = Project(lambda path: interpreter)
        document = project.put("untitled:one", source, 1)
        seen = {("main", 0)}
        for name in document.names:
            key = name.name, id(name.body) if is_local(name) else 0
            if key in seen or name.kind in (Kind.TOOL, Kind.ARGUMENT):
                continue
            seen.add(key)
            text = renamed(project, document, name)
            if text is not None:
                assert outcome(text).replace(OTHER, name.name) == outcome(source), name.name
