"""The sign that something runs: it appears in an empty line alone, and nothing is mixed with it."""

from __future__ import annotations

import contextlib
import io
import re
import sys
import threading
from collections.abc import Callable
from time import monotonic, sleep

import pytest

from neuroscript.cli.repl.spinner import Spinner

TIMEOUT = 20
SIGN = re.compile(r"\r\x1b\[K\x1b\[2m(\S) (\d+) s([^\x1b]*)\x1b\[0m")


class Screen(io.StringIO):
    """A terminal of which all is kept that was written."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return Screen()


def wait_for(condition: Callable[[], object]) -> None:
    end = monotonic() + TIMEOUT
    while not condition():
        assert monotonic() < end, "it did not happen"
        sleep(0.01)


def test_it_appears_and_leaves_nothing(screen: Screen) -> None:
    spinner = Spinner(screen, Screen())
    with spinner.running():
        spinner.label = "fast calls fs.Read\x1b"
        wait_for(lambda: SIGN.search(screen.getvalue()))
    sign = SIGN.search(screen.getvalue())
    assert sign is not None
    assert sign[3].strip() == "fast calls fs.Read\\x1b"
    assert screen.getvalue().endswith("\r\x1b[K")


def test_what_is_written_takes_its_place(screen: Screen) -> None:
    spinner = Spinner(screen, screen)
    with spinner.running():
        wait_for(lambda: SIGN.search(screen.getvalue()))
        print("one")
        print("two", file=sys.stderr)
        wait_for(lambda: SIGN.search(screen.getvalue().rpartition("two\n")[2]))
    assert re.fullmatch(
        r"(sign)+erased?one\ntwo\n(sign)+erase", SIGN.sub("sign", screen.getvalue()).replace("\r\x1b[K", "erase")
    )


def test_it_does_not_appear_in_a_line_that_was_begun(screen: Screen) -> None:
    spinner = Spinner(screen, Screen())
    with spinner.running():
        print("begun", end="")
        sleep(0.8)
        assert screen.getvalue() == "begun"
        print()
        wait_for(lambda: SIGN.search(screen.getvalue()))


def test_it_does_not_appear_while_the_person_types(screen: Screen) -> None:
    spinner = Spinner(screen, Screen())
    with spinner.running():
        with spinner.hidden():
            sleep(0.8)
            assert screen.getvalue() == ""
            print("? ", end="")
        wait_for(lambda: SIGN.search(screen.getvalue()))


@pytest.mark.parametrize("term", ["dumb", ""])
def test_a_terminal_that_cannot_erase_shows_none(screen: Screen, monkeypatch: pytest.MonkeyPatch, term: str) -> None:
    monkeypatch.setenv("TERM", term)
    with Spinner(screen, Screen()).running():
        sleep(0.8)
        print("text")
    assert screen.getvalue() == "text\n"


def test_streams_and_threads_are_as_before(screen: Screen) -> None:
    streams, threads = (sys.stdout, sys.stderr), threading.active_count()
    spinner = Spinner(screen, Screen())
    with contextlib.suppress(ZeroDivisionError), spinner.running():
        assert sys.stdout is spinner.out
        raise ZeroDivisionError
    assert (sys.stdout, sys.stderr) == streams
    assert threading.active_count() == threads


def test_an_encoding_without_the_signs_gets_others(screen: Screen) -> None:
    screen.encoding = "ascii"
    with Spinner(screen, Screen()).running():
        wait_for(lambda: SIGN.search(screen.getvalue()))
    sign = SIGN.search(screen.getvalue())
    assert sign is not None
    assert sign[1] in "|/-\\"
