"""The part of the primer that is about tools: their calls by group, shortened by rule where there are many.

A group is one line of calls, ``str(input_string): Contains(_,substring) ToLower/…(_)``, and the notes of its tools
(`ToolSpec.primer`): a note that begins with an arrow stands right after its call, the others in lines below.
"""

from __future__ import annotations

import re
from collections import Counter
from enum import IntEnum

from neuroscript.tools.spec import ToolSpec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ARROW = "→"
"""The beginning of a note on the result of a call."""

_TOOL = re.compile(r"\btool\.([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+)")
_HELP = "meta.toolshelp"
_LIST = "meta.listtools"


class Form(IntEnum):
    """How much the primer tells of a group, from most to least."""

    FULL = 0
    """Calls with all arguments, and notes."""
    BRIEF = 1
    """Calls with one optional argument at most, and notes."""
    NAMES = 2
    """Names, and the notes that are not on results."""
    COUNT = 3
    """The number of tools."""


class Group:
    """The tools of one group, and how they are shown in each form.

    Args:
        name: the name of the group.
        specs: its tools.
        names: the names of all tools that programs may call, in lower case.
    """

    def __init__(self, name: str, specs: Sequence[ToolSpec], names: set[str]) -> None:
        self.name = name
        self.form = Form.FULL
        self._specs = specs
        lines = [line for spec in specs for line in usable_lines(spec.primer, names)]
        self._notes = [line for line in lines if not line.startswith(ARROW)]
        self._subject = _subject(specs)

    @property
    def text(self) -> str:
        """The lines of the group in its form."""
        return self.text_in(self.form)

    def text_in(self, form: Form) -> str:
        """Returns the lines of the group in a form."""
        if form == Form.COUNT:
            return f"{self.name} ({len(self._specs)})"
        if form == Form.NAMES:
            head = f"{self.name}: {' '.join(map(_short_name, self._specs))}"
        else:
            subject = f"({self._subject})" if self._subject else ""
            head = f"{self.name}{subject}: {' '.join(self._calls(brief=form == Form.BRIEF))}"
        return "\n  ".join([head, *self._notes])

    def _calls(self, *, brief: bool) -> list[str]:
        """The calls, those with the same arguments together; then the names of what is for administration."""
        together: dict[str, list[str]] = {}
        for spec in self._specs:
            if not spec.administers:
                together.setdefault(self._arguments(spec, brief), []).append(_short_name(spec))
        calls = ["/".join(names) + arguments for arguments, names in together.items()]
        return calls + [_short_name(spec) for spec in self._specs if spec.administers]

    def _arguments(self, spec: ToolSpec, brief: bool) -> str:
        """The arguments of a call in parentheses, and what the primer tells of its result."""
        words: list[str] = []
        optional = 0
        for index, arg in enumerate(spec.args):
            word = "_" if arg.name == self._subject else arg.name
            if spec.variadic and index == len(spec.args) - 1:
                word += "…"
            elif not arg.required:
                word += "?"
                optional += 1
                if brief and optional > 1:
                    word = "…"
            if word != "…" or words[-1:] != ["…"]:
                words.append(word)
        result = next((note for note in spec.primer.splitlines() if note.startswith(ARROW)), "")
        return f"({','.join(words)}){result}"


def tools_part(specs: Sequence[ToolSpec], room: int) -> str:
    """Returns the text about the tools in at most ``room`` characters.

    Where it would be longer, one group after another gets the next form: the one that saves just enough, or else most.
    No group is two forms ahead of another.  Where even the numbers of tools are too long, the last groups are left out.
    """
    names = names_of(specs)
    groups = _groups(specs, names)
    while len(text := _joined(groups, names)) > room:
        form = min((group.form for group in groups), default=Form.COUNT)
        if form == Form.COUNT:
            return _cut(text, room)
        _shorten([group for group in groups if group.form == form], len(text) - room)
    return text


def _shorten(groups: Sequence[Group], wanted: int) -> None:
    """Gives one of the groups, all of the same form, the next form."""
    savings = [
        (len(group.text) - len(group.text_in(Form(group.form + 1))), index) for index, group in enumerate(groups)
    ]
    enough = [saving for saving in savings if saving[0] >= wanted]
    _, index = min(enough) if enough else max(savings)
    groups[index].form = Form(groups[index].form + 1)


def names_of(specs: Iterable[ToolSpec]) -> set[str]:
    """Returns the names of tools in lower case."""
    return {spec.name.lower() for spec in specs}


def usable_lines(text: str, names: set[str]) -> list[str]:
    """Returns the lines of a text that name no other tools than those of the given names, in lower case."""
    return [line for line in text.splitlines() if all(name.lower() in names for name in _TOOL.findall(line))]


def _groups(specs: Iterable[ToolSpec], names: set[str]) -> list[Group]:
    found: dict[str, list[ToolSpec]] = {}
    for spec in sorted(specs, key=lambda spec: spec.name.lower()):
        found.setdefault(spec.group, []).append(spec)
    return [Group(name, found[name], names) for name in sorted(found, key=str.lower)]


def _joined(groups: Sequence[Group], names: set[str]) -> str:
    if not groups:
        return "This host gives programs no tools."
    shown = [group.text for group in groups if group.form != Form.COUNT]
    counted = [group.text for group in groups if group.form == Form.COUNT]
    if counted:
        shown.append("More groups, with the number of their tools: " + ", ".join(counted))
    return "\n".join([_legend(groups, names), *shown])


def _legend(groups: Sequence[Group], names: set[str]) -> str:
    legend = (
        "Tools, always with `tool.`: `G(a): X/Y(_,b,c?,d…)→r` means that tool.G.X(a, b, c, d, …) gives r, and so does "
        "tool.G.Y; c is optional, d any number."
    )
    form = max(group.form for group in groups)
    if form == Form.BRIEF:
        legend += " `…` alone: more options."
    if _HELP in names:
        legend += ' tool.Meta.ToolsHelp("G.X") explains one.'
    if _LIST in names and form > Form.BRIEF:
        legend += " tool.Meta.ListTools() has all calls."
    return legend


def _cut(text: str, room: int) -> str:
    """The beginning of a text, up to a comma, in ``room`` characters."""
    ending = ", …"
    return text[: max(room - len(ending), 0)].rpartition(", ")[0] + ending


def _subject(specs: Sequence[ToolSpec]) -> str:
    """The name of an argument that takes most room in the calls of a group, and is written once; empty if none does."""
    counts = Counter(arg.name for spec in specs if not spec.administers for arg in spec.args)
    saved = {name: (count - 1) * (len(name) - 1) for name, count in counts.items() if count > 2}
    return max(saved, key=lambda name: saved[name], default="")


def _short_name(spec: ToolSpec) -> str:
    return spec.name.rpartition(".")[2]
