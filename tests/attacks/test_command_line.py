"""Any bytes as a program and any JSON as arguments: an answer in JSON, never a traceback, never a hang."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuroscript.cli import main

FRAGMENTS = st.sampled_from(
    [
        "func main(needs x) means",
        "endfunc",
        "command",
        "endcommand",
        "set x = ",
        "[",
        "]",
        "{",
        "\n",
        "\r",
        "1e999",
        "x",
        "'",
        '"',
        "```",
        "\\",
        "if x",
        "endif",
        "while true",
        "endwhile",
        "tool.fs.Read(",
        ")",
        "emit ",
        "\x00",
        "\ufeff",
        " ",
    ]
)
PROGRAMS = st.binary(max_size=200) | st.lists(FRAGMENTS, max_size=30).map(lambda parts: "".join(parts).encode())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
)


def run(program: bytes, *options: str) -> tuple[int, list[dict[str, object]], str]:
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(program)))
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = main(["run", "--format", "jsonl", "--max-steps", "10000", "--no-plugins", *options, "-"])
    return status, [json.loads(line) for line in out.getvalue().splitlines()], err.getvalue()


@settings(deadline=None)
@given(PROGRAMS)
def test_any_bytes_are_answered(program: bytes) -> None:
    status, rows, err = run(program)
    assert status in (0, 1, 3)
    assert ("result" if status == 0 else "error") in rows[-1]
    assert err == ""


@settings(deadline=None)
@given(st.lists(JSON, max_size=4))
def test_any_arguments_are_answered(arguments: list[object]) -> None:
    program = b"func main(optional a, b, c) means\n  emit a\n  return [a, b, c]\nendfunc"
    status, rows, err = run(program, "--args", json.dumps(arguments))
    if status == 2:  # not a number, which is no JSON
        assert "NaN" in err or "Infinity" in err
    else:
        assert status in (0, 1)
        assert ("result" if status == 0 else "error") in rows[-1]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.text().filter(lambda text: "\0" not in text), max_size=5))
def test_any_words_after_the_command_are_answered(words: list[str]) -> None:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(words)
    assert status in (0, 1, 2, 3)
    assert "Traceback" not in err.getvalue()
