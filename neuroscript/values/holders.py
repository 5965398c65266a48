"""How often Python counts a list or map that only one place holds.

Whoever is about to change one in place, or to look at one but once, compares its reference count with these.  What the
count is depends on the version of Python and on the form of the code that asks, so all of them are measured here at
import, by functions of the same forms.

From Python 3.14 on, what is passed to a call is mostly *borrowed* from the local that holds it: neither the call nor
the parameter adds to the count, and nor does a variable to which the parameter is assigned.  So a function cannot tell
by the count whether its caller still holds what it was given (`PARAMETERS_BORROW`), unless it takes hold of it first,
by ``given = (given,)[0]``.  ``value or value`` passes a value that is not borrowed.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

refcount: Callable[[object], int] = getattr(sys, "getrefcount", lambda _, /: 1 << 30)
"""The reference count of an object; on a Python that keeps none, one by which everything counts as shared."""


# --- the forms, each with a number of other holders -------------------------------------------------------------------


def _in_local(others: int = 0) -> int:
    value: list[Any] = []
    _ = [value] * others
    return refcount(value)


def _unborrowed(others: int = 0) -> int:
    value: list[Any] = []
    _ = [value] * others
    return refcount(value or value)


def _shared(others: int = 0) -> int:
    value: list[Any] = []
    _ = [value] * others

    def inner() -> int:
        nonlocal value
        return refcount(value or value)

    return inner()


def _of(given: list[Any]) -> int:
    return refcount(given)


def _in_helper(others: int = 0) -> int:
    value: list[Any] = []
    _ = [value] * others
    return _of(value)


def _unborrowed_in_helper(others: int = 0) -> int:
    value: list[Any] = []
    _ = [value] * others
    return _of(value or value)


def _of_taken(given: list[Any]) -> int:
    given = (given,)[0]
    return refcount(given)


def _taken(others: int = 0) -> int:
    value: list[Any] = []
    _ = [value] * others
    return _of_taken(value)


def _in_container(others: int = 0) -> int:
    container: list[Any] = [[]]
    value = container[0]
    _ = [value] * others
    return refcount(value)


def _bound_in_container(others: int = 0) -> int:
    container: list[Any] = [[]]
    _ = container * others
    return refcount(_bound := container[0])


def _item_in_helper(others: int = 0) -> int:
    count = 0
    container: list[list[Any]] = [[]]
    for value in container:
        _ = [value] * others
        count = _of(value)
    return count


def _in_copied_list(others: int = 0) -> int:
    count = 0
    container: list[list[Any]] = [[]]
    for _index, value in enumerate(container.copy()):
        _ = [value] * others
        count = refcount(value)
    return count


def _in_copied_map(others: int = 0) -> int:
    count = 0
    container: dict[str, list[Any]] = {"": []}
    copy = container.copy()
    for _key, value in copy.items():
        _ = [value] * others
        count = refcount(value)
    return count


# --- what they give ---------------------------------------------------------------------------------------------------

IN_LOCAL = _in_local()
"""In a local; of a parameter too, once the function has taken hold of it."""

IN_HELPER = _in_helper()
"""In a function's parameter that it got from a caller's local."""

UNBORROWED_IN_HELPER = _unborrowed_in_helper()
"""The same, where the value that the caller passed was not borrowed."""

IN_CONTAINER = _in_container()
"""In a list or map, when a local holds it too."""

BOUND_IN_CONTAINER = _bound_in_container()
"""In a list or map, when the expression whose value is counted has just bound a local to it as well."""

ITEM_IN_HELPER = _item_in_helper()
"""In a list or map, when a parameter holds it too that was given by a loop's local."""

IN_COPIED_LIST = _in_copied_list()
"""In a list and its copy, when a loop over the copy that counts the items holds it too."""

IN_COPIED_MAP = _in_copied_map()
"""In a map and its copy, when a loop over the copy's entries holds it too."""

UNBORROWED = _unborrowed() - _in_local()
"""What is to be added to the counts in locals where the call that counts does not borrow."""

PARAMETERS_BORROW = _of([]) == _in_helper()
"""Whether the count of a function's parameter does not tell whether its caller goes on to hold the value."""


def _every_holder_counts() -> bool:
    forms: list[Callable[..., int]] = [_in_local, _unborrowed, _shared, _in_helper, _unborrowed_in_helper, _taken]
    forms += _in_container, _bound_in_container, _item_in_helper, _in_copied_list, _in_copied_map
    each_counts = all(form(others) == form() + others for form in forms for others in (1, 2))
    return each_counts and _shared() == _unborrowed() and _taken() == _in_local() + 1


if not _every_holder_counts():  # pragma: no cover - other Pythons
    # No count is to be trusted: nothing is ever found to have one holder, and every change copies.
    IN_LOCAL = IN_HELPER = UNBORROWED_IN_HELPER = IN_CONTAINER = BOUND_IN_CONTAINER = ITEM_IN_HELPER = -1
    IN_COPIED_LIST = IN_COPIED_MAP = -1

COUNTS = IN_LOCAL, IN_HELPER, UNBORROWED_IN_HELPER, IN_CONTAINER, BOUND_IN_CONTAINER, UNBORROWED, PARAMETERS_BORROW
"""What generated code goes by; it is of no use to a Python that counts otherwise."""
