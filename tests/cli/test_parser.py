"""Wrong words on the command line: what is said of them, at every level."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Command


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("rnu",), "neuroscript: there is no command 'rnu'; did you mean 'run'?"),
        (("--versoin",), "neuroscript: there is no option --versoin; did you mean '--version'?"),
        (("run", "--exlpain-policy", "x.ns"), "neuroscript run: there is no option --exlpain-policy; did you mean "),
        (("run", "--max-step=3", "--fromat=x", "x.ns"), "neuroscript run: there is no option --fromat; did you mean "),
        (("run", "--zz", "x.ns"), "neuroscript run: there is no option --zz\n"),
        (("run", "x.ns", "y.ns"), "neuroscript run: there is an argument too many: 'y.ns'"),
        (("run", "--manage", "ow", "x.ns"), "--manage: there is no 'ow' here; did you mean 'own'?"),
        (("run", "--format", "xml", "x.ns"), "--format: there is no 'xml' here; there are text, jsonl"),
        (("workers", "lst"), "neuroscript workers: argument ACTION: there is no 'lst' here; did you mean 'list'?"),
        (
            ("workers", "list", "--provder", "x"),
            "workers list: there is no option --provder; did you mean ",
        ),
        (("keys", "sett"), "neuroscript keys: argument ACTION: there is no 'sett' here; did you mean 'set'?"),
        (("repl", "--run-id", "r"), "no option --run-id: what is typed into a session is in no journal, so that it"),
        (("run",), "neuroscript run: the following arguments are required: FILE"),
    ],
)
def test_what_was_meant_is_said_and_not_the_whole_usage(
    neuroscript: Command, arguments: tuple[str, ...], message: str
) -> None:
    done = neuroscript(*arguments)
    assert (done.status, done.out) == (2, "")
    assert message in done.err
    assert done.err.count("\n") <= 2
    if done.err.count("\n") == 2:
        assert done.err.endswith(" --help` explains it.\n")


def test_a_wrong_word_is_shown_without_its_control_characters(neuroscript: Command) -> None:
    assert "\x1b" not in neuroscript("run", "--\x1b[31m", "x.ns").err
    assert "\x1b" not in neuroscript("run", "--format", "\x1b[31m", "x.ns").err
