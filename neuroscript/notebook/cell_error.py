"""The exception by which a cell fails: its text is shown in the place of a traceback."""

from __future__ import annotations

from neuroscript.errors import NeuroScriptError


class CellError(Exception):
    """Raised when a cell fails, so that what would run after it is not.

    Args:
        message: what happened, in one line.
        text: what is shown: the place, the program's line with a caret, the script's stack.

    Attributes:
        error: the error of the program; None for wrong options.
    """

    def __init__(self, message: str, text: str = "", error: NeuroScriptError | None = None) -> None:
        super().__init__(message)
        self.text = text or message
        self.error = error

    def _render_traceback_(self) -> list[str]:
        """The lines that IPython shows, which asks for them by this name."""
        return self.text.split("\n")
