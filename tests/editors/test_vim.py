"""The files for Vim, in Vim."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TIMEOUT = 60

pytestmark = pytest.mark.skipif(shutil.which("vim") is None, reason="Vim is not here")

PROGRAM = """\
:: uses: lib/text.ns
func greet(needs name) means  -- a note
  on error do
  set error = tool.str.ToUpper("x\\n") ** 2
  emit m.event.if
  if not is_nil(last) and 1.5 > 2
  ask "x" with {"k": nil} into reply
  emit ```Dear {{name}}
  if not a string```
endfunc
"""

GROUPS = [
    (1, "uses", "Key"),
    (1, "lib", "Metadata"),
    (2, "func", "Definition"),
    (2, "greet", "Procedure"),
    (2, "needs", "Definition"),
    (2, "-- a", "Comment"),
    (3, "on", "Control"),
    (3, "error", "Soft"),
    (4, "set", "Statement"),
    (4, "error", ""),
    (4, "tool", "ToolWord"),
    (4, "ToUpper", "Tool"),
    (4, '"x', "String"),
    (4, "\\n", "Escape"),
    (4, "**", "Operator"),
    (5, "event", "Member"),
    (5, "if", "Member"),
    (6, "if", "Control"),
    (6, "not", "WordOperator"),
    (6, "is_nil", "Builtin"),
    (6, "last", "Variable"),
    (6, "1.5", "Number"),
    (7, "with", "Soft"),
    (7, "nil", "Constant"),
    (7, "into", "Soft"),
    (8, "Dear", "Raw"),
    (8, "{{name", "Placeholder"),
    (9, "if", "Raw"),
]


def vim(folder: Path, program: str, *commands: str) -> str:
    """What Vim's commands say about a program."""
    (folder / "program.ns").write_text(program, encoding="utf-8")
    said = folder / "said.txt"
    script = [
        f"set runtimepath^={ROOT / 'editors' / 'vim'}",
        "filetype plugin on",
        "syntax on",
        f"edit {folder / 'program.ns'}",
        f"redir! > {said}",
        *commands,
        "redir END",
        "quitall!",
    ]
    (folder / "script.vim").write_text("\n".join(script), encoding="utf-8")
    command = ["vim", "-u", "NONE", "-i", "NONE", "-N", "-e", "-s", "-S", str(folder / "script.vim")]
    subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT, check=False)
    return said.read_text(encoding="utf-8") if said.exists() else ""


def test_what_is_coloured_how(tmp_path: Path) -> None:
    lines = PROGRAM.split("\n")
    queries = [
        f'silent echo synIDattr(synID({line}, {lines[line - 1].index(piece) + 1}, 1), "name")'
        for line, piece, _ in GROUPS
    ]
    # An echo of nothing leaves an empty line too.
    found = vim(tmp_path, PROGRAM, *queries).split("\n")[1:]
    wanted = [f"neuroscript{group}" if group else "" for _, _, group in GROUPS]
    assert list(zip(GROUPS, found, strict=False)) == list(zip(GROUPS, wanted, strict=True))


def test_the_settings_of_a_program(tmp_path: Path) -> None:
    found = vim(tmp_path, PROGRAM, "silent echo &filetype &shiftwidth &commentstring")
    assert found.strip() == "neuroscript 2 # %s"
