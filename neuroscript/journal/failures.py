"""Finds out which calls of a run that failed are made again when it goes on."""

from __future__ import annotations

from neuroscript.journal.approvals import APPROVAL
from neuroscript.journal.entries import ERROR, EVENTS, IDEMPOTENT, READ

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from neuroscript.journal.entries import Entry, Path


def failed_calls(known: Mapping[Path, Entry], within: Mapping[Path, set[Path]]) -> list[Path]:
    """The call by whose failure a run ended, with those above and below it that failed by it.

    They are made again; what was done within them before is not.

    Args:
        known: the calls of the run.
        within: of each place, those just below it.
    """
    last = max(known.values(), key=lambda entry: max(entry.begun, entry.ended), default=None)
    if last is None or last.state != ERROR:
        return []
    found: list[Path] = []
    for size in range(len(last.path) - 1, 0, -1):
        above = known.get(last.path[:size])
        if above is None or above.state != ERROR:
            break
        found.append(above.path)
    return found + _failed_below(last.path, known, within)


def _failed_below(failed: Path, known: Mapping[Path, Entry], within: Mapping[Path, set[Path]]) -> list[Path]:
    """A call that failed, and the last one below it if that is what it failed by, or may be made again."""
    found = [failed]
    for path in sorted(within.get(failed, ()), reverse=True):
        entry = known.get(path)
        if entry is None:  # a place of calls that went on side by side
            for each in within.get(path, ()):
                if each in known and known[each].state == ERROR:
                    found += _failed_below(each, known, within)
        elif entry.tool == APPROVAL:
            continue
        elif entry.tool.startswith(EVENTS) or entry.effect == READ:  # told of the failure
            found += _all_below(path, within)
        elif entry.state == ERROR:
            return found + _failed_below(path, known, within)
        else:
            return found + _all_below(path, within) if entry.effect == IDEMPOTENT else found
    return found


def _all_below(above: Path, within: Mapping[Path, set[Path]]) -> list[Path]:
    """A place with those below it."""
    return [above, *(path for below in within.get(above, ()) for path in _all_below(below, within))]
