"""Names of tools that do not exist: which ones are like them, and what to say of them."""

from __future__ import annotations

from neuroscript.foreign_names import tool_cure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from neuroscript.tools.spec import ToolSpec

_LONG_NAME = 100  # characters from which on no near name is looked for: comparing takes the square of the length


def similar(key: str, specs: Sequence[ToolSpec], count: int) -> list[str]:
    """The names of tools most similar to a name in lower case, the closest first.

    A name of one part, as the older style has it, is compared with the last parts alone.
    """
    if len(key) > _LONG_NAME:
        return []
    import difflib

    names = {spec.name.lower(): spec.name for spec in specs}
    if "." not in key:
        lasts: dict[str, list[str]] = {}
        for known in names:
            lasts.setdefault(known.rpartition(".")[2], []).append(known)
        close = difflib.get_close_matches(key, lasts, count, 0.75)
        return [names[known] for last in close for known in lasts[last]][:count]
    found = difflib.get_close_matches(key, names, count, 0.6)
    if not found:
        found = sorted(known for known in names if known.rpartition(".")[2] == key.rpartition(".")[2])[:count]
    return [names[known] for known in found]


def unknown_tool(name: str, specs: Sequence[ToolSpec], canonical: Callable[[str], str]) -> str:
    """The message for the name of a tool that does not exist.

    Args:
        name: the name as it is written, without ``tool.``.
        specs: of all tools.
        canonical: gives the name of the tool that is found under a name; empty if there is none.
    """
    key = name.lower()
    groups = sorted({spec.group for spec in specs}, key=str.lower)
    lowered = [group.lower() for group in groups]
    if key in lowered:
        some = next(spec.name for spec in specs if spec.group.lower() == key)
        return f"tool.{name} is a group of tools: name one of them, as in tool.{some}"
    group, _, last = key.rpartition(".")
    names = similar(key, specs, 3)
    # Where the group alone is wrong, the tool of that name is meant.
    same = [near for near in names if near.lower().rpartition(".")[2] == last] if group not in lowered else []
    cure = tool_cure(group, last, lowered, canonical)
    if cure and (not same or not cure.startswith("write ")):
        return f"there is no tool tool.{name}; {cure}"
    if names:
        return f"there is no tool tool.{name}; did you mean {' or '.join(f'tool.{n}' for n in same or names)}?"
    return f"there is no tool tool.{name}; the groups are {', '.join(groups) or 'none'}"
