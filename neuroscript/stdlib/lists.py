"""The tools of group ``list``.  None changes its arguments; items are shared, not copied."""

from __future__ import annotations

from typing import Any

from neuroscript.errors import ErrorCode
from neuroscript.stdlib import list_functions
from neuroscript.stdlib.declare import Context, Group, check_items, check_run, fail, max_items, optional, required
from neuroscript.stdlib.equality import Classes, find_equal, have_own_hashes
from neuroscript.stdlib.ordering import DESCENDING, are_numbers, check_ordered
from neuroscript.stdlib.sums import NOT_A_NUMBER, sum_of
from neuroscript.tools.spec import ArgType
from neuroscript.tools.validation import given

_group = Group("list")
TOOLS = _group.tools

_LIST = required("list", ArgType.SLICE_ANY, "The list.")
_ELEMENT = required("element", ArgType.ANY, "The value.")
_INDEX = required("index", ArgType.INT, "The index, from 0.")
_FEW = 64  # items of a list that is dissolved in one go
_TOO_LONG = "37 if the result would be too long"
_ORDERED = "7 if the items are not all numbers, all strings or all timedates"


# --- reading ----------------------------------------------------------------------------------------------------------


@_group.tool(
    "Length",
    _LIST,
    returns=ArgType.INT,
    result="The number of items.",
    example="tool.list.Length([1, 2, 3]) = 3",
    brief=True,
)
def length(items: list[Any]) -> int:
    """Counts the items of a list."""
    return len(items)


@_group.tool(
    "IsEmpty",
    _LIST,
    returns=ArgType.BOOL,
    result="Whether it has no items.",
    example="tool.list.IsEmpty([]) = true",
    brief=True,
)
def is_empty(items: list[Any]) -> bool:
    """Tells whether a list is empty."""
    return not items


@_group.tool(
    "Get",
    _LIST,
    _INDEX,
    optional("default", ArgType.ANY, "What to give where there is no such item."),
    returns=ArgType.ANY,
    result="The item, or the default where the index is out of range or negative.",
    example='tool.list.Get([10, 20], 5, "none") = "none"',
    brief=True,
)
def get(items: list[Any], index: int, default: Any) -> Any:
    """Reads an item of a list."""
    return items[index] if 0 <= index < len(items) else default


@_group.tool(
    "Head",
    _LIST,
    returns=ArgType.ANY,
    result="The first item; nil of an empty list.",
    example="tool.list.Head([7, 8]) = 7",
    brief=True,
)
def head(items: list[Any]) -> Any:
    """Gives the first item of a list."""
    return items[0] if items else None


@_group.tool(
    "Rest",
    _LIST,
    returns=ArgType.SLICE_ANY,
    result="All items but the first.",
    example="tool.list.Rest([1, 2, 3]) = [2, 3]",
)
def rest(items: list[Any]) -> list[Any]:
    """Gives a list without its first item."""
    return items[1:]


@_group.tool(
    "Tail",
    _LIST,
    required("count", ArgType.INT, "How many items."),
    returns=ArgType.SLICE_ANY,
    result="The last items, at most so many; none where count is 0 or less.",
    example="tool.list.Tail([1, 2, 3], 2) = [2, 3]",
)
def tail(items: list[Any], count: int) -> list[Any]:
    """Gives the last items of a list."""
    return items[-count:] if count > 0 else []


@_group.tool(
    "Slice",
    _LIST,
    required("start", ArgType.INT, "The index of the first item."),
    required("end", ArgType.INT, "The index after the last item."),
    returns=ArgType.SLICE_ANY,
    result="Those items; indices beyond the ends count as the ends.",
    primer="Range and Slice leave end out.",
    example="tool.list.Slice([1, 2, 3, 4], 1, 3) = [2, 3]",
)
def cut(items: list[Any], start: int, end: int) -> list[Any]:
    """Takes a part of a list."""
    return items[max(start, 0) : max(end, 0)]


@_group.tool(
    "Contains",
    _LIST,
    _ELEMENT,
    returns=ArgType.BOOL,
    result="Whether an item of the same type equals it.",
    example="tool.list.Contains([1, [2]], [2]) = true",
)
def contains(items: list[Any], element: Any) -> bool:
    """Tells whether a list contains a value."""
    return find_equal(items, element) >= 0


@_group.tool(
    "IndexOf",
    _LIST,
    _ELEMENT,
    returns=ArgType.INT,
    result="The index of the first item of the same type that equals it, or -1.",
    primer="→index|-1",
    example='tool.list.IndexOf(["a", "b"], "b") = 1',
)
def index_of(items: list[Any], element: Any) -> int:
    """Finds a value in a list."""
    return find_equal(items, element)


# --- growing and shrinking --------------------------------------------------------------------------------------------


@_group.tool(
    "Append",
    _LIST,
    _ELEMENT,
    returns=ArgType.SLICE_ANY,
    result="The list with the value at its end.",
    example="tool.list.Append([1], 2) = [1, 2]",
    errors=_TOO_LONG,
)
def append(ctx: Context | None, items: list[Any], element: Any) -> list[Any]:
    """Adds a value at the end of a list."""
    check_items(ctx, len(items) + 1, "list.Append")
    return [*items, element]


@_group.tool(
    "Push",
    _LIST,
    _ELEMENT,
    returns=ArgType.SLICE_ANY,
    result="The list with the value at its end, as Append gives it.",
    example="tool.list.Push([1], 2) = [1, 2]",
    errors=_TOO_LONG,
)
def push(ctx: Context | None, items: list[Any], element: Any) -> list[Any]:
    """Puts a value on the end of a list, from where Pop takes it."""
    check_items(ctx, len(items) + 1, "list.Push")
    return [*items, element]


@_group.tool(
    "Pop",
    _LIST,
    returns=ArgType.SLICE_ANY,
    result="A list of two: the list without its last item, and that item (`set xs, x = tool.list.Pop(xs)`).",
    primer="→[rest,item]",
    example="tool.list.Pop([1, 2, 3]) = [[1, 2], 3]",
    errors="8 if the list is empty",
)
def pop(items: list[Any]) -> list[Any]:
    """Takes the last item from a list."""
    if not items:
        fail(ErrorCode.BOUNDS, "list.Pop", "the list is empty; test with len() first")
    return [items[:-1], items[-1]]


@_group.tool(
    "Prepend",
    _LIST,
    _ELEMENT,
    returns=ArgType.SLICE_ANY,
    result="The list with the value at its beginning.",
    example="tool.list.Prepend([1], 0) = [0, 1]",
    errors=_TOO_LONG,
)
def prepend(ctx: Context | None, items: list[Any], element: Any) -> list[Any]:
    """Adds a value at the beginning of a list."""
    check_items(ctx, len(items) + 1, "list.Prepend")
    return [element, *items]


@_group.tool(
    "Insert",
    _LIST,
    _INDEX,
    _ELEMENT,
    returns=ArgType.SLICE_ANY,
    result="The list with the value before the item of that index; the length as index adds at the end.",
    example="tool.list.Insert([1, 3], 1, 2) = [1, 2, 3]",
    errors=f"8 if the index is out of range; {_TOO_LONG}",
)
def insert(ctx: Context | None, items: list[Any], index: int, element: Any) -> list[Any]:
    """Adds a value within a list."""
    if not 0 <= index <= len(items):
        fail(ErrorCode.BOUNDS, "list.Insert", f"index {index} is out of range; the list has {len(items)} items")
    check_items(ctx, len(items) + 1, "list.Insert")
    return [*items[:index], element, *items[index:]]


@_group.tool(
    "Remove",
    _LIST,
    _INDEX,
    returns=ArgType.SLICE_ANY,
    result="The list without that item.",
    example="tool.list.Remove([1, 2, 3], 1) = [1, 3]",
    errors="8 if the index is out of range",
)
def remove(items: list[Any], index: int) -> list[Any]:
    """Removes the item of an index."""
    if not 0 <= index < len(items):
        fail(ErrorCode.BOUNDS, "list.Remove", f"index {index} is out of range; the list has {len(items)} items")
    return [*items[:index], *items[index + 1 :]]


@_group.tool(
    "Concat",
    required("lists", ArgType.SLICE_ANY, "The lists."),
    returns=ArgType.SLICE_ANY,
    result="Their items, in order.",
    example="tool.list.Concat([1], [2, 3], []) = [1, 2, 3]",
    errors=_TOO_LONG,
    variadic=True,
)
def concat(ctx: Context | None, lists: list[list[Any]]) -> list[Any]:
    """Joins lists to one."""
    check_items(ctx, sum(map(len, lists)), "list.Concat")
    joined = lists[0].copy()
    for each in lists[1:]:
        joined += each
    return joined


@_group.tool(
    "Flatten",
    _LIST,
    optional("depth", ArgType.INT, "How many levels of lists to dissolve.", 1),
    returns=ArgType.SLICE_ANY,
    result="The items, those of lists among them in their place.",
    example="tool.list.Flatten([1, [2, [3]]]) = [1, 2, [3]]",
    errors=f"8 if depth is negative; {_TOO_LONG}",
)
def flatten(ctx: Context | None, items: list[Any], depth: int) -> list[Any]:
    """Dissolves the lists within a list."""
    if depth < 0:
        fail(ErrorCode.BOUNDS, "list.Flatten", f"depth is {depth}; it must be 0 or more")
    flat: list[Any] = []
    if depth == 1 and len(items) <= _FEW:
        for item in items:
            if type(item) is list:
                flat += item
            else:
                flat.append(item)
            if len(flat) > _FEW:
                break
        else:
            check_items(ctx, len(flat), "list.Flatten")
            return flat
        flat = []
    open_lists = [iter(items)]
    steps, most = 0, 2 * max_items(ctx)
    while open_lists:
        for item in open_lists[-1]:
            # Lists that share empty lists take many steps and give no items, so steps are bounded too.
            steps += 1
            if steps > most or len(flat) > most:
                check_items(ctx, steps, "list.Flatten")
            if type(item) is list and len(open_lists) <= depth:
                open_lists.append(iter(item))
                break
            flat.append(item)
        else:
            open_lists.pop()
    check_items(ctx, len(flat), "list.Flatten")
    check_run(ctx, steps)
    return flat


@_group.tool(
    "Zip",
    required("lists", ArgType.SLICE_ANY, "The lists."),
    returns=ArgType.SLICE_ANY,
    result="A list of the first items, one of the second items, and so on, as far as the shortest goes.",
    primer="→[[a,b],…]",
    example='tool.list.Zip([1, 2], ["a", "b"]) = [[1, "a"], [2, "b"]]',
    errors=_TOO_LONG,
    variadic=True,
)
def zip_lists(ctx: Context | None, lists: list[list[Any]]) -> list[list[Any]]:
    """Pairs the items of lists by their index."""
    check_items(ctx, min(map(len, lists)) * len(lists), "list.Zip")
    return list(map(list, zip(*lists)))  # noqa: B905  # as far as the shortest goes; to name it takes as long


@_group.tool(
    "Enumerate",
    _LIST,
    returns=ArgType.SLICE_ANY,
    result="A list [index, item] for each item, in order.",
    primer="→[[index,item],…]",
    example='tool.list.Enumerate(["a", "b"]) = [[0, "a"], [1, "b"]]',
)
def number(items: list[Any]) -> list[list[Any]]:
    """Pairs each item of a list with its index."""
    return list(map(list, enumerate(items)))


@_group.tool(
    "Chunk",
    _LIST,
    required("size", ArgType.INT, "How many items in each part, 1 or more."),
    returns=ArgType.SLICE_ANY,
    result="The parts; the last one may be shorter.",
    example="tool.list.Chunk([1, 2, 3], 2) = [[1, 2], [3]]",
    errors="8 if size is less than 1",
)
def chunk(items: list[Any], size: int) -> list[list[Any]]:
    """Cuts a list into parts of one size."""
    if size < 1:
        fail(ErrorCode.BOUNDS, "list.Chunk", f"size is {given(size)}; it must be 1 or more")
    return [items[start : start + size] for start in range(0, len(items), min(size, len(items) or 1))]


@_group.tool(
    "Range",
    required("start", ArgType.INT, "The first number."),
    required("end", ArgType.INT, "Where to stop; not included."),
    optional("step", ArgType.INT, "The difference from one to the next; not 0.", 1),
    returns=ArgType.SLICE_INT,
    result="The numbers.",
    example="tool.list.Range(0, 10, 3) = [0, 3, 6, 9]",
    errors=f"41 if step is 0; {_TOO_LONG}",
)
def number_range(ctx: Context | None, start: int, end: int, step: int) -> list[int]:
    """Lists whole numbers at equal distances."""
    if step == 0:
        fail(ErrorCode.INVALID_VALUE, "list.Range", "step is 0; it must be another number")
    count = max(0, -((start - end) // step))
    check_items(ctx, count, "list.Range")
    return list(range(start, end, step))


@_group.tool(
    "Repeat",
    _ELEMENT,
    required("count", ArgType.INT, "How often, 0 or more."),
    returns=ArgType.SLICE_ANY,
    result="A list of that value, so many times.",
    example="tool.list.Repeat(0, 3) = [0, 0, 0]",
    errors=f"8 if count is negative; {_TOO_LONG}",
)
def repeat(ctx: Context | None, element: Any, count: int) -> list[Any]:
    """Makes a list of one value."""
    if count < 0:
        fail(ErrorCode.BOUNDS, "list.Repeat", f"count is {given(count)}; it must be 0 or more")
    check_items(ctx, count, "list.Repeat")
    return [element] * count


# --- order ------------------------------------------------------------------------------------------------------------


@_group.tool(
    "Reverse",
    _LIST,
    returns=ArgType.SLICE_ANY,
    result="The items in the opposite order.",
    example="tool.list.Reverse([1, 2, 3]) = [3, 2, 1]",
)
def reverse(items: list[Any]) -> list[Any]:
    """Reverses a list."""
    return items[::-1]


@_group.tool(
    "Sort",
    _LIST,
    DESCENDING,
    returns=ArgType.SLICE_ANY,
    result="The items in order: numbers by value, strings by code point, timedates by time.",
    example="tool.list.Sort([3, 1, 2]) = [1, 2, 3]",
    errors=_ORDERED,
)
def sort(items: list[Any], descending: bool) -> list[Any]:
    """Sorts a list. Equal items keep their order."""
    if not are_numbers(map(type, items)):
        check_ordered(items, "list.Sort")
    return sorted(items, reverse=True) if descending else sorted(items)


@_group.tool(
    "Unique",
    _LIST,
    returns=ArgType.SLICE_ANY,
    result="The items without those that equal an earlier one of the same type.",
    example="tool.list.Unique([1, 2, 1, [3], [3]]) = [1, 2, [3]]",
)
def unique(items: list[Any]) -> list[Any]:
    """Removes repeated items."""
    if have_own_hashes(items):
        return list(dict.fromkeys(items))
    classes = Classes()
    seen: dict[int, Any] = {}
    for item in items:
        seen.setdefault(classes.of(item), item)
    return list(seen.values())


# --- numbers ----------------------------------------------------------------------------------------------------------


@_group.tool(
    "Sum",
    _LIST,
    returns=ArgType.NUMBER,
    result="The sum; 0 of an empty list.",
    example="tool.list.Sum([1, 2, 3.5]) = 6.5",
    errors=NOT_A_NUMBER,
)
def total(items: list[Any]) -> int | float:
    """Adds up the numbers of a list, from the left."""
    return sum_of(items, "list.Sum")


@_group.tool(
    "Min",
    _LIST,
    returns=ArgType.ANY,
    result="The smallest item, or nil of an empty list.",
    example="tool.list.Min([3, 1, 2]) = 1",
    errors=_ORDERED,
)
def minimum(items: list[Any]) -> Any:
    """Gives the smallest item of a list."""
    if not are_numbers(map(type, items)):
        check_ordered(items, "list.Min")
    return min(items) if items else None


@_group.tool(
    "Max",
    _LIST,
    returns=ArgType.ANY,
    result="The largest item, or nil of an empty list.",
    example="tool.list.Max([3, 1, 2]) = 3",
    errors=_ORDERED,
)
def maximum(items: list[Any]) -> Any:
    """Gives the largest item of a list."""
    if not are_numbers(map(type, items)):
        check_ordered(items, "list.Max")
    return max(items) if items else None


TOOLS += list_functions.TOOLS
