"""``io``, ``os``, ``time``'s clock, ``Meta``, ``error``, ``event`` and ``script``."""

from __future__ import annotations

import json
import time

import pytest

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.stdlib.meta import help_text
from neuroscript.tools.shapes import Shape, ShapeField
from neuroscript.tools.spec import ArgSpec, ArgType, ToolSpec
from neuroscript.values import ErrorValue, TimeDate
from tests.stdlib.world import World


def expect_error(code: ErrorCode, world: World, name: str, *args: object) -> str:
    with pytest.raises(NeuroScriptError) as caught:
        world.call(name, *args)
    assert caught.value.code == code, caught.value.message
    return caught.value.message


def test_printing_emits_one_line() -> None:
    world = World()
    world.call("io.Print", "total:", 3, [1, "a"], None)
    world.call("io.Print")
    assert world.emitted == ['total: 3 [1, "a"] nil', ""]


def test_input_comes_from_the_person() -> None:
    world = World(answers=["Ada", "7"])
    assert world.call("io.Input", "Your name? ") == "Ada"
    assert world.call("io.Input") == "7"
    assert world.emitted == ["Your name? ", ""]


def test_only_allowed_variables_are_read() -> None:
    world = World(environment={"LANG": "C.UTF-8", "EMPTY": ""})
    assert world.call("os.Getenv", "LANG") == "C.UTF-8"
    assert world.call("os.Getenv", "EMPTY") == ""
    for name in ("HOME", "lang", "", "LANG\0"):
        expect_error(ErrorCode.SECURITY, world, "os.Getenv", name)


def test_the_clock() -> None:
    assert abs(World().call("os.Now") - time.time()) < 5
    assert type(World().call("time.Now")) is TimeDate


@pytest.mark.parametrize("name", ["time.Sleep", "os.Sleep"])
def test_sleeping_is_the_hosts_and_has_bounds(name: str) -> None:
    world = World()
    assert world.call(name, 0.25) is True
    assert world.call(name, 3) is True
    assert world.slept == [0.25, 3]
    for seconds in (-1, 86_401, 10**300):
        expect_error(ErrorCode.ARG_MISMATCH, world, name, seconds)
    expect_error(ErrorCode.ARG_MISMATCH, world, name, "soon")


def test_an_error_value_has_code_and_message() -> None:
    assert World().call("error.New", 1001, "no such customer") == ErrorValue(1001, "no such customer")
    assert World().call("error.New", "7", "t") == ErrorValue(7, "t")
    for code in (-1, 2**31):
        expect_error(ErrorCode.INVALID_VALUE, World(), "error.New", code, "x")


def test_events_go_to_the_host() -> None:
    world = World()
    world.call("event.Emit", "paid", {"id": 17})
    world.call("event.Emit", "done")
    assert world.events == [("paid", {"id": 17}), ("done", None)]


def test_scripts_load_and_list_procedures() -> None:
    world = World()
    assert world.call("script.LoadScript", "func twice() means\nendfunc") == ["twice"]
    assert world.loaded == [("func twice() means\nendfunc", "loaded script")]
    assert world.call("script.ListFunctions")[0]["name"] == "twice"


def test_tools_are_listed_and_explained() -> None:
    world = World()
    lines = world.call("Meta.ListTools").splitlines()
    assert "tool.fs.Read(filepath: string) -> string" in lines
    assert lines == sorted(lines, key=str.lower)
    text = world.call("Meta.ToolsHelp", "tool.FS.Re")
    assert text.startswith("## tool.fs.Read(")
    assert "tool.fs.ReadBytes" in text
    assert "tool.fs.Write" not in text
    assert "No tool" in world.call("Meta.ToolsHelp", "fs.Fly")


def test_specifications_are_json_with_schemas() -> None:
    specs = {spec["name"]: spec for spec in json.loads(World().call("Meta.GetToolSpecificationsJSON"))}
    assert specs["fs.Read"]["parameters"]["required"] == ["filepath"]
    assert specs["fs.List"]["args"][1] == {
        "name": "recursive",
        "type": "bool",
        "description": "Folders inside as well.",
        "required": False,
        "default": False,
    }


def test_the_help_of_a_tool_leaves_out_what_it_does_not_have() -> None:
    spec = ToolSpec(name="x.Y", description="Does it.", args=(ArgSpec("a", ArgType.INT, "A number.", required=False),))
    assert help_text(spec) == "\n".join(
        ["## tool.x.Y(a?: int) -> any", "", "Does it.", "", "Arguments:", "- `a` (int, optional): A number."]
    )


def test_the_help_names_the_keys_of_maps() -> None:
    limits = Shape("limits", [ShapeField("per_day", ArgType.INT, "Calls a day.")])
    worker = Shape("worker", [ShapeField("limits", ArgType.MAP, "Its limits.", shape=limits), ShapeField("name")])
    arg = ArgSpec("limits", ArgType.MAP, "Which.", shape=limits)
    text = help_text(ToolSpec(name="a.B", args=(arg,), return_help="The worker.", result_shape=worker))
    assert "- `limits` (map): Which.\n  - `per_day` (int): Calls a day." in text
    assert "Returns: The worker.\n- `limits` (map): Its limits. Keys: `per_day`.\n- `name` (any)" in text
