"""An operation on nil says which expression was nil, and which key may have been meant."""

from __future__ import annotations

import pytest

from neuroscript import ArgType, EvaluationError, Interpreter, NeuroScriptError, Shape, ShapeField

SETUP = """\
  set d = {"name": "x", "aggregate_performance_summary": {"total": 3}, "none": nil, "cost": 5}
  set rows = [{"price": 2}, {"a b": {}}]
  set i = 0
  set n = nil
  set key = "pric"
"""

NAMED = {
    "emit d.summary.total": "`d` has no key `summary`; did you mean `aggregate_performance_summary`?",
    'emit d["summary"].total': "`d` has no key `summary`; did you mean `aggregate_performance_summary`?",
    "emit ```total: {{d.summary.total}}```": "`d` has no key `summary`; did you mean `aggregate_performance_summary`?",
    'emit eval("{{d.summary.total}}")': "`d` has no key `summary`; did you mean `aggregate_performance_summary`?",
    "emit 1 + d.csot": "`d` has no key `csot`; did you mean `cost`?",
    "emit 1 + 2 + d.csot": "`d` has no key `csot`; did you mean `cost`?",
    "emit d.csot * 2": "`d` has no key `csot`; did you mean `cost`?",
    "emit d.csot / d.cost": "`d` has no key `csot`; did you mean `cost`?",
    "emit d.cost % d.csot": "`d` has no key `csot`; did you mean `cost`?",
    "emit 2 ** d.csot": "`d` has no key `csot`; did you mean `cost`?",
    "emit -d.csot": "`d` has no key `csot`; did you mean `cost`?",
    "emit d.csot < 3": "`d` has no key `csot`; did you mean `cost`?",
    "while i < d.csot\nendwhile": "`d` has no key `csot`; did you mean `cost`?",
    "set i = i + d.csot": "`d` has no key `csot`; did you mean `cost`?",
    "return d.csot - 1": "`d` has no key `csot`; did you mean `cost`?",
    "emit d.none + 1": "`d.none` is nil",
    "emit n.x": "`n` is nil",
    "emit n - 1": "`n` is nil",
    "emit rows[i].pric - 1": "`rows[i]` has no key `pric`; did you mean `price`?",
    "emit rows[i][key] - 1": "`rows[i]` has no key `pric`; did you mean `price`?",
    'emit rows[1]["a b"].c.d': '`rows[1]["a b"]` has no key `c`',
    "for each r in rows\n  emit r.pric + 1\nendfor": "`r` has no key `pric`; did you mean `price`?",
    "emit half(3).x + 1": "`half(3).x` is nil",
    "emit tool.time.Parts(tool.time.Now()).hourz - 1": "'hourz' is no key of the map of a moment's parts; did you mean",
}


def failure(body: str, more: str = "") -> NeuroScriptError:
    lines = "\n".join(f"  {line}" for line in body.splitlines())
    program = f"func main() means\n{SETUP}{lines}\nendfunc\nfunc half(needs x) means\n  return {{}}\nendfunc\n{more}"
    with Interpreter(plugins=False) as interpreter:
        interpreter.load(program)
        with pytest.raises(EvaluationError) as caught:
            interpreter.run("main")
    assert caught.value.code == 7
    return caught.value


@pytest.mark.parametrize("body", NAMED)
def test_the_error_names_what_was_nil(body: str) -> None:
    error = failure(body)
    assert f"; {NAMED[body]}" in error.message
    assert error.line == SETUP.count("\n") + 2 + (body[:4] == "for ")


def test_an_expression_with_text_in_it_is_not_repeated() -> None:
    assert "sk-123" not in failure('emit half("sk-123").x + 1').message


@pytest.mark.parametrize("body", ["emit [] + 1", "emit 1 + nil", 'emit "a" - 1'])
def test_nothing_is_said_of_what_is_not_nil_or_written_so(body: str) -> None:
    assert "`" not in failure(body).message


def test_a_handler_is_told_as_well_and_the_failure_of_a_handler() -> None:
    told: list[object] = []
    program = f"""\
func main() means
  on error do
    emit system_error_message
    emit d.nmae + 1
  endon
{SETUP}  emit d.csot + 1
endfunc
"""
    with Interpreter(emit=told.append, plugins=False) as interpreter:
        interpreter.load(program)
        with pytest.raises(EvaluationError, match="`d` has no key `nmae`; did you mean `name`"):
            interpreter.run("main")
    assert str(told[0]).endswith("`d` has no key `csot`; did you mean `cost`?")


def test_the_fields_of_an_event_are_known() -> None:
    told: list[object] = []
    program = """\
on event "go" as e do
  on error do
    emit system_error_message
    clear_error
  endon
  emit e.paylod.x
endon
"""
    with Interpreter(emit=told.append, plugins=False) as interpreter:
        interpreter.load(program)
        interpreter.emit_event("go", {"x": 1})
    assert str(told[0]).endswith("`e` has no key `paylod`; did you mean `payload`?")


def test_programs_without_names_are_told_apart() -> None:
    with Interpreter(plugins=False) as interpreter:
        interpreter.load('func first() means\n  set a = {"cost": 1}\n  return a.csot + 1\nendfunc\n')
        interpreter.load('func other() means\n  set a = {"size": 1}\n  return a.sizz + 1\nendfunc\n')
        for name, key in (("first", "cost"), ("other", "size")):
            with pytest.raises(EvaluationError, match=f"did you mean `{key}`"):
                interpreter.run(name)


def test_a_replaced_program_is_told_by_its_new_text() -> None:
    with Interpreter(plugins=False) as interpreter:
        for key, near in (("csot", "cost"), ("sizz", "size")):
            text = f'func f() means\n  set a = {{"cost": 1, "size": 1}}\n  return a.{key} + 1\nendfunc\n'
            interpreter.load(text, "f.ns", replace=True)
            with pytest.raises(EvaluationError, match=f"did you mean `{near}`"):
                interpreter.run("f")


def test_many_programs_do_not_stay_in_memory() -> None:
    with Interpreter(plugins=False) as interpreter:
        for number in range(200):
            interpreter.load(f"func f{number}(needs a) means\n  return a.csot + 1\nendfunc\n")
        assert len(interpreter.loader._texts) <= 64
        with pytest.raises(EvaluationError) as caught:
            interpreter.run("f0", {"cost": 1})
        assert "`" not in caught.value.message
        with pytest.raises(EvaluationError, match="did you mean `cost`"):
            interpreter.run("f199", {"cost": 1})


def test_an_input_of_a_session_is_told() -> None:
    with Interpreter(plugins=False) as interpreter:
        session = interpreter.session()
        session.evaluate('set d = {"cost": 1}')
        with pytest.raises(EvaluationError, match="`d` has no key `csot`; did you mean `cost`"):
            session.evaluate("d.csot + 1")
        with pytest.raises(EvaluationError, match="`d` has no key `csot`; did you mean `cost`"):
            session.evaluate("set x = 1\nset y = d.csot + x")


def test_a_failure_deep_in_a_recursion_keeps_its_code() -> None:
    program = "func f(needs n) means\n  if n == 0\n    return n.x.y + 1\n  endif\n  return f(n - 1)\nendfunc\n"
    program = program.replace("n.x.y", "m.x.y").replace("needs n", "needs n optional m")
    with Interpreter(plugins=False) as interpreter:
        interpreter.load(program)
        with pytest.raises(EvaluationError) as caught:
            interpreter.run("f", 180)
    assert caught.value.code == 7


def test_the_keys_of_a_tool_of_the_host_are_known() -> None:
    shape = Shape("account", [ShapeField("balance", ArgType.NUMBER)])
    with Interpreter(plugins=False) as interpreter:
        interpreter.tool("bank.Account", args=(), return_type=ArgType.MAP, result_shape=shape)(lambda: {"balance": 1})
        interpreter.load("func main() means\n  return tool.bank.Account().balanc + 1\nendfunc\n")
        with pytest.raises(EvaluationError, match="'balanc' is no key of the account; did you mean 'balance'"):
            interpreter.run("main")
