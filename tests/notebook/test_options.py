"""The options on the line of a magic, and the code behind them."""

from __future__ import annotations

import pytest

from neuroscript.cli.status import UsageError
from neuroscript.notebook.options import SWITCHES, HelpWanted, make_parser, parse_line


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("", ""),
        ("1 + 1", "1 + 1"),
        ("-5 + 3", "-5 + 3"),
        ("-x", None),
        ("-- -x", "-x"),
        ("-i a -o b a", "a"),
        ("-ia -ob 'it''s'", "'it''s'"),
        ('--in=a --out b  set x = {"a": 1}', 'set x = {"a": 1}'),
        ("--reset", ""),
        ("--reset --no-plugins emit 'a  b'", "emit 'a  b'"),
        ("--sandbox 'a b' --max-steps 5 f(\"-i x\")", 'f("-i x")'),
        ("--sandbox=/tmp/x # note", "# note"),
    ],
)
def test_code_begins_where_the_options_end_and_is_as_it_is_written(line: str, code: str | None) -> None:
    if code is None:
        with pytest.raises(UsageError):
            parse_line(line)
    else:
        assert parse_line(line).code == code


def test_options_are_read() -> None:
    line = parse_line("-i a --in b -o c --reset --sandbox 'a b' --max-steps 5 --env HOME emit 1")
    assert (line.inputs, line.outputs, line.reset, line.chosen) == (("a", "b"), ("c",), True, True)
    assert (line.session.sandbox, line.session.max_steps, line.session.env) == ("a b", 5, ["HOME"])
    assert not parse_line("-i a --reset emit 1").chosen


def test_the_options_without_a_value_are_known() -> None:
    taking_none = {name for action in make_parser()._actions if action.nargs == 0 for name in action.option_strings}
    assert taking_none == SWITCHES


def test_help_is_for_whoever_asks() -> None:
    with pytest.raises(HelpWanted, match="usage: %%neuroscript"):
        parse_line("--help")
