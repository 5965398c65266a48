"""Trees that recursive procedures make: as deep as the limit, and no deeper, whether anybody looks or not."""

from __future__ import annotations

import pytest

from neuroscript import Interpreter, Limits, NeuroScriptError
from neuroscript.compiler.analysis import analyse
from neuroscript.runtime import abi

from .support import mentioned

# Each makes a tree by so many calls inside one another: its text, and the levels of each call.
MAKERS = {
    "a list of two": (
        "func make(needs n) means\nif n == 0\nreturn [nil, nil]\nendif\nreturn [make(n - 1), 0]\nendfunc",
        1,
    ),
    "the last item": ("func make(needs n) means\nif n == 0\nreturn []\nendif\nreturn [1, 2, make(n - 1)]\nendfunc", 1),
    "a map": (
        'func make(needs n) means\nif n == 0\nreturn nil\nendif\nreturn {"left": make(n - 1), "n": n}\nendfunc',
        1,
    ),
    "a variable": (
        (
            'func make(needs n) means\nif n == 0\nreturn {"k": n}\nendif\nset inner = make(n - 1)\n'
            'set node = {"k": 0}\nset node.k = inner\nreturn node\nendfunc'
        ),
        1,
    ),
    "a list in a map": (
        'func make(needs n) means\nif n == 0\nreturn {"kids": []}\nendif\nreturn {"kids": [make(n - 1)]}\nendfunc',
        2,
    ),
    "items appended": (
        (
            'func make(needs n) means\nset node = {"name": "n" + n, "kids": []}\nset i = 0\nwhile i < 1 and n > 0\n'
            "set node.kids = tool.list.Append(node.kids, make(n - 1))\nset i = i + 1\nendwhile\nreturn node\nendfunc"
        ),
        2,
    ),
    "two procedures": (
        (
            "func make(needs n) means\nif n == 0\nreturn []\nendif\nreturn [other(n - 1)]\nendfunc\n"
            'func other(needs n) means\nif n == 0\nreturn []\nendif\nreturn {"k": make(n - 1)}\nendfunc'
        ),
        1,
    ),
    "three levels and a sum of lists": (
        "func make(needs n) means\nif n == 0\nreturn []\nendif\nreturn [] + [[[make(n - 1)]]]\nendfunc",
        3,
    ),
}
MAIN = "\nfunc main(needs n) means\nset tree = make(n)\nreturn typeof tree\nendfunc\n"


def looks_at(source: str) -> frozenset[str]:
    """The names of the runtime that the code of ``make`` mentions, for the calls of the program itself."""
    return mentioned(source, "t_make") or mentioned(source, "p_make")


def outcome(source: str, calls: int, max_nesting: int) -> tuple[int, int]:
    """The code and line of the error that ``main`` ends with, zeros for none."""
    with Interpreter(plugins=False, limits=Limits(max_nesting=max_nesting)) as interpreter:
        interpreter.load(source, "main.ns")
        try:
            interpreter.run("main", calls)
        except NeuroScriptError as error:
            return int(error.code), error.line
    return 0, 0


def agree(source: str, calls: list[int], max_nesting: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The codes of the errors of calls, which are the same where all that is stored is looked at."""
    found = [outcome(source, number, max_nesting) for number in calls]
    with monkeypatch.context() as patched:
        patched.setattr(analyse, "find_growth", lambda *_: {})
        assert found == [outcome(source, number, max_nesting) for number in calls]
    return [code for code, _ in found]


@pytest.mark.parametrize("max_nesting", [12, 40, 100])
@pytest.mark.parametrize("maker", MAKERS)
def test_a_tree_is_as_deep_as_the_limit_and_no_deeper(
    maker: str, max_nesting: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, each = MAKERS[maker]
    most = max_nesting // each
    codes = agree(text + MAIN, [1, most // 2, *range(most - 3, most + 4), most * 2], max_nesting, monkeypatch)
    assert codes[:2] == [0, 0]
    assert codes[-2:] == [38, 38]


@pytest.mark.parametrize("maker", MAKERS)
def test_its_depth_is_not_looked_at_while_calls_are_not_deep(maker: str) -> None:
    assert abi.DEEP_CALLS in looks_at(MAKERS[maker][0] + MAIN)


@pytest.mark.parametrize("last", [35, 38, 39, 40, 41])
def test_calls_that_were_deep_have_all_that_follows_looked_at(last: int, monkeypatch: pytest.MonkeyPatch) -> None:
    more = f"""
func deep(needs n) means
  if n > 0
    return deep(n - 1)
  endif
  return make(35)
endfunc
func main(needs n) means
  set tree = deep(n)
  set tree = make(30)
  return typeof make({last})
endfunc
"""
    agree(MAKERS["a list of two"][0] + more, [0, 50, 300], 40, monkeypatch)


UNBOUNDED = {
    "a parameter": "func make(needs n, t) means\nif n == 0\nreturn t\nendif\nreturn [make(n - 1, t)]\nendfunc",
    "a loop": (
        "func make(needs n, t) means\nset v = [n]\nset i = 0\nwhile i < n\nset v = [v]\nset i = i + 1\nendwhile\n"
        "if n > 90\nset v = [make(n - 1, t)]\nendif\nreturn v\nendfunc"
    ),
    "a tool": (
        'func make(needs n, t) means\nif n == 0\nreturn tool.json.Parse("[[[[[[[[[[]]]]]]]]]]")\nendif\n'
        "return [make(n - 1, t)]\nendfunc"
    ),
    "an item of what may be an event": (
        "func make(needs n, t) means\nif n == 0\nreturn t.k\nendif\nreturn [make(n - 1, t)]\nendfunc"
    ),
}


@pytest.mark.parametrize("maker", UNBOUNDED)
def test_what_else_may_be_deep_is_looked_at(maker: str) -> None:
    main = "\nfunc main(needs n) means\nset t = [[[[[[[[[[[[n]]]]]]]]]]]]\nreturn make(n, t)\nendfunc\n"
    names = looks_at(UNBOUNDED[maker] + main)
    assert abi.NESTED in names
    assert abi.DEEP_CALLS not in names


def test_a_parameter_that_grows_from_call_to_call_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    text = """
func grow(needs n, t) means
  if n == 0
    return [t]
  endif
  return [grow(n - 1, [t]), 0]
endfunc
func main(needs n) means
  return typeof grow(n, [])
endfunc
"""
    assert agree(text, [10, 18, 19, 20, 21, 30], 40, monkeypatch)[-1] == 38


# Each puts so many keys in order into a tree, which is one level deeper with each: the deepest that trees can be.
KEEPERS = {
    "the same place": """
func insert(needs node, key) means
  if node == nil
    return {"key": key, "left": nil, "right": nil}
  endif
  if key < node.key
    set node.left = insert(node.left, key)
  else
    set node.right = insert(node.right, key)
  endif
  return node
endfunc
""",
    "a map made anew": """
func insert(needs node, key) means
  if node == nil
    return {"key": key, "left": nil, "right": nil}
  endif
  return {"key": node.key, "left": node.left, "right": insert(node.right, key)}
endfunc
""",
    "through a variable": """
func insert(needs node, key) means
  if node == nil
    return {"key": key, "right": nil}
  endif
  set below = node.right
  set below = insert(below, key)
  set node.right = below
  return node
endfunc
""",
    "two procedures": """
func insert(needs node, key) means
  if node == nil
    return {"key": key, "right": nil}
  endif
  return put_right(node, key)
endfunc
func put_right(needs node, key) means
  set node.right = insert(node.right, key)
  return node
endfunc
""",
}
INSERT = """
func main(needs n) means
  set root = nil
  set i = 0
  while i < n
    set root = insert(root, i)
    set i = i + 1
  endwhile
  return typeof root
endfunc
"""


@pytest.mark.parametrize("max_nesting", [24, 40, 100])
@pytest.mark.parametrize("keeper", KEEPERS)
def test_a_tree_that_grows_by_a_leaf_at_a_time_is_as_deep_as_the_limit_and_no_deeper(
    keeper: str, max_nesting: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = [1, max_nesting // 2, *range(max_nesting - 3, max_nesting + 3)]
    codes = agree(KEEPERS[keeper] + INSERT, numbers, max_nesting, monkeypatch)
    assert codes == [0] * 6 + [38] * 2


@pytest.mark.parametrize("keeper", KEEPERS)
def test_what_was_in_an_argument_is_not_looked_at(keeper: str) -> None:
    names = mentioned(KEEPERS[keeper] + INSERT, "t_insert") | mentioned(KEEPERS[keeper] + INSERT, "t_put_right")
    assert abi.DEEP_CALLS in names


# What is given is one level deeper than an argument, or may be.
DEEPENERS = {
    "around an argument": 'func insert(needs node, key) means\nreturn {"inner": node, "key": key}\nendfunc',
    "around an argument of a call": (
        "func insert(needs node, key) means\nif key < 2\nreturn [node]\nendif\n"
        "return [insert([node], key - 2), key]\nendfunc"
    ),
    "an argument in its own item": (
        "func insert(needs node, key) means\nif node == nil\nreturn [nil]\nendif\n"
        "if key < 0\nreturn [insert(node, key)]\nendif\nset node[0] = node\nreturn node\nendfunc"
    ),
    "one argument in the other": (
        "func join(needs node, other, key) means\nif key < 0\nreturn [join(node, other, key)]\nendif\n"
        "set node[0] = other\nreturn node\nendfunc\n"
        "func insert(needs node, key) means\nreturn join([nil], node, key)\nendfunc"
    ),
    "a turned tree": (
        'func insert(needs node, key) means\nif node == nil\nreturn {"key": key, "right": nil}\nendif\n'
        "if key < 0\nreturn [insert(node, key)]\nendif\n"
        'set top = {"key": key, "right": nil}\nset top.right = node\nreturn top\nendfunc'
    ),
}


@pytest.mark.parametrize("deepener", DEEPENERS)
def test_what_is_deeper_than_an_argument_is_looked_at(deepener: str, monkeypatch: pytest.MonkeyPatch) -> None:
    codes = agree(DEEPENERS[deepener] + INSERT, [1, 10, *range(36, 44), 90], 40, monkeypatch)
    assert (codes[0], codes[-1]) == (0, 38)
