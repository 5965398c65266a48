"""``text``: wrapping and comparing texts of many lines."""

from __future__ import annotations

import difflib
import re
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroscript.stdlib import text as text_module
from tests.stdlib.calls import Small, code, tool

# --- Wrap -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "width", "wrapped"),
    [
        ("", 10, ""),
        ("short", 10, "short"),
        ("the quick brown fox", 9, "the quick\nbrown fox"),
        ("the quick brown fox", 8, "the\nquick\nbrown\nfox"),
        ("  many   blanks\there ", 20, "many blanks here"),
        ("one\n\ntwo three\n", 4, "one\n\ntwo\nthre\ne\n"),
        ("abcdefghij", 4, "abcd\nefgh\nij"),
        ("abcdefgh", 4, "abcd\nefgh"),
        ("x abcdefghij y", 4, "x\nabcd\nefgh\nij y"),
        ("abc", 1, "a\nb\nc"),
        ("a b", 10**30, "a b"),
        ("one two\r\nthree", 7, "one two\nthree"),
    ],
)
def test_lines_are_broken_between_words(text: str, width: int, wrapped: str) -> None:
    assert tool("text.Wrap", text, width) == wrapped


@given(st.text(alphabet="ab \n\té", max_size=60), st.integers(1, 12))
def test_no_line_is_too_long_and_no_word_is_lost(text: str, width: int) -> None:
    wrapped = tool("text.Wrap", text, width)
    assert all(len(line) <= width for line in wrapped.split("\n"))
    assert "".join(wrapped.split()) == "".join(text.split())
    assert wrapped.count("\n") >= text.count("\n")
    assert tool("text.Wrap", wrapped, width) == wrapped


@given(st.lists(st.text(alphabet="ab", min_size=1, max_size=5), min_size=1), st.integers(5, 20))
def test_lines_are_as_full_as_can_be(words: list[str], width: int) -> None:
    lines = tool("text.Wrap", " ".join(words), width).split("\n")
    for line, following in pairwise(lines):
        assert len(line) + 1 + len(following.split()[0]) > width


def test_a_width_is_at_least_one_and_the_result_is_bounded() -> None:
    assert code("text.Wrap", "x", 0) == 8
    assert code("text.Wrap", "ab " * 30, 1, context=Small(max_string=100)) == 37


# --- Diff -------------------------------------------------------------------------------------------------------------


def applied(old: str, diff: str) -> str:
    """The text that a unified diff makes of another, by the letter of the format."""
    if not diff:
        return old
    lines = old.split("\n")
    source = [f"{line}\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])
    shown = [f"{line}\n" for line in diff.split("\n")[:-1]]
    assert shown[:2] == ["--- old\n", "+++ new\n"]
    made: list[str] = []
    position = 0
    index = 2
    while index < len(shown):
        match = re.fullmatch(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@\n", shown[index])
        assert match is not None, shown[index]
        old_start, old_count = int(match[1]), int(match[2] or 1)
        new_start, new_count = int(match[3]), int(match[4] or 1)
        start = old_start - (old_count > 0)
        made += source[position:start]
        position = start
        assert len(made) == new_start - (new_count > 0)
        index += 1
        before = len(made)
        while index < len(shown) and not shown[index].startswith("@@"):
            mark, line = shown[index][0], shown[index][1:]
            if shown[index + 1 : index + 2] == ["\\ No newline at end of file\n"]:
                line = line.removesuffix("\n")
                index += 1
            if mark in " -":
                assert source[position] == line
                position += 1
            if mark in " +":
                made.append(line)
            index += 1
        assert (position - start, len(made) - before) == (old_count, new_count)
    return "".join(made + source[position:])


@pytest.mark.parametrize(
    ("old", "new", "diff"),
    [
        ("", "", ""),
        ("a\n", "a\n", ""),
        ("", "a\n", "@@ -0,0 +1 @@\n+a\n"),
        ("a\n", "", "@@ -1 +0,0 @@\n-a\n"),
        ("a", "a\n", "@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n"),
        ("a\nb\nc\n", "a\nx\nc\n", "@@ -1,3 +1,3 @@\n a\n-b\n+x\n c\n"),
        ("a\nb\nc", "a\nc", "@@ -1,3 +1,2 @@\n a\n-b\n c\n\\ No newline at end of file\n"),
        ("a\r\n", "a\n", "@@ -1 +1 @@\n-a\r\n+a\n"),
    ],
)
def test_differences_are_shown(old: str, new: str, diff: str) -> None:
    assert tool("text.Diff", old, new) == (f"--- old\n+++ new\n{diff}" if diff else "")


def test_far_changes_stand_in_hunks_of_their_own() -> None:
    old = "".join(f"{n}\n" for n in range(20))
    new = old.replace("3\n", "three\n", 1).replace("17\n", "")
    assert tool("text.Diff", old, new).count("@@ -") == 2
    assert tool("text.Diff", old, new, 7).count("@@ -") == 1
    assert " " not in [line[0] for line in tool("text.Diff", old, new, 0).splitlines()]


texts = st.lists(st.sampled_from(["a\n", "b\n", "c\n", "\n"]), max_size=12).map("".join)
texts |= st.builds(str.__add__, texts, st.sampled_from(["", "a", "x"]))


@given(texts, texts, st.integers(0, 3))
def test_a_difference_makes_the_new_text_of_the_old(old: str, new: str, context: int) -> None:
    assert applied(old, tool("text.Diff", old, new, context)) == new


@given(texts, texts)
def test_a_difference_is_the_least_one(old: str, new: str) -> None:
    diff = tool("text.Diff", old, new).splitlines()[2:]
    before, after = (
        [f"{line}\n" for line in text.split("\n")[:-1]]
        + [text.split("\n")[-1]] * (not text.endswith("\n") and text != "")
        for text in (old, new)
    )
    common = [[0] * (len(after) + 1) for _ in range(len(before) + 1)]
    for i, x in enumerate(before):
        for j, y in enumerate(after):
            common[i + 1][j + 1] = common[i][j] + 1 if x == y else max(common[i][j + 1], common[i + 1][j])
    assert sum(line[0] in "+-" for line in diff) == len(before) + len(after) - 2 * common[-1][-1]


def test_texts_that_differ_too_much_are_shown_as_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_module, "_MOST_CHANGES", 10)
    old = "same\n" + "".join(f"old {n}\nboth\n" for n in range(20)) + "end\n"
    new = "same\n" + "".join(f"new {n}\nboth\n" for n in range(30)) + "end\n"
    diff = tool("text.Diff", old, new)
    assert applied(old, diff) == new
    assert [line for line in diff.splitlines() if line[0] == " "] == [" same", " both", " end"]


def test_long_texts_are_compared_in_time() -> None:
    lines = [f"line {n}\n" for n in range(50_000)]
    changed = [*lines[:100], "new\n", *lines[101:40_000], *lines[40_001:]]
    diff = tool("text.Diff", "".join(lines), "".join(changed))
    assert [line for line in diff.splitlines() if line[0] in "+-"][2:] == ["-line 100", "+new", "-line 40000"]
    assert applied("".join(lines), tool("text.Diff", "".join(lines), "".join(reversed(lines)))).startswith("line 49999")


def test_a_run_may_end_while_texts_are_compared() -> None:
    context = Small()
    tool("text.Diff", "a\n" * 500 + "x\n" * 500, "b\n" * 400, context=context)
    assert context.checked > 500


@pytest.mark.skipif(shutil.which("patch") is None, reason="there is no command patch")
def test_the_command_patch_understands_it(tmp_path: Path) -> None:
    old = "".join(f"{n}\n" for n in range(30))
    new = old.replace("7\n", "seven\n").replace("25\n", "") + "last"
    (tmp_path / "file").write_text(old)
    diff = tool("text.Diff", old, new)
    subprocess.run(["patch", "-s", "file"], input=diff, text=True, cwd=tmp_path, check=True, timeout=20)
    assert (tmp_path / "file").read_text() == new
    expected = difflib.unified_diff(old.splitlines(True), new.splitlines(True), "old", "new")
    assert diff.replace("\n\\ No newline at end of file\n", "") == "".join(expected)


def test_a_difference_is_bounded() -> None:
    assert code("text.Diff", "a", "b", -1) == 8
    assert code("text.Diff", "a\n" * 30, "b\n" * 30, context=Small(max_string=100)) == 37
