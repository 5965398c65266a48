"""The table of the error codes in ``docs/errors.md``, whose entries are written by hand."""

from __future__ import annotations

import re
from pathlib import Path

from neuroscript import ErrorCode, NeuroScriptError
from neuroscript.cli.error_meanings import MEANINGS

PAGE = Path(__file__).parent.parent / "errors.md"
TABLE = re.compile(r"(?<=<!-- begin table -->\n).*?(?=<!-- end table -->)", re.DOTALL)


def errors_page() -> str:
    """The page as it is, with its table made anew."""
    rows = [
        f"| [{code.value}](#{code.value}-{code.name.lower()}) | {code.name} "
        f"| `{type(NeuroScriptError(code)).__name__}` | {MEANINGS[code]} |"
        for code in ErrorCode
    ]
    head = ["| code | name | class in Python | what it means |", "| ---: | --- | --- | --- |"]
    table = "\n".join(["", *head, *rows, "", ""])
    return TABLE.sub(lambda _: table, PAGE.read_text(encoding="utf-8"))
