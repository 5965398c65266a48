"""Checks of programs that use files, and of libraries that are loaded beside others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from neuroscript import Interpreter
from neuroscript.errors import Diagnostic

LIBRARY = "func shout(needs s) means\n  return s\nendfunc\n"
Finding = tuple[str, str, int, int]


@pytest.fixture
def check(tmp_path: Path) -> Callable[..., list[Finding]]:
    """Checks the first of some files; gives file, severity, code and line of each finding."""

    def checked(*texts: str, beside: tuple[str, ...] = ()) -> list[Finding]:
        names = ("main.ns", "a.ns", "b.ns")
        for name, text in zip(names, texts, strict=False):
            (tmp_path / name).write_text(text)
        with Interpreter(plugins=False) as interpreter:
            found = interpreter.check(tmp_path / "main.ns", beside=beside)
        return [found_at(one) for one in found]

    return checked


def found_at(one: Diagnostic) -> Finding:
    return Path(one.file).name, one.severity, int(one.code), one.line


def test_signatures_of_used_files_are_known(check: Callable[..., list[Finding]]) -> None:
    main = ":: uses: a.ns\nfunc main() means\n  call shout(1)\n  call shout(1, 2)\n  call loud(1)\nendfunc\n"
    assert check(main, LIBRARY) == [("main.ns", "error", 4, 4), ("main.ns", "warning", 2, 5)]


def test_findings_are_in_their_own_files_once(check: Callable[..., list[Finding]]) -> None:
    main = ":: uses: a.ns, b.ns\nfunc main() means\n  emit shout(never)\nendfunc\n"
    a = ":: uses: b.ns\nfunc a() means\n  emit never\nendfunc\n"
    assert check(main, a, LIBRARY + "func b() means\n  break\nendfunc\n") == [
        ("b.ns", "error", 39, 5),
        ("a.ns", "warning", 9, 3),
        ("main.ns", "warning", 9, 3),
    ]


@pytest.mark.parametrize(
    ("main", "code", "line"),
    [
        (":: uses: missing.ns\n", 22, 1),
        ("\n:: uses: ../x.ns\n", 34, 2),
        (":: uses: a.ns\n", 39, 1),
        (":: uses: b.ns\nfunc shout() means\nendfunc\n", 42, 2),
    ],
)
def test_what_cannot_be_used_is_an_error(check: Callable[..., list[Finding]], main: str, code: int, line: int) -> None:
    found = check(main, ":: uses: main.ns\n", LIBRARY)
    assert [(severity, number, at) for _, severity, number, at in found] == [("error", code, line)]


def test_every_file_that_can_be_read_is_checked(check: Callable[..., list[Finding]]) -> None:
    main = ":: uses: missing.ns, a.ns, b.ns, ../x.ns\nfunc main() means\n  emit never\n  emit unknown(1)\nendfunc\n"
    assert sorted(check(main, "func a() means\n  set = 1\nendfunc\n", "func b() means\n  break\nendfunc\n")) == [
        ("a.ns", "error", 15, 2),
        ("b.ns", "error", 39, 2),
        ("main.ns", "error", 22, 1),
        ("main.ns", "error", 34, 1),
        ("main.ns", "note", 2, 4),  # the files that cannot be read may define it
        ("main.ns", "warning", 9, 3),
    ]


def test_text_without_a_file_uses_none() -> None:
    with Interpreter(plugins=False) as interpreter:
        [found] = interpreter.check(":: uses: a.ns\n", name="main.ns")
    assert found_at(found) == ("main.ns", "error", 18, 1)


CALLER = "func helper() means\n  call unknown(1)\n  emit never\nendfunc\n"


def test_a_library_may_call_what_others_define(check: Callable[..., list[Finding]]) -> None:
    never = ("main.ns", "warning", 9, 3)
    assert check(CALLER) == [("main.ns", "note", 2, 2), never]
    assert check(CALLER + "func main() means\nendfunc\n") == [("main.ns", "warning", 2, 2), never]
    assert check("command\n  call unknown(1)\nendcommand\n") == [("main.ns", "warning", 2, 2)]
    assert check(CALLER, beside=(LIBRARY,)) == [("main.ns", "warning", 2, 2), never]
    assert check(CALLER, beside=(LIBRARY, LIBRARY.replace("shout", "unknown"))) == [never]
    assert check(CALLER, beside=(LIBRARY.replace("shout(needs s)", "unknown()"),)) == [
        ("main.ns", "error", 4, 2),
        never,
    ]


def test_a_used_library_calls_its_user(check: Callable[..., list[Finding]]) -> None:
    main = ":: uses: a.ns\nfunc main() means\nendfunc\nfunc unknown(needs a, b) means\nendfunc\n"
    assert check(main, CALLER) == [("a.ns", "error", 4, 2), ("a.ns", "warning", 9, 3)]
