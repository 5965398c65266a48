"""What of the definitions' journal the file does not hold, if another program may have written the file.

The journal says after which of its lines the file was written, and with which bytes.  So there are four cases:

* There is no file, or nothing in it.  That is no statement, so all that the journal tells comes back.
* The file is as this program wrote it last: the lines behind that are not in it yet.
* It is as this program wrote it before: somebody put an older state back, such as an editor that had it open, or a
  backup.  The changes since are applied to it, and told of.
* It is neither: it was edited.  Then each definition that the journal speaks of is compared by its digest.  What the
  file holds in an older state than the journal's last is replaced by that.  Where the file holds something else, and
  the journal a change that was never written to it, the journal's holds and the file's is set aside; where the change
  had been written, the file's is an edit of it, and holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ai_wm.data.types import AIWorkerDefinition
from ai_wm.store.definitions_journal import PARTIAL, JournaledChange, Line, Written, digest_of


@dataclass(slots=True)
class Merge:
    """The changes to apply to what the file holds."""

    changes: list[JournaledChange] = field(default_factory=list)
    aside: list[AIWorkerDefinition] = field(default_factory=list)
    """What the file holds, and a change of the journal replaces, which did not know of it."""
    returned: list[str] = field(default_factory=list)
    """The ids of the definitions whose changes had been written, and are put back."""
    lost: list[str] = field(default_factory=list)
    """The ids of the definitions that come from the journal alone, for the file that held them is missing or empty."""
    missing: list[str] = field(default_factory=list)
    """The ids of the definitions that the journal knows to have been written, and that the file has no more."""
    edited: bool = False
    """Whether the file is not one that this program wrote."""


def merge(found: Mapping[str, AIWorkerDefinition], digest: str, lines: Sequence[Line]) -> Merge:
    """Find out what to apply to the file.

    Args:
        found: the definitions that the file holds.
        digest: the digest of its bytes; "" if there is none.
        lines: the journal.
    """
    written = [number for number, line in enumerate(lines) if isinstance(line, Written)]
    if not written:
        return Merge()
    if not digest:
        return _all(lines)
    last = written[-1]
    holding = [number for number in written if _digest_at(lines, number) == digest]
    if holding:
        after = lines[holding[-1] :]
        result = Merge([change for line in after if not isinstance(line, Written) for change in line])
        known = lines[holding[-1] : last] if holding[-1] < last else []
        names = [change.definition_id for line in known if not isinstance(line, Written) for change in line]
        result.returned = list(dict.fromkeys(names))
        return result
    return _compare(found, lines, last)


def _all(lines: Sequence[Line]) -> Merge:
    """All definitions that the journal tells."""
    result = Merge([change for line in lines if not isinstance(line, Written) for change in line])
    last = {change.definition_id: change for change in result.changes}
    if any(isinstance(line, Written) and line.digest not in ("", PARTIAL) for line in lines):
        result.lost = [definition_id for definition_id, change in last.items() if change.new is not None]
    return result


class _Placed(NamedTuple):
    """A change of the journal, and where it stands there: the number of its line, and its own in that."""

    place: tuple[int, ...]
    change: JournaledChange


def _digest_at(lines: Sequence[Line], number: int) -> str:
    line = lines[number]
    return line.digest if isinstance(line, Written) else ""


def _compare(found: Mapping[str, AIWorkerDefinition], lines: Sequence[Line], last: int) -> Merge:
    result = Merge(edited=True)
    histories: dict[str, list[_Placed]] = {}
    for number, line in enumerate(lines):
        if not isinstance(line, Written):
            for position, change in enumerate(line):
                histories.setdefault(change.definition_id, []).append(_Placed((number, position), change))
    made: list[_Placed] = []
    for definition_id, history in histories.items():
        final = history[-1]
        in_file = found.get(definition_id)
        digest = "" if in_file is None else digest_of(in_file.to_file())
        if digest == final.change.digest:
            continue
        older = {each.change.was for each in history} | {each.change.digest for each in history}
        if final.place > (last,):
            made += _latest([each for each in history if each.place > (last,)])
            if in_file is not None and digest not in older:
                result.aside.append(in_file)
        elif in_file is None:
            result.missing.append(definition_id)
        elif digest in older:
            made.append(final)
            result.returned.append(definition_id)
    result.changes = [each.change for each in sorted(made, key=lambda each: each.place)]
    return result


def _latest(history: list[_Placed]) -> list[_Placed]:
    """What is left of the changes of one definition: its last state, at the place in the order that it came to."""
    removals = [number for number, each in enumerate(history[:-1]) if each.change.new is None]
    first = removals[-1] + 1 if removals else 0
    return [*history[max(0, first - 1) : first], _Placed(history[first].place, history[-1].change)]
