"""Every code block of the README and the docs runs, and the generated pages are up to date."""

from __future__ import annotations

import functools
import importlib.util
import inspect
import io
import json
import re
import shlex
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from neuroscript import ErrorCode, Interpreter, Limits, NeuroScriptError
from neuroscript.cli import app
from neuroscript.cli import main as command_line
from neuroscript.values import text_of
from tests.notebook.conftest import notebook as notebook

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(\w*)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#:]+)(#[^)]*)?\)")
NOT_RUN = {"sh", "text", "pyi", ""}


def blocks(page: Path) -> list[tuple[str, str, str, int]]:
    text = page.read_text(encoding="utf-8")
    return [(m.group(1), m.group(2), m.group(3), text.count("\n", 0, m.start()) + 2) for m in FENCE.finditer(text)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_code_blocks_run(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, request: pytest.FixtureRequest
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))  # that of a reader who types nothing
    names: dict[str, Any] = {"__name__": "docs"}
    program = shown = ""
    for language, info, code, line in blocks(page):
        title = re.search(r'title="([\w./-]+)"', info)
        match language:
            case "python":
                # As it runs in a file of the reader's, without the annotations as strings that this file has.
                exec(compile("\n" * (line - 1) + code, str(page), "exec", dont_inherit=True), names)
            case "neuroscript" if failure := re.search(r'title="error (\d+)"', info):
                fails_with(int(failure.group(1)), code, tmp_path)
            case "neuroscript" | "text" if title:  # a file of several, which a command runs or a program reads
                file = tmp_path / title.group(1)
                file.parent.mkdir(exist_ok=True)
                file.write_text(code, encoding="utf-8")
            case "neuroscript":
                program = code
                run_script(code)
            case "console":
                (tmp_path / "topic.ns").write_text(program, encoding="utf-8")
                run_console(code, capsys)
            case "ipython":
                cell = request.getfixturevalue("notebook").attempt(code.rstrip())
                shown = cell.printed + "\n".join(value["text/plain"] for value in cell.shown)
            case "output":  # of the cell before
                assert shown.rstrip() == code.rstrip(), f"{page.name}:{line}"
            case "json":
                json.loads(code)
            case "toml":
                tomllib.loads(code)
            case _:
                assert language in NOT_RUN, f"{page.name}:{line}: a block of {language!r} is not run by this test"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_have_the_options_that_they_are_shown_with(page: Path) -> None:
    for language, _, code, line in blocks(page):
        for words in commands_of(code) if language == "sh" else []:
            assert parses(words[1:]), f"{page.name}:{line}: {' '.join(words)}"


def parses(words: list[str]) -> bool:
    """Whether a command takes the arguments that follow it."""
    try:
        app.make_parser(words[0], app.find(words[0])).parse_args(words[1:])
    except SystemExit as exit_:
        return exit_.code == 0
    return True


def commands_of(code: str) -> Iterator[list[str]]:
    """The calls of ``neuroscript`` in a block for a shell, without what is not theirs."""
    for line in code.splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|<>;&()")
        lexer.wordchars += "…*:=,@%+[]{}^"
        words = list(lexer)
        while "neuroscript" in words:
            words = words[words.index("neuroscript") :]
            end = next((n for n, word in enumerate(words) if re.fullmatch(r"[|<>;&()]+", word)), len(words))
            if len(words[:end]) > 1:
                yield words[:end]
            words = words[end:]


def run_script(code: str) -> None:
    """Loads a program, or runs statements, whose emits are written beside them."""
    shown: list[str] = []
    whole = re.match(r"\s*(func|command|on\s+event|::)", code)
    with Interpreter(emit=lambda value: shown.append(text_of(value))) as interpreter:
        if whole:
            interpreter.load(code)
            if interpreter.has_commands:
                interpreter.run_commands()
            elif "# => " in code:
                interpreter.run("main")
        else:
            interpreter.execute(f"command\n{code}\nendcommand")
    wanted = [part for text in re.findall(r"# => (.*)$", code, re.MULTILINE) for part in text.split(" | ")]
    if wanted:
        assert shown == wanted


def run_whole(interpreter: Interpreter, code: str) -> None:
    interpreter.load(code)
    if interpreter.has_commands:
        interpreter.run_commands()
    else:
        interpreter.run("main")


def fails_with(number: int, code: str, directory: Path) -> None:
    """Runs a program, or its procedure ``main``, which must end with that error."""
    sandbox = directory / f"error-{number}"
    sandbox.mkdir()
    with Interpreter(sandbox=sandbox) as interpreter, pytest.raises(NeuroScriptError) as caught:
        run_whole(interpreter, code)
    assert caught.value.code == number


def run_console(code: str, capsys: Any) -> None:
    """Runs each ``$ neuroscript …`` line and compares what it prints with the lines below it."""
    for command in re.split(r"^\$ ", code, flags=re.MULTILINE)[1:]:
        line, _, expected = command.partition("\n")
        words = shlex.split(line)
        assert words[0] == "neuroscript"
        capsys.readouterr()
        command_line(words[1:])
        printed = capsys.readouterr()
        assert (printed.out + printed.err).rstrip() == expected.rstrip()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target, place in LINK.findall(text):
        assert (page.parent / target).exists(), target
        if place and target.endswith(".md"):
            assert place[1:] in headings(page.parent / target), f"{target}{place}"
    for place in re.findall(r"\]\(#([^)]*)\)", text):
        assert place in headings(page), place


@functools.cache
def headings(page: Path) -> set[str]:
    """The places in a page that a link can lead to, by the names that code hosts and the site give them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.replace("\\_", "_").lower()).replace(" ", "-") for title in titles}


def test_generated_pages_are_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name, text in module.pages().items():
        assert (ROOT / "docs" / name).read_text(encoding="utf-8") == text, f"docs/{name} is stale: run make docs"


def test_public_names_are_documented() -> None:
    import neuroscript

    assert neuroscript.__all__ == sorted(neuroscript.__all__)
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    for name in neuroscript.__all__:
        assert f"`{name}`" in text, name


def test_each_error_code_has_an_entry_with_an_example() -> None:
    text = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    entries = {
        int(number): (name, body)
        for number, name, body in re.findall(r"^## (\d+) (\w+)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    }
    assert list(entries.items()) == sorted(entries.items())
    assert {number: name for number, (name, _) in entries.items()} == {code.value: code.name for code in ErrorCode}
    for number, (_, body) in entries.items():
        assert f'title="error {number}"' in body or f"error.code == {number}" in body, number
        assert "**What to do.**" in body, number


@pytest.mark.parametrize(
    ("page", "owner"),
    [
        ("ai_wm", "AIWorkerManager"),
        ("ai_wm", "ConversationManager"),
        ("ai_wm", "LLMClient"),
        ("neuroscript", "Interpreter"),
        ("neuroscript", "Session"),
        ("neuroscript", "ToolContext"),
    ],
)
def test_each_public_method_is_in_the_reference(page: str, owner: str) -> None:
    text = (ROOT / "docs" / "reference" / f"{page}.md").read_text(encoding="utf-8")
    for name, member in vars(getattr(importlib.import_module(page), owner)).items():
        if not name.startswith("_") and (inspect.isfunction(member) or isinstance(member, property)):
            assert f"\n### {owner}.{name}\n" in text, name


@pytest.mark.parametrize("page", ["ai_wm", "neuroscript"])
def test_each_public_name_is_in_the_reference(page: str) -> None:
    text = (ROOT / "docs" / "reference" / f"{page}.md").read_text(encoding="utf-8")
    for name in importlib.import_module(page).__all__:
        assert f"\n## {name}\n" in text, name


def test_each_limit_is_in_the_reference_with_its_default() -> None:
    text = (ROOT / "docs" / "reference" / "limits.md").read_text(encoding="utf-8")
    for name in Limits.__annotations__:
        default = getattr(Limits(), name)
        shown = "none" if default is None else f"{int(default):,}"
        assert f"| `{name}` | {shown} |" in text


def test_each_option_of_each_command_is_in_the_reference(capsys: pytest.CaptureFixture[str]) -> None:
    text = (ROOT / "docs" / "reference" / "commands.md").read_text(encoding="utf-8")
    titles = re.findall(r"^#+ neuroscript (.*)$", text, re.MULTILINE)
    assert {*app.BUILT_IN, "workers", "workers add", "keys set", "log export", "ask", "chat"} <= set(titles)
    for title in titles:
        section = re.split(r"\n#+ ", text.split(f"# neuroscript {title}\n", 1)[1], maxsplit=1)[0]
        assert command_line([*title.split(), "--help"]) == 0
        for option in set(re.findall(r"^  (?:-\w, )?(--[\w-]+)", capsys.readouterr().out, re.MULTILINE)) - {"--help"}:
            assert option in section, f"{title} {option}"
