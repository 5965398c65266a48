"""The keys that specs declare are those that the tools give."""

from __future__ import annotations

from pathlib import Path

import pytest

from neuroscript import Interpreter, ToolRegistry
from neuroscript.stdlib import standard_registry
from tests.jobs.test_tools import CALLS as job_calls
from tests.shape_differences import result_differences

CALLS = {
    "approval.Request": 'tool.approval.Request("Go on?")',
    "fs.List": 'tool.fs.List(".")',
    "fs.Stat": 'tool.fs.Stat("notes/today.txt")',
    "fs.Walk": "tool.fs.Walk()",
    "json.Validate": 'tool.json.Validate({"n": 1.5}, {"properties": {"n": {"type": "integer"}}})',
    "run.Budget": "tool.run.Budget()",
    "script.ListFunctions": "tool.script.ListFunctions()",
    "time.Parts": "tool.time.Parts(tool.time.Now())",
}
"""The tools that give maps with keys of their own, each with a call that gives one."""

KEYS_OF_DATA = {
    "list.CountBy",
    "list.GroupBy",
    "map.DeepMerge",
    "map.Delete",
    "map.Filter",
    "map.FromEntries",
    "map.MapValues",
    "map.Merge",
    "map.Omit",
    "map.Pick",
    "map.Set",
}
"""The tools that give maps whose keys are those of what they are given."""


def standard() -> ToolRegistry:
    return standard_registry()


def test_every_tool_that_gives_maps_says_with_which_keys() -> None:
    giving = {spec.name for spec in standard().specs() if spec.return_type in ("map", "slice_map")}
    declared = {spec.name for spec in standard().specs() if spec.result_shape is not None}
    assert declared == CALLS.keys() | job_calls.keys()
    assert giving - declared == KEYS_OF_DATA


@pytest.mark.parametrize("name", CALLS)
def test_the_declared_keys_are_those_given(name: str, tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "today.txt").write_text("rain")
    program = f":: author: me\nfunc main(optional x returns r) means\n  return {CALLS[name]}\nendfunc\n"
    with Interpreter(sandbox=tmp_path, approver=lambda approval: True) as interpreter:
        interpreter.load(program)
        result = interpreter.run("main")
    assert result_differences(standard().lookup(name).spec, result) == []
