"""Names mean what they mean when the call is made, in whatever order programs are loaded."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from typing import Any

import pytest

from neuroscript import ErrorCode, Interpreter, NeuroScriptError

SHADOW = "func is_string(needs x) means\n  return [x]\nendfunc\n"
HELPER = "func helper(needs a optional b) means\n  return [a, b]\nendfunc\n"
CONSTANT = "func TYPE_STRING() means\n  return 1\nendfunc\n"


def in_every_order(*sources: str) -> list[Callable[[str], Any]]:
    """For each order of loading, what runs a procedure then; the code of an error in the place of a result."""
    found: list[Callable[[str], Any]] = []
    for order in permutations(enumerate(sources)):
        interpreter = Interpreter(plugins=False)
        for number, source in order:
            interpreter.load(source, f"{number}.ns")

        def run(name: str, interpreter: Interpreter = interpreter) -> Any:
            try:
                return interpreter.run(name)
            except NeuroScriptError as error:
                return int(error.code), error.line, error.message

        found.append(run)
    return found


@pytest.mark.parametrize(
    ("body", "result"),
    [
        ("return is_string(5)", [5]),
        ('set x = "a"\n  return is_string(x)', ["a"]),
        ("return typeof is_string", "function"),
        ('set f = is_string\n  return f("a")', ["a"]),
        ('return tool.list.Map(["a"], is_string)', [["a"]]),
        ("return is_string(is_string(1))", [[1]]),
        ("call is_string(1)\n  return last", [1]),
        ("call is_list(1)\n  return last", None),
        ("if is_string(0)\n    return 1\n  endif", 1),
        ("return not is_string(0)", False),
        ("return helper(1)", [1, None]),
        ("return helper(b: 1, a: 2)", [2, 1]),
        ("return helper(1, 2, 3)", (4, 2, "helper() takes at most 2 arguments, not 3; it is helper(a, b?)")),
        ("return helper(c: 1)", (4, 2, "helper() has no parameter 'c'; it is helper(a, b?)")),
        ("return helper()", (4, 2, "helper() needs 'a'; it is helper(a, b?)")),
        ("if false\n    set helper = 1\n  endif\n  return typeof helper", "function"),
        ("if false\n    set helper = 1\n  endif\n  return helper == nil", False),
        ("if false\n    set helper = 1\n  endif\n  return helper(1)", [1, None]),
        ("if false\n    set helper = 1\n  endif\n  return ```{{helper}}```", "function<helper>"),
        ("while false\n    set helper = 1\n  endwhile\n  return tool.list.Map([1], helper)", [[1, None]]),
        ("return [typeof TYPE_STRING, TYPE_STRING()]", ["function", 1]),
        ('return typeof "a" == TYPE_STRING', False),
        ("if false\n    set TYPE_STRING = 1\n  endif\n  return typeof TYPE_STRING", "function"),
        ("return nowhere(1)", (2, 2, "there is no procedure 'nowhere'")),
        ("return len(5, 6)", (4, 2, "len() takes one value; it is len(x)")),
        ("return is_map(5, 6)", (4, 2, "is_map() takes one value; it is is_map(x)")),
    ],
)
def test_the_order_of_loads_makes_no_difference(body: str, result: Any) -> None:
    main = f"func main() means\n  {body}\nendfunc\n"
    assert [run("main") for run in in_every_order(main, SHADOW + CONSTANT, HELPER)] == [result] * 6


def test_a_wrong_call_does_not_spoil_the_right_ones() -> None:
    wrong = "func wrong() means\n  return helper()\nendfunc\n"
    right = "func right() means\n  return [helper(1), helper(a: 2, b: 3)]\nendfunc\n"
    for run in in_every_order(wrong, right, HELPER):
        assert run("right") == [[1, None], [2, 3]]
        assert run("wrong")[0] == ErrorCode.ARG_MISMATCH
        assert run("right") == [[1, None], [2, 3]]


def test_what_a_run_loads_is_there_for_the_calls_after_it() -> None:
    main = """
func main(needs text) means
  set seen = []
  for each turn in [0, 1, 2]
    set seen[turn] = [is_string("a"), typeof late, typeof TYPE_STRING]
    if turn == 0
      call tool.script.LoadScript(text)
    endif
  endfor
  return [seen, late(2)]
endfunc
"""
    late = SHADOW + CONSTANT + "func late(needs n) means\n  return n * 2\nendfunc\n"
    with Interpreter(plugins=False) as interpreter:
        interpreter.load(main)
        before, after = [True, "nil", "string"], [["a"], "function", "function"]
        assert interpreter.run("main", late) == [[before, after, after], 4]


@pytest.mark.parametrize("loads", [0, 1])
def test_a_load_that_fails_changes_no_name(loads: int) -> None:
    main = "func main() means\n  return [is_string(1), typeof helper, typeof TYPE_STRING]\nendfunc\n"
    fails = SHADOW + HELPER + CONSTANT + "on event 1 / 0 as e do\nendon\n"
    with Interpreter(plugins=False) as interpreter:
        if loads:
            interpreter.load(main)
        with pytest.raises(NeuroScriptError):
            interpreter.load(fails)
        if not loads:
            interpreter.load(main)
        assert interpreter.run("main") == [False, "nil", "string"]
        interpreter.load(SHADOW + HELPER + CONSTANT)
        assert interpreter.run("main") == [[1], "function", "function"]


WAITING = """
func asks(needs x) means
  return [is_string(x), is_map(x)]
endfunc
func calls() means
  return nowhere(1)
endfunc
func other() means
  return 1
endfunc
func user() means
  return other() + 1
endfunc
"""


@pytest.mark.parametrize("fails", [True, False])
def test_what_has_not_been_called_knows_all_names_after_a_load_that_failed_or_replaced(fails: bool) -> None:
    with Interpreter(plugins=False) as interpreter:
        interpreter.load(WAITING, "first.ns")
        if fails:
            with pytest.raises(NeuroScriptError, match="error 2"):
                interpreter.load(SHADOW.replace("string", "map") + "on event [asks(1), calls()] as e do\nendon\n")
        else:
            interpreter.load("func other() means\n  return 5\nendfunc\n", replace=True)
        assert interpreter.run("asks", "text") == [True, False]
        with pytest.raises(NeuroScriptError, match="there is no procedure 'nowhere'"):
            interpreter.run("calls")
        interpreter.load("func nowhere(needs x) means\n  return -x\nendfunc\n" + SHADOW)
        assert interpreter.run("calls") == -1
        assert interpreter.run("asks", "text") == [["text"], False]
        assert interpreter.run("user") == (2 if fails else 6)


def test_a_procedure_that_is_replaced_is_called_with_its_new_parameters() -> None:
    main = "func main() means\n  return helper(1)\nendfunc\n"
    with Interpreter(plugins=False) as interpreter:
        interpreter.load(main)
        interpreter.load(HELPER)
        interpreter.load("func helper(needs a, b) means\n  return a\nendfunc\n", replace=True)
        with pytest.raises(NeuroScriptError, match="helper\\(\\) needs 'b'") as raised:
            interpreter.run("main")
        assert raised.value.code == ErrorCode.ARG_MISMATCH
        interpreter.load("func helper(needs z) means\n  return -z\nendfunc\n", replace=True)
        assert interpreter.run("main") == -1


def test_a_procedure_that_is_defined_twice_is_told_with_both_places_also_from_a_cache() -> None:
    for _ in range(2):
        with Interpreter(plugins=False) as interpreter:
            interpreter.load(HELPER, "one.ns")
            with pytest.raises(NeuroScriptError, match=r"'helper' is defined already, in one\.ns on line 1") as raised:
                interpreter.load(HELPER, "two.ns")
            assert (raised.value.code, raised.value.file, raised.value.line) == (ErrorCode.DUPLICATE, "two.ns", 1)


def test_a_built_in_function_is_a_value_for_the_host_too() -> None:
    with Interpreter(plugins=False) as interpreter:
        interpreter.load("func main() means\n  return [len, is_string]\nendfunc\n")
        length, is_string = interpreter.run("main")
        assert [length.call([1, 2]), is_string.call("a")] == [2, True]
        assert interpreter.call(length, "abc") == 3


def test_a_variable_that_holds_no_function_leaves_what_has_its_name() -> None:
    body = "set len = 5\n  set is_list = nil\n  set helper = [1]\n"
    main = f"func main() means\n  {body}  return [len([1]), is_list([]), helper(1), len]\nendfunc\n"
    assert [run("main") for run in in_every_order(main, HELPER)] == [[1, True, [1, None], 5]] * 2
    nothing = "func main() means\n  set nothing = nil\n  return nothing(1)\nendfunc\n"
    for run in in_every_order(nothing):
        assert run("main") == (7, 3, "'nothing' is nil, not a function")


@pytest.mark.parametrize(
    ("body", "result"),
    [
        ("call double(2)\n  call len([1])\n  return last", 4),
        ("set len = 1\n  call double(2)\n  set n = len([1])\n  return last", 4),
        ("set f = is_list\n  call double(2)\n  call f([1])\n  return last", 4),
        ("set f = double\n  call f(3)\n  return last", 6),
        ("set last = 1\n  call double(2)\n  return [last, ```{{last}}```, eval('{{' + 'last}}')]", [1, "1", "1"]),
        ("for each last in [1, 2]\n  endfor\n  return last", 2),
        ('call double(2)\n  return [last, ```{{last}}```, eval("{{" + "last}}")]', [4, "4", "4"]),
    ],
)
def test_last_is_the_result_of_procedures_and_tools_alone(body: str, result: Any) -> None:
    main = f"func main() means\n  {body}\nendfunc\n"
    double = "func double(needs n) means\n  return n * 2\nendfunc\n"
    assert [run("main") for run in in_every_order(main, double)] == [result] * 2


@pytest.mark.parametrize(
    ("body", "result"),
    [
        ("return typeof tool.str.ToUpper", "tool"),
        ('return "" + tool.STR.toupper', "tool<str.ToUpper>"),
        ("return tool.str.ToUpper == tool.STR.toupper", True),
        ('return {"f": tool.str.ToUpper}.f("a")', "A"),
        ("return [tool.list.Length][0]([1, 2])", 2),
        ("set f = tool.math.Add\n  return f(1, num2: 2)", 3),
        ('return tool.list.SortBy(["bb", "a"], tool.str.Length)', ["a", "bb"]),
        ('return tool.list.Map(["a"], tool.str.ToUpper,)', ["A"]),
        ("return (tool.str.ToUpper)[0]", 7),
        ("return tool.str.ToUpper[0]", 7),
        ("return tool.str.ToUpper.name", 3),
        ("return (tool.str.ToUpper).name", 7),
        ("return tool.str.Nothing", 3),
        ("return tool.ReadFile", 3),
        ('return tool.ReadFile("x")', 3),
    ],
)
def test_a_tool_is_a_value(body: str, result: Any) -> None:
    (run,) = in_every_order(f"func main() means\n  {body}\nendfunc\n")
    found = run("main")
    assert (found[0] if type(found) is tuple else found) == result


def test_a_tool_that_is_refused_is_no_value() -> None:
    with Interpreter(plugins=False) as interpreter:
        interpreter.tool("host.Secret", capabilities=("secret:read",))(lambda x: x)
        interpreter.load("func main() means\n  return tool.host.Secret\nendfunc\n")
        with pytest.raises(NeuroScriptError) as raised:
            interpreter.run("main")
    assert raised.value.code == ErrorCode.SECURITY


def test_arguments_may_load_what_takes_the_place_of_a_built_in() -> None:
    library = 'func is_string(needs x) means\\n  return \\"mine\\"\\nendfunc\\n'
    source = f"""
func load() means
  call tool.script.LoadScript("{library}")
  return "x"
endfunc

func main() means
  return [is_string("x"), is_string(load()), is_string("x")]
endfunc
"""
    interpreter = Interpreter(plugins=False)
    interpreter.load(source)
    assert interpreter.run("main") == [True, "mine", "mine"]
