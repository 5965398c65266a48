"""How IPython shows values of cells: those of ours as the language writes them, all others as ever.

A cell gives Python plain values, such as lists and strings.  So it is not the type that tells which are ours: while a
cell runs, its value is known by its identity.
"""

from __future__ import annotations

import shutil
import sys
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from IPython.display import publish_display_data

from neuroscript.notebook.rendering import html_of, plain_of


class ShownReply(str):
    """A reply that was shown while it came, and is not shown again as the value of the same cell."""

    shown: bool

    def __new__(cls, text: str) -> ShownReply:
        reply = super().__new__(cls, text)
        reply.shown = True
        return reply

    def _ipython_display_(self) -> None:
        """Shows nothing in the cell of the reply; in others, IPython shows it as any text."""
        if not self.shown:
            raise NotImplementedError


class Showing:
    """Shows values in a shell.

    Args:
        shell: the shell, whose formatters learn the types of the values as these come.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        assert shell.display_formatter is not None
        formatters = shell.display_formatter.formatters
        self._plain, self._html = formatters["text/plain"], formatters["text/html"]
        self._before: dict[type, tuple[Any, ...]] = {}  # what the formatters did with values of a type
        self._current: list[Any] = []  # the values of the cell that runs

    def show(self, value: Any) -> None:
        """Shows a value now."""
        bundle = {"text/plain": plain_of(value, _width())}
        html = html_of(value)
        if html is not None:
            bundle["text/html"] = html
        publish_display_data(bundle)  # type: ignore[no-untyped-call]

    def value_of_cell(self, value: Any, was_shown: bool) -> Any:
        """The value of a cell, as Python gets it; IPython shows it at the end if Python does nothing with it.

        Args:
            value: the value.
            was_shown: whether it is a reply that was shown while it came.
        """
        if was_shown:
            value = ShownReply(value)
        elif type(value) not in self._before:
            self._learn(type(value))
        self._current.append(value)
        return value

    def end_cell(self, _result: Any = None) -> None:
        """Has IPython show the values of a cell as Python's from now on."""
        for value in self._current:
            if isinstance(value, ShownReply):
                value.shown = False
        self._current.clear()

    def remove(self) -> None:
        """Has the formatters do what they did before."""
        self.end_cell()
        for kind, befores in self._before.items():
            for (printers, keys), before in zip(self._places(kind), befores, strict=True):
                for key in keys:
                    if before is None:
                        del printers[key]
                    else:
                        printers[key] = before
        self._before.clear()

    def _learn(self, kind: type) -> None:
        """Has the formatters ask here for values of a type, and of those derived from it."""
        places = self._places(kind)
        plain, html = (printers.get(keys[0]) for printers, keys in places)

        def print_value(value: Any, printer: Any, cycle: bool) -> None:
            if self._is_current(value):
                printer.text(plain_of(value, _width()))
            elif plain is not None:
                plain(value, printer, cycle)
            else:
                printer.text(repr(value))

        def to_html(value: Any) -> Any:
            if self._is_current(value):
                return html_of(value)
            # Where a type has a printer, IPython does not look for the method; a derived type may have it.
            method = getattr(type(value), "_repr_html_", None) if html is None else html
            return method(value) if callable(method) else None

        self._before[kind] = plain, html
        for (printers, keys), ours in zip(places, (print_value, to_html), strict=True):
            printers.update(dict.fromkeys(keys, ours))

    def _places(self, kind: type) -> tuple[tuple[dict[Any, Any], tuple[Any, ...]], ...]:
        """Where the printers of a type are kept, for plain text and for HTML: the mapping, and the keys there."""
        html = (self._html.type_printers, (kind,))
        if kind is bool:  # whose two values are printed by their identity
            return (self._plain.singleton_printers, (id(True), id(False))), html
        return (self._plain.type_printers, (kind,)), html

    def _is_current(self, value: Any) -> bool:
        return any(value is each for each in self._current)


def _width() -> int | None:
    """The width of the terminal; None where there is none, and long lines can be scrolled."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None
