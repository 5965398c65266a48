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
