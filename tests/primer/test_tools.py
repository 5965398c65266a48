"""How the primer shows tools: their calls, what it says of their results, and what is left where there are many."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from neuroscript import ArgSpec, ArgType, Interpreter, ToolSpec
from neuroscript.primer.tools import tools_part
from tests.primer.trials import Trial, trials

TRIALS = trials("tools.md")
WIDE = 100_000


def spec(name: str, *args: ArgSpec, primer: str = "", variadic: bool = False, administers: bool = False) -> ToolSpec:
    return ToolSpec(name=name, args=args, primer=primer, variadic=variadic, administers=administers)


def needs(name: str) -> ArgSpec:
    return ArgSpec(name, ArgType.ANY)


def optional(name: str) -> ArgSpec:
    return ArgSpec(name, ArgType.ANY, required=False)


def lines(*specs: ToolSpec, room: int = WIDE) -> list[str]:
    """The lines below the legend."""
    return tools_part(specs, room).splitlines()[1:]


@pytest.mark.parametrize("trial", TRIALS, ids=str)
def test_what_is_said_of_a_tool_is_so(trial: Trial, tmp_path: Path) -> None:
    trial.run(tmp_path)


def test_what_is_said_is_tried_out() -> None:
    with Interpreter() as interpreter:
        said = {spec.name for spec in interpreter.tools.specs() if spec.primer}
    assert said == {trial.heading for trial in TRIALS}


def test_every_key_that_is_said_is_tried_out() -> None:
    programs = {trial.heading: "" for trial in TRIALS}
    for trial in TRIALS:
        programs[trial.heading] += trial.code + " ".join(trial.emits)
    with Interpreter() as interpreter:
        for tool in interpreter.tools.specs():
            for keys in re.findall(r"[{,](\w+_\w+)(?=[:,}])", tool.primer):
                assert keys in programs[tool.name], (tool.name, keys)


def test_calls_stand_with_their_group() -> None:
    assert lines(spec("shop.Price", needs("item"), optional("count")), spec("shop.Close")) == [
        "shop: Close() Price(item,count?)"
    ]


def test_equal_arguments_are_written_once() -> None:
    assert lines(spec("m.A", needs("x")), spec("m.B", needs("x"), needs("y")), spec("m.C", needs("x"))) == [
        "m(x): A/C(_) B(_,y)"
    ]


def test_calls_with_other_results_stand_apart() -> None:
    assert lines(spec("m.A", primer="→[x]"), spec("m.B"), spec("m.C", primer="→[x]")) == ["m: A/C()→[x] B()"]


def test_a_variadic_argument_has_dots() -> None:
    assert lines(spec("m.A", needs("first"), needs("rest"), variadic=True)) == ["m: A(first,rest…)"]


def test_administration_is_named_alone() -> None:
    assert lines(spec("m.Drop", needs("all"), administers=True), spec("m.A")) == ["m: A() Drop"]


def test_notes_stand_below_unless_they_name_what_is_not_there() -> None:
    note = "Say a.\nSee tool.m.A.\nSee tool.m.B.\n→x"
    assert lines(spec("m.A", primer=note)) == ["m: A()→x", "  Say a.", "  See tool.m.A."]


def test_help_is_named_only_where_it_may_be_called() -> None:
    assert "ToolsHelp" not in tools_part([spec("m.A")], WIDE)
    assert 'tool.Meta.ToolsHelp("G.X")' in tools_part([spec("m.A"), spec("Meta.ToolsHelp")], WIDE)


def test_no_tools() -> None:
    assert tools_part([], WIDE) == "This host gives programs no tools."


# --- many tools -------------------------------------------------------------------------------------------------------

FEW = [spec("few.One", needs("argument"), optional("first"), optional("second"), optional("third"), primer="A note.")]
MANY = [spec(f"many.Tool{i}", needs(f"argument{i}"), optional("first"), optional("second")) for i in range(20)]


def shapes(room: int) -> list[str]:
    return [line.partition(":")[2][:45].strip() or line for line in lines(*FEW, *MANY, room=room) if "note" not in line]


def test_optional_arguments_go_first() -> None:
    full = len(tools_part(FEW + MANY, WIDE))
    assert shapes(full) == ["One(argument,first?,second?,third?)", "Tool0(argument0,first?,_?) Tool1(argument1,f"]
    brief = shapes(full - 1)
    assert brief[1].startswith("Tool0(argument0,first?,…)")


def test_then_arguments_then_names() -> None:
    names = shapes(700)
    assert names[0].startswith("One(argument,first?,…)")
    assert names[1].startswith("Tool0 Tool1 Tool10")
    assert lines(*FEW, *MANY, room=250)[-1].startswith("More groups, with the number of their tools: ")


@pytest.mark.parametrize("room", [10_000, 5_000, 3_000, 1_000, 500, 300])
@pytest.mark.parametrize("groups", [1, 30, 300])
def test_it_is_never_longer_than_there_is_room(room: int, groups: int) -> None:
    specs = [
        spec(
            f"group{i % groups}.DoWhatIsWanted{i}", needs("first_argument"), optional("second"), primer="A note on it."
        )
        for i in range(300)
    ]
    text = tools_part(specs, room)
    assert len(text) <= room
    assert text == tools_part(specs[::-1], room)
