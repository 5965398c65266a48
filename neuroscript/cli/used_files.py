"""The findings in files that several checked programs use, each told once."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from neuroscript.errors import Diagnostic


class UsedFiles:
    """Sorts the findings of several checks by the files that they are in.

    Args:
        checked: the paths of the programs that are checked, whose findings are theirs alone.
    """

    def __init__(self, checked: Iterable[str]) -> None:
        self._checked = {os.path.realpath(path) for path in checked}
        self._told: set[tuple[str, int, int, str]] = set()

    def by_file(self, program: str, findings: Sequence[Diagnostic]) -> list[tuple[str, list[Diagnostic]]]:
        """The findings of one check: those in the program, and those in each file that it uses.

        What has been told of a used file, or will be told since it is itself checked, is left out.
        """
        by_file: dict[str, list[Diagnostic]] = {program: []}
        for one in findings:
            if one.file != program:
                told = os.path.realpath(one.file), one.line, one.column, one.message
                if told[0] in self._checked or told in self._told:
                    continue
                self._told.add(told)
            by_file.setdefault(one.file, []).append(one)
        return list(by_file.items())
