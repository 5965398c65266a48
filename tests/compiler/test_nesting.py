"""What is stored in a list or map is looked at for its depth, unless it is an item, which had room one level deeper."""

from __future__ import annotations

import pytest

from neuroscript import ErrorCode, Interpreter, Limits, NeuroScriptError

LIBRARY = """
on event "x" as e do
  set key = "payload"
  set kept = [{}]
  emit "stored"
endon

func nested(needs n) means
  set v = 1
  set i = 0
  while i < n
    set v = [v]
    set i = i + 1
  endwhile
  return v
endfunc

func fire(needs n) means
  call tool.event.Emit("x", nested(n))
endfunc

func store(needs n) means
  set outer = [nested(n)]
  set item = outer[0]
  return len([item, outer[0]])
endfunc

func store_param(needs n) means
  return wrap(nested(n))
endfunc

func wrap(needs v) means
  return len([v])
endfunc
"""


def interpreter(payload: str = "e.payload") -> Interpreter:
    made = Interpreter(plugins=False, limits=Limits(max_nesting=10), emit=[].append)
    made.load(LIBRARY.replace("{}", payload))
    return made


@pytest.mark.parametrize("payload", ["e.payload", 'e["payload"]', "e[key]"])
def test_a_payload_is_no_item(payload: str) -> None:
    interpreter(payload).run("fire", 9)
    with pytest.raises(NeuroScriptError) as raised:
        interpreter(payload).run("fire", 10)
    assert raised.value.code == ErrorCode.NESTING_DEPTH_EXCEEDED


@pytest.mark.parametrize("procedure", ["store", "store_param"])
def test_what_is_no_item_is_looked_at(procedure: str) -> None:
    assert interpreter().run(procedure, 9) in (1, 2)
    with pytest.raises(NeuroScriptError) as raised:
        interpreter().run(procedure, 10)
    assert raised.value.code == ErrorCode.NESTING_DEPTH_EXCEEDED


@pytest.mark.parametrize("limit", [3, 4, 10])
@pytest.mark.parametrize(
    ("pair", "first"),
    [("[t, nil]", 1), ("[nil, t]", 1), ("[t, t]", 1), ('[t, "x", nil]', 1), ('["x", t]', 1), ('[t, {"k": 1}]', 2)],
)
def test_pairs_are_as_deep_as_the_limit_and_no_deeper(pair: str, first: int, limit: int) -> None:
    text = f"""
func wrapped(needs n) means
  set t = nil
  set i = 0
  while i < n
    set t = {pair}
    set i = i + 1
  endwhile
  return typeof t
endfunc
"""
    found = []
    for calls in range(limit + 3):
        with Interpreter(plugins=False, limits=Limits(max_nesting=limit)) as interpreter:
            interpreter.load(text)
            try:
                interpreter.run("wrapped", calls)
                found.append(0)
            except NeuroScriptError as error:
                found.append(int(error.code))
    most = limit - first + 1  # the first one has a level or two of its own
    assert found == [0] * (most + 1) + [ErrorCode.NESTING_DEPTH_EXCEEDED] * (limit + 2 - most)
