"""How the command starts: programs that are compiled already, and what a start imports."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from neuroscript import loading as loading_module
from neuroscript.cache import disk
from neuroscript.cache.memory import Cache
from neuroscript.compiler import build as build_module
from tests.cli.conftest import Command

TIMEOUT = 30

PROGRAMS = {
    "an operation": """\
func main() means
  set x = [1, {"k": 2}]
  emit "before"
  return 1 + inner(x)
endfunc
func inner(needs x) means
  return x - "y"
endfunc
""",
    "a tool": """\
func main() means
  emit tool.str.ToUpper("x")
  set y = tool.list.Get([1], 7)
  emit tool.str.Repeat("x", -1)
endfunc
""",
    "an unknown tool": """\
func main() means
  call tool.str.Nothing(1)
endfunc
""",
    "a name": """\
func main() means
  set total = 1
  if total == 2
    set other = 1
  endif
  emit other
endfunc
""",
    "must": """\
func main() means
  must len("ab") == 3
endfunc
""",
    "a handler": """\
func main() means
  on error do
    emit system_error
    fail "again: " + system_error_message
  endon
  emit 1 / 0
endfunc
""",
    "a recursion": """\
func main(optional n) means
  return main(n)
endfunc
""",
    "a command block": """\
command
  emit 1
endcommand
command

  emit nil / 2
endcommand
""",
    "an event handler": """\
on event "go" as e do
  emit e.payload / 0
endon
func main() means
  emit "done"
endfunc
""",
    "an event's name": """\
on event 1 + nil do
  emit "x"
endon
func main() means
endfunc
""",
    "characters": """\
func main() means
  set e = "ü"
  emit "→ " + e + ("𝄞" - 1)
endfunc
""",
    "syntax": """\
func main() means
  emit 1 +
endfunc
""",
}


@pytest.fixture
def caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Lets the command use a cache of the test's own."""
    monkeypatch.delenv(disk.SWITCH, raising=False)
    for name in ("XDG_CACHE_HOME", "HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.mark.parametrize("format_name", ["text", "jsonl"])
@pytest.mark.parametrize("program", PROGRAMS)
def test_errors_look_the_same(
    neuroscript: Command,
    script: Callable[..., str],
    caches: Path,
    monkeypatch: pytest.MonkeyPatch,
    program: str,
    format_name: str,
) -> None:
    path = script(PROGRAMS[program])
    compiled: list[str] = []
    front_end = build_module.front_end

    def counted(*args: Any) -> Any:
        compiled.append(args[1])
        return front_end(*args)

    monkeypatch.setattr(build_module, "front_end", counted)
    outcomes = []
    for _ in range(3):
        monkeypatch.setattr(loading_module, "_CACHE", Cache())
        outcomes.append(neuroscript("run", "--format", format_name, "--event", 'go="x"', path))
    assert outcomes[0] == outcomes[1] == outcomes[2]
    assert len(compiled) == (3 if program == "syntax" else 1)
    if format_name == "text" and program == "an operation":
        assert outcomes[0].err == (
            "program.ns:7:12: error 7 (TYPE): '-' takes two numbers, not a list and string \"y\"\n"
            '  7 |   return x - "y"\n    |            ^\n'
            "  in inner (program.ns:7:12)\n  in main (program.ns:4:14)\n"
        )


def probe(code: str, caches: Path, tmp_path: Path) -> list[str]:
    """The lines that Python code prints in a process of its own."""
    (tmp_path / "hello.ns").write_text('func main() means\n  emit "hello"\nendfunc\n')
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=TIMEOUT, check=True
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


RUN = """
import sys
from neuroscript.cli import main
status = main(["run", "hello.ns"])
print(status, *sys.modules)
"""
SLOW = {
    "ast", "asyncio", "dataclasses", "decimal", "difflib", "fractions", "inspect", "json", "logging", "pathlib",
    "shutil", "tempfile", "traceback", "typing", "uuid",
    "lark", "pydantic", "httpx", "anyio", "rich", "prompt_toolkit", "platformdirs", "re2", "filelock", "ai_wm",
    "tomllib",
}  # fmt: skip


def test_a_program_that_is_compiled_needs_no_compiler(caches: Path, tmp_path: Path) -> None:
    hello, first = probe(RUN, caches, tmp_path)
    assert hello == "hello"
    assert {"neuroscript.syntax.parser", "neuroscript.compiler.codegen.generate"} <= set(first.split())
    hello, again = probe(RUN, caches, tmp_path)
    assert hello == "hello"
    modules = set(again.split())
    assert "0" in modules
    assert not modules & SLOW
    for part in (
        "neuroscript.compiler",
        "neuroscript.syntax",
        "neuroscript.session",
        "neuroscript.uses",
        "neuroscript.sandbox",
        "neuroscript.tools.validation",
        "neuroscript.stdlib.",
        "neuroscript.cli.settings",
        "neuroscript.cli.configuration",
    ):
        assert not [name for name in modules if name.startswith(part)]


def test_a_program_and_what_it_uses_need_no_compiler(caches: Path, tmp_path: Path) -> None:
    (tmp_path / "lib.ns").write_text('func hello(returns r) means\n  return "hello"\nendfunc\n')
    run = RUN.replace("hello.ns", "--no-plugins", 1).replace('"--no-plugins"', '"--no-plugins", "main.ns"')
    (tmp_path / "main.ns").write_text(":: uses: lib.ns\nfunc main() means\n  emit hello()\nendfunc\n")
    hello, first = probe(run, caches, tmp_path)
    assert hello == "hello"
    assert "neuroscript.syntax.parser" in first.split()
    hello, again = probe(run, caches, tmp_path)
    assert hello == "hello"
    modules = set(again.split())
    assert {"0", "neuroscript.uses"} <= modules
    assert not modules & SLOW
    assert not [name for name in modules if name.startswith(("neuroscript.syntax", "neuroscript.compiler"))]
    (tmp_path / "lib.ns").write_text('func hello(returns r) means\n  return "changed"\nendfunc\n')
    assert probe(run, caches, tmp_path)[0] == "changed"


def test_an_import_needs_little_of_python(caches: Path, tmp_path: Path) -> None:
    code = "import sys, neuroscript; neuroscript.Interpreter(); print(*sys.modules)"
    [line] = probe(code, caches, tmp_path)
    assert not set(line.split()) & (SLOW | {"argparse", "contextlib", "hashlib", "re", "signal"})


def test_the_command_without_a_home_runs(tmp_path: Path) -> None:
    (tmp_path / "hello.ns").write_text('func main() means\n  emit "hello"\nendfunc\n')
    environment = {name: value for name, value in os.environ.items() if name not in ("HOME", disk.SWITCH)}
    for cache in ({"XDG_CACHE_HOME": "relative"}, {"XDG_CACHE_HOME": os.devnull}, {"XDG_CACHE_HOME": "/nowhere\udcff"}):
        done = subprocess.run(
            [sys.executable, "-m", "neuroscript", "run", "hello.ns"],
            cwd=tmp_path,
            env=environment | cache,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "hello\n", "")
    assert [path.name for path in tmp_path.iterdir()] == ["hello.ns"]


def test_a_host_s_garbage_collector_is_left_alone(
    neuroscript: Command, script: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("set_threshold", "freeze"):
        monkeypatch.setattr(gc, name, lambda *_: pytest.fail("the collector is the host's"))
    assert neuroscript("run", script("func main() means\nendfunc\n")).status == 0
