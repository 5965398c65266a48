"""Keys that a map does not have: each wrong line gets one finding on the key, and right programs none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from neuroscript import (
    ArgSpec,
    ArgType,
    Diagnostic,
    EventValue,
    Interpreter,
    NeuroScriptError,
    Shape,
    ShapeField,
    TimeDate,
)
from neuroscript.lint.shapes import ERROR, EVENT
from neuroscript.values.error_fields import handler_fields

LIMITS = Shape("limits", [ShapeField("per_minute", ArgType.INT), ShapeField("per_day", ArgType.INT)])
SETTINGS = Shape("settings", [ShapeField("temperature"), ShapeField("system_prompt")], open=True)
TASK = Shape("task", [ShapeField("output", ArgType.STRING), ShapeField("limits", ArgType.MAP, shape=LIMITS)])


@dataclass
class Order:
    number: int
    total: float


def check(text: str) -> list[Diagnostic]:
    """The findings on a program that may use the tools of this page."""
    limits = ArgSpec("limits", ArgType.MAP, required=False, shape=LIMITS)
    many = ArgSpec("many", ArgType.SLICE_MAP, required=False, shape=LIMITS)
    settings = ArgSpec("settings", ArgType.MAP, required=False, shape=SETTINGS)
    with Interpreter(plugins=False) as interpreter:
        tool = interpreter.tool

        @tool("t.Add", args=(ArgSpec("name", ArgType.STRING), limits, settings, many), return_type=ArgType.NIL)
        def add(name: str, limits: Any, settings: Any, many: Any) -> None: ...

        @tool("t.Run", args=(), return_type=ArgType.MAP, result_shape=TASK)
        def run() -> Any: ...

        @tool("t.Batch", args=(), return_type=ArgType.SLICE_ANY, result_shape=TASK)
        def batch() -> Any: ...

        @tool("t.Settings", args=(), return_type=ArgType.MAP, result_shape=SETTINGS)
        def current() -> Any: ...

        @tool("t.Order")
        def order(wanted: Order | None = None) -> Order | None: ...

        interpreter.set_asker(lambda *_: "", lambda: SETTINGS)
        return interpreter.check(text)


def in_main(body: str) -> str:
    lines = "\n".join(f"  {line}" for line in body.splitlines())
    return f"func main(needs x optional y) means\n{lines}\nendfunc\n"


WRONG = {
    # maps that are written
    'call tool.t.Add("a", {"per_minut": 1})': "per_minute",
    'call tool.t.Add(name: "a", limits: {"per_day": 1, "perMinute": 1})': "per_minute",
    'call tool.t.Add("a", many: [{"per_day": 1}, {"per_dy": 1}])': "per_day",
    'call tool.t.Add("a", nil, {"temprature": 1})': "temperature",
    'set l = {"per_dy": 1}\ncall tool.t.Add("a", l)': "per_day",
    'set l = {"per_day": 1}\nset l.per_minut = 1\ncall tool.t.Add("a", l)\ncall tool.t.Add("b", l)': "per_minute",
    'call tool.t.Order({"nmber": 1, "total": 2})': "number",
    'ask "a", "hi" with {"systemPrompt": "x"} into r\nemit r': "system_prompt",
    # maps that are read
    "emit tool.t.Run().outptu": "output",
    "set r = tool.t.Run()\nemit r.outptu": "output",
    'set r = tool.t.Run()\nemit r["outptu"]': "output",
    "set r = tool.t.Run()\nemit ```{{r.outptu}}```": "output",
    'set r = tool.t.Run()\nemit eval("{{r.outptu}}")': "output",
    "set r = tool.t.Run()\nemit r.limits.per_dy": "per_day",
    "set r = tool.t.Run()\nemit ```{{r.limits.per_dy}}```": "per_day",
    "set r = tool.t.Run()\nset l = r.limits\nemit l.per_dy": "per_day",
    "set r = nil\nif x\n  set r = tool.t.Run()\nendif\nemit r.outptu": "output",
    "set r = must tool.t.Run()\nemit r.outptu": "output",
    "for each r in tool.t.Batch()\n  emit r.outptu\nendfor": "output",
    "set rs = tool.t.Batch()\nfor each r in rs\n  emit r.outptu\nendfor": "output",
    "set rs = tool.t.Batch()\nfor each i, r in rs\n  emit r.outptu\nendfor": "output",
    "set rs = tool.t.Batch()\nemit rs[0].outptu": "output",
    "set rs = tool.t.Batch()\nset first = rs[x]\nemit first.outptu": "output",
    "set o = tool.t.Order()\nemit o.totl": "total",
    "set s = tool.t.Settings()\nemit s.temprature": "temperature",
    "set r = tool.t.Run()\nset s = r\nset s.extra = 1\nemit s.extra\nemit r.outptu": "output",
    "set p = tool.time.Parts(tool.time.Now())\nemit p.hours": "hour",
    'emit tool.fs.Stat("a").byte_size': "size",
    'for each f in tool.fs.List(".")\n  emit f.is_directory\nendfor': "is_dir",
    # errors
    "on error do\n  emit system_error.mesage\nendon": "message",
    'set e = tool.error.New(1, "x")\nemit e.cod': "code",
}


@pytest.mark.parametrize("body", WRONG)
def test_a_key_that_is_not_there_is_a_warning_with_the_nearest(body: str) -> None:
    (found,) = check(in_main(body))
    assert found.severity == "warning"
    assert f"did you mean '{WRONG[body]}'?" in found.message
    written = found.source_line[found.column - 1 : found.end_column - 1]
    assert found.message.split("'")[1] in written


RIGHT = [
    'call tool.t.Add("a", {"per_minute": 1, "per_day": 2}, {"temperature": 0, "other": 1})',
    'set key = "k"\ncall tool.t.Add("a", {key: 1})',
    'call tool.t.Add("a", x)',
    "set r = tool.t.Run()\nemit r.output\nemit r.limits.per_day",
    "set r = tool.t.Run()\nset r.extra = 1\nemit r.extra",
    "set r = tool.t.Run()\nset r.extra = 1\nset s = r\nemit s.extra\nemit ```{{s.extra}}```",
    "set r = tool.t.Run()\nset r.limits.extra = {}\nemit r.limits.extra.more",
    "set r = tool.t.Run()\nset r[x] = 1\nemit r.extra",
    "set r = tool.t.Run()\nif x\n  set r = {}\nendif\nemit r.other",
    'set r = tool.t.Run()\nset r = tool.map.Set(r, "k", 1)\nemit r.k',
    "set r = tool.t.Run()\nset r = tool.t.Settings()\nemit r.other",
    "set r, s = [tool.t.Run(), 1]\nemit r.other\nemit s",
    'ask "a", "hi" into r\nemit r.other',
    "set y = tool.t.Run()\nemit y.other",
    "for each r in tool.t.Batch()\n  if is_error(r)\n    emit r.message\n  else\n    emit r.output\n  endif\nendfor",
    "for each v in tool.t.Run()\n  emit v.other\nendfor",
    "set rs = tool.t.Batch()\nemit rs[x]",
    "on error do\n  emit system_error.retry_after_seconds\n  emit system_error.code\nendon",
    "set r = r\nemit r.other",
    'set l = {"per_day": 1}\nif x\n  set l = {"per_dy": 1}\nendif\nemit l.per_dy',
    "emit tool.error.Try(tool.t.Run).message",
]


@pytest.mark.parametrize("body", RIGHT)
def test_a_right_program_gets_no_warning(body: str) -> None:
    assert [found.message for found in check(in_main(body)) if "no key" in found.message] == []


def test_the_fields_of_an_event_are_known() -> None:
    text = 'on event "go" as e do\n  emit e.paylod\n  emit e.payload.other\n  emit ```{{e.nme}}```\nendon\n'
    assert [(found.line, found.message) for found in check(text)] == [
        (2, "'paylod' is no key of the event; did you mean 'payload'?"),
        (4, "'nme' is no key of the event; did you mean 'name'?"),
    ]
    nested = 'func main() means\n  on event "go" as e do\n    emit e.data\n  endon\nendfunc\n'
    assert [found.line for found in check(nested)] == [3]
    other = 'on event "go" as e do\n  set e = {"data": 1}\n  emit e.data\nendon\n'
    assert check(other) == []


def test_the_fields_of_events_and_errors_are_those_that_there_are() -> None:
    event = EventValue("go", None, "host", TimeDate.from_unix_nanoseconds(0), "id")
    assert event.fields().keys() == EVENT.fields.keys()
    assert handler_fields(NeuroScriptError(1, "x")).keys() == ERROR.fields.keys()


def test_many_variables_of_one_another_are_no_trouble() -> None:
    chain = "\n".join(f"set a{index + 1} = a{index}" for index in range(3000))
    found = check(in_main(f"set a0 = tool.t.Run()\n{chain}\nemit a3000.outptu\nemit a3.outptu"))
    assert [each.line for each in found] == [3004]


def test_so_many_wrong_keys_are_told_and_no_more() -> None:
    lines = "\n".join(f"emit r.outpt{number}" for number in range(1500))
    assert len(check(in_main(f"set r = tool.t.Run()\n{lines}"))) == 1000


def test_a_map_that_is_given_many_times_is_told_once() -> None:
    calls = 'call tool.t.Add("a", l)\n' * 50
    (found,) = check(in_main(f'set l = {{"per_dy": 1}}\n{calls}'))
    assert found.line == 2


@pytest.mark.parametrize(
    "call", ["tool.time.Format(t)", "tool.time.Parse(s)", "tool.time.Format()", "tool.time.Format(time: t)"]
)
def test_a_time_without_a_layout_is_no_finding(call: str) -> None:
    source = f"func main(needs t, s) means\n  return tool.time.{call}\nendfunc\n"
    with Interpreter(plugins=False) as interpreter:
        assert [found for found in interpreter.check(source) if found.rule_name == "foreign-layout"] == []
