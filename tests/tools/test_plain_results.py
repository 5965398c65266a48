"""Results of tools that are annotated with a plain type: compared with it, by whichever way the tool is called."""

from __future__ import annotations

from typing import Any

import pytest

from neuroscript import Interpreter, NeuroScriptError

FITTING = [(int, 5), (int, -(2**40)), (float, 0.5), (float, 5), (str, "x"), (str, "ä"), (bool, True), (None, None)]
OTHERS = [(int, "x"), (int, True), (int, 0.5), (int, None), (float, "x"), (str, 5), (bool, 1), (None, 5), (str, ["a"])]


def call(annotation: Any, result: Any, way: str) -> Any:
    with Interpreter(plugins=False) as interpreter:

        def give():  # type: ignore[no-untyped-def]
            return result

        give.__annotations__["return"] = annotation
        interpreter.tool("host.Give")(give)
        if way == "the host":
            return interpreter.tools.call("host.Give", context=interpreter.host_context())
        interpreter.load("func main() means\n  return tool.host.Give()\nendfunc\n")
        return interpreter.run("main")


@pytest.mark.parametrize("way", ["a program", "the host"])
@pytest.mark.parametrize(("annotation", "result"), FITTING)
def test_a_result_of_the_type_is_given(annotation: Any, result: Any, way: str) -> None:
    given = call(annotation, result, way)
    assert (given, type(given)) == (result, type(result))


@pytest.mark.parametrize("way", ["a program", "the host"])
@pytest.mark.parametrize(("annotation", "result"), OTHERS)
def test_any_other_is_error_21(annotation: Any, result: Any, way: str) -> None:
    with pytest.raises(NeuroScriptError, match="the tool's result is annotated as") as raised:
        call(annotation, result, way)
    assert raised.value.code == 21
