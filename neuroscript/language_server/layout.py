"""Formatting: the changes that lay a document out as ``neuroscript fmt`` does."""

from __future__ import annotations

import difflib
from itertools import pairwise

from lsprotocol import types as lsp

from neuroscript.errors import NeuroScriptSyntaxError
from neuroscript.formatting import format_source
from neuroscript.language_server.document import Document
from neuroscript.syntax.source import LINE_END

_MOST_COMPARED = 20_000  # lines that are compared to find what has changed


def formatting(document: Document) -> list[lsp.TextEdit] | None:
    """The changes that lay a document out; None if it does not parse, which diagnostics tell of.

    Lines that are right already are left alone, so that cursors and marks in them stay.
    """
    before = document.content
    try:
        after = format_source(before, document.path)
    except NeuroScriptSyntaxError:
        return None
    if before == after:
        return []
    old, new = _lines(before), _lines(after)
    if len(old) > _MOST_COMPARED:
        return [lsp.TextEdit(document.text.whole(), after)]
    edits = []
    for tag, first, last, begin, end in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag != "equal":
            start = document.text.offset_of(first + 1, 0) if first < len(old) else len(before)
            stop = document.text.offset_of(last + 1, 0) if last < len(old) else len(before)
            edits.append(lsp.TextEdit(document.text.range(start, stop), "".join(new[begin:end])))
    return edits


def _lines(text: str) -> list[str]:
    """The lines with their ends."""
    starts = [0, *(match.end() for match in LINE_END.finditer(text)), len(text)]
    return [text[start:end] for start, end in pairwise(starts) if end > start]
