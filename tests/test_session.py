"""An interactive session: inputs one after the other, with variables that stay."""

from __future__ import annotations

from typing import Any

import pytest

from neuroscript import (
    CancelToken,
    ErrorCode,
    Interpreter,
    LimitError,
    Limits,
    NeuroScriptError,
    NeuroScriptSyntaxError,
    Session,
)


@pytest.fixture
def emitted() -> list[Any]:
    return []


@pytest.fixture
def session(emitted: list[Any]) -> Session:
    return Interpreter(plugins=False, emit=emitted.append).session()


def test_an_expression_gives_its_value(session: Session) -> None:
    assert session.evaluate("1 + 1") == 2
    assert session.evaluate("[1,\n 2]") == [1, 2]
    assert session.evaluate("nil") is None
    assert session.evaluate("1 + 1  # a comment") == 2
    assert session.evaluate("\ufeff2 * 3") == 6


def test_statements_give_nothing_and_their_variables_stay(session: Session, emitted: list[Any]) -> None:
    assert session.evaluate("set x = 1\nset y = x + 1\nemit y") is None
    assert session.evaluate("x + y") == 3
    session.evaluate("for each k in [5, 6]\n  emit k\nendfor")
    assert session.evaluate("k") == 6
    assert emitted == [2, 5, 6]


@pytest.mark.parametrize("source", ["", "  ", "\n\n", "# only a comment", "set"])
def test_next_to_nothing(session: Session, source: str) -> None:
    if source == "set":
        with pytest.raises(NeuroScriptSyntaxError):
            session.evaluate(source)
    else:
        assert session.evaluate(source) is None


@pytest.mark.parametrize(
    "source",
    [
        "func twice(needs x) means\n  return x * 2\nendfunc",
        "# a note\n\nfunc twice(needs x) means\n  return x * 2\nendfunc",
        ":: about: twice\nfunc twice(needs x) means\n  return x * 2\nendfunc",
        "  func twice(needs x) means\n  return x * 2\n  endfunc",
    ],
)
def test_a_procedure_is_defined_and_defined_again(session: Session, source: str) -> None:
    session.evaluate(source)
    assert session.evaluate("twice(4)") == 8
    session.evaluate("func twice(needs x, y) means\n  return [x, y]\nendfunc")
    assert session.evaluate("twice(4, 5)") == [4, 5]


@pytest.mark.parametrize("name", ["function_x", "funcs", "commander", "once"])
def test_a_name_may_begin_as_a_definition_does(session: Session, name: str) -> None:
    session.evaluate(f"set {name} = 1")
    assert session.evaluate(f"{name} + 1") == 2


def test_event_handlers_are_registered(session: Session, emitted: list[Any]) -> None:
    session.evaluate('on event "a" as ev do\n  emit ev.payload\nendon')
    session.evaluate('if true\n  on event "a" do\n    emit "inner"\n  endon\nendif')
    session.evaluate('call tool.event.Emit("a", 1)')
    assert emitted == [1, "inner"]


def test_command_blocks_run_with_variables_of_their_own(session: Session, emitted: list[Any]) -> None:
    session.evaluate("command\n  set x = 1\n  emit x\nendcommand")
    assert emitted == [1]
    assert session.evaluate("typeof x") == "nil"


def test_variables_set_before_a_failure_stay(session: Session) -> None:
    with pytest.raises(NeuroScriptError, match="division by zero") as raised:
        session.evaluate("set a = 1\nset b = 1 / 0\nset c = 1")
    assert (raised.value.location, raised.value.code) == ("<input>:2:11", 14)
    assert session.evaluate("[a, typeof b]") == [1, "nil"]


def test_error_handlers_work_within_an_input(session: Session) -> None:
    session.evaluate("on error do\n  clear_error\nendon\nset a = 1 / 0\nset b = 2")
    assert session.evaluate("b") == 2
    assert session.evaluate("system_error_code") == 14


@pytest.mark.parametrize(
    ("source", "place", "message"),
    [
        ("set a = 1 set b = 2", (1, 11), "found `set`"),
        ("set x = 1\nset = 2", (2, 5), "found `=`"),
        ("1 +", (1, 4), "ends too early"),
        ('emit "abc', (1, 6), "not closed"),
        ("break", (1, 1), "outside a loop"),
        ("return 1", (1, 1), "command block"),
        ("func f means\n  set = 1\nendfunc", (2, 7), "found `=`"),
    ],
)
def test_errors_are_placed_in_the_input(session: Session, source: str, place: tuple[int, int], message: str) -> None:
    with pytest.raises(NeuroScriptSyntaxError, match=message) as raised:
        session.evaluate(source)
    assert (raised.value.line, raised.value.column) == place
    assert all(found.line <= source.count("\n") + 1 for found in raised.value.diagnostics)


@pytest.mark.parametrize(
    ("source", "messages"),
    [
        ("endif", ["`endif` closes an `if`, and none is open here"]),
        ("emit 1\nendif", ["`endif` closes an `if`, and none is open here"]),
        (
            "set x = [1,\nemit 2",
            ["the `[` in column 9 of line 1 is not closed: found `emit`, expected `]` or an expression"],
        ),
        (
            "emit 1\nif true\n  endfor\nendif",
            ["`endfor` closes a `for each`, and none is open here: the `if` of line 2 ends with `endif`"],
        ),
        ("on error", ["found the end of the line, expected `do`"]),
        ("if true", ["the input ends too early"]),
        ("set n = 4", None),
    ],
)
def test_messages_name_nothing_that_is_not_in_the_input(
    session: Session, source: str, messages: list[str] | None
) -> None:
    if messages is None:
        session.evaluate(source)
        messages = ["found `set`, expected an expression"]
        with pytest.raises(NeuroScriptSyntaxError) as raised:
            session.value_of(source)
    else:
        with pytest.raises(NeuroScriptSyntaxError) as raised:
            session.evaluate(source)
    assert [found.message for found in raised.value.diagnostics] == messages


def test_values_are_kept_apart(session: Session) -> None:
    session.evaluate("set xs = [1, [2]]")
    session.evaluate("set ys = xs\nset ys[1][0] = 9")
    given = session.evaluate("xs")
    given.append(5)
    given[1].append(6)
    assert session.evaluate("[xs, ys]") == [[1, [2]], [1, [9]]]


def test_a_variable_may_have_a_procedures_name(session: Session) -> None:
    session.evaluate("func f means\n  return 1\nendfunc")
    assert session.evaluate("typeof f") == "function"
    session.evaluate("set f = 5")
    assert session.evaluate("[f, f()]") == [5, 1]


def test_placeholders_see_the_variables(session: Session) -> None:
    session.evaluate('set who = {"name": "you"}')
    assert session.evaluate('eval("hi {{who.name}}")') == "hi you"
    assert session.evaluate("```hi {{who.name}}```") == "hi you"
    session.evaluate('set text = "{{who[\\"name\\"]}}!"')
    assert session.evaluate("eval(text)") == "you!"


def test_deep_loops_keep_the_variables(session: Session) -> None:
    depth = 30
    loops = "while true\n" * depth + "set reached = true\n" + "break\nendwhile\n" * depth
    session.evaluate(loops)
    assert session.evaluate("reached") is True


def test_limits_hold_for_each_input() -> None:
    session = Interpreter(plugins=False, limits=Limits(max_steps=100)).session()
    with pytest.raises(LimitError):
        session.evaluate("set n = 0\nwhile true\n  set n = n + 1\nendwhile")
    assert session.evaluate("n") > 50
    for _ in range(5):
        session.evaluate("set i = 0\nwhile i < 90\n  set i = i + 1\nendwhile")
    with pytest.raises(NeuroScriptError) as raised:
        session.evaluate("(" * 500)
    assert raised.value.code == 38


def test_an_interrupted_input_leaves_the_session_usable(session: Session) -> None:
    def interrupt(value: Any) -> None:
        raise KeyboardInterrupt

    session.interpreter.emit_sink = interrupt
    with pytest.raises(KeyboardInterrupt):
        session.evaluate("set n = 1\nwhile true\n  set n = n + 1\n  emit n\nendwhile")
    assert session.evaluate("n") == 2


def test_host_globals_are_seen_and_not_set() -> None:
    session = Interpreter(plugins=False, globals={"LIMIT": 3}).session()
    assert session.evaluate("LIMIT + 1") == 4
    with pytest.raises(NeuroScriptError) as raised:
        session.evaluate("set LIMIT = 4")
    assert raised.value.code == 43


def test_last_lives_through_the_inputs() -> None:
    with Interpreter(plugins=False) as interpreter:
        session = interpreter.session()
        assert session.evaluate("last") is None
        assert session.evaluate('tool.str.ToUpper("a")') == "A"
        assert session.evaluate("last") == "A"
        session.evaluate("set x = last + len([1])")
        assert session.evaluate("[last, x]") == ["A", "A1"]
        with pytest.raises(NeuroScriptError):
            session.evaluate("set y = tool.list.Append([], 2)\nset z = 1 / 0")
        assert session.evaluate("```{{last}}```") == "[2]"
        session.evaluate("set last = 5")
        session.evaluate("call tool.list.Append([], 3)")
        assert session.evaluate("last") == 5


# --- inputs of several parts ------------------------------------------------------------------------------------------

SEVERAL = """\
set n = 2

func twice(needs x) means
  return x * 2
endfunc
func thrice(needs x) means
  return twice(x) + x
endfunc

# what is wanted
set m = thrice(n)
if m > 5
  set m = m + 1
endif
[n,
 m]
# the end
"""


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_an_input_may_have_statements_definitions_and_an_expression(session: Session, line_end: str) -> None:
    assert session.evaluate(SEVERAL.replace("\n", line_end)) == [2, 7]
    assert session.evaluate("set k = 1\n\n  k + n") == 3
    assert session.evaluate("set k = 1\nfunc f means\nendfunc") is None


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    ("source", "place"),
    [
        ("set a = 1\nfunc f means\nendfunc\nset b = a / 0", (4, 11)),
        ("set a = 1\n\n  a / 0", (3, 5)),
        ("func f means\nendfunc\nset a = 1\n# then\n  [a,\n  a / 0]", (6, 5)),
        ("set a = 0\nfunc f means\n  return 1 / 0\nendfunc\nf()", (3, 12)),
        ("command\n  emit 1\nendcommand\nset a = 1 / 0", (4, 11)),
    ],
)
def test_each_part_keeps_its_place(session: Session, source: str, place: tuple[int, int], line_end: str) -> None:
    with pytest.raises(NeuroScriptError, match="division by zero") as raised:
        session.evaluate(source.replace("\n", line_end))
    assert (raised.value.line, raised.value.column) == place


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("emit 1\nfunc f means\n  set = 1\nendfunc", [3]),
        ("emit 1\nfunc f means\n  set = 1\nendfunc\nset = 2\nfunc g means\n  emit\nendfunc", [3, 5, 7]),
        ("emit 1\nset x = 1\nx +* 2", [3]),
        ("emit 1\nif true\nfunc f means\nendfunc", [3]),
    ],
)
def test_nothing_is_run_of_an_input_with_a_syntax_error(
    session: Session, emitted: list[Any], source: str, lines: list[int]
) -> None:
    with pytest.raises(NeuroScriptSyntaxError) as raised:
        session.evaluate(source)
    assert [found.line for found in raised.value.diagnostics] == lines
    assert emitted == []
    assert session.interpreter.procedures() == []


def test_blocks_are_not_split(session: Session, emitted: list[Any]) -> None:
    session.evaluate(
        'set x = 1\nfor each i in [1]\n  if x == 1\n    on event "a" do\n      emit "inner"\n    endon\n  endif\n'
        'endfor\non error do\n  clear_error\nendon\ncall tool.event.Emit("a")\non event "b" do\n  emit "outer"\nendon\n'
        'call tool.event.Emit("b")'
    )
    assert emitted == ["inner", "outer"]


def test_metadata_belong_to_what_they_stand_before(session: Session, emitted: list[Any]) -> None:
    session.evaluate("set x = 1\n:: title: of a library\nfunc f means\n  return 4\nendfunc\nemit f() + x")
    session.evaluate(":: title: of a script\ncommand\n  emit 6\nendcommand")
    assert emitted == [5, 6]


@pytest.mark.parametrize(
    "source", ["1 + 1", "set x = 1", "command\nemit 1\nendcommand", "func f() means\nendfunc\nemit f()"]
)
def test_an_input_is_ended_by_a_token_that_was_cancelled_before(source: str) -> None:
    emitted: list[object] = []
    token = CancelToken()
    with Interpreter(plugins=False, emit=emitted.append) as interpreter:
        session = interpreter.session()
        token.cancel()
        with pytest.raises(NeuroScriptError) as caught:
            session.evaluate(source, cancel=token)
        assert caught.value.code == ErrorCode.CANCELLED
        assert session.evaluate("20 + 1", cancel=CancelToken()) == 21
    assert emitted == []
