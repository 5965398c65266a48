"""Findings of `neuroscript.checking` as an editor shows them."""

from __future__ import annotations

import os
from typing import Any

from lsprotocol import types as lsp

from neuroscript.checking import NOTE, check
from neuroscript.errors import Diagnostic, NeuroScriptError
from neuroscript.language_server.document import Document, uses_in
from neuroscript.language_server.project import Project, program_text

SOURCE = "neuroscript"

_SEVERITIES = {
    "error": lsp.DiagnosticSeverity.Error,
    "warning": lsp.DiagnosticSeverity.Warning,
    NOTE: lsp.DiagnosticSeverity.Information,
}
_UNNECESSARY = frozenset({"unreachable", "unused-ignore"})
_MOST = 500
_MOST_USED = 20  # errors in used files that are told of


def diagnostics(project: Project, document: Document) -> list[lsp.Diagnostic]:
    """Everything that is wrong with a program, and the errors in the files that it uses, which stand at their entry."""
    try:
        found = check(document.interpreter, program_text(document), (), project.edited())
    except NeuroScriptError as error:  # of a plugin that cannot be loaded, or the directory is gone
        return [lsp.Diagnostic(document.text.range(0, 0), error.message, lsp.DiagnosticSeverity.Error, source=SOURCE)]
    own = [one for one in found if one.file == document.path]
    used = [one for one in found if one.file != document.path and one.severity == "error"]
    shown = [_shown(document, one) for one in own[:_MOST]]
    return shown + [_shown_at_use(project, document, one) for one in used[:_MOST_USED]]


def range_of(document: Document, one: Diagnostic) -> lsp.Range:
    """Where a finding stands in its line; that of the end of a line takes the last character."""
    first = document.text.offset_of(one.line, 0)
    last = first + len(document.text.line(one.line - 1))
    start = min(document.text.offset_of(one.line, one.column - 1), last)
    end = min(document.text.offset_of(one.line, max(one.end_column, one.column) - 1), last)
    return document.text.range(start if end > start else max(first, end - 1), end)


def _shown(document: Document, one: Diagnostic) -> lsp.Diagnostic:
    data: dict[str, Any] = {"rule": one.rule_name, "hint": one.hint}
    return lsp.Diagnostic(
        range_of(document, one),
        _message(one),
        _SEVERITIES[one.severity],
        code=one.rule or int(one.code),
        source=SOURCE,
        tags=[lsp.DiagnosticTag.Unnecessary] if one.rule_name in _UNNECESSARY else None,
        data=data,
    )


def _message(one: Diagnostic) -> str:
    message = f"{one.message} ({one.rule_name})" if one.rule_name else one.message
    return f"{message}\nhint: {one.hint}" if one.hint else message


def _shown_at_use(project: Project, document: Document, one: Diagnostic) -> lsp.Diagnostic:
    """An error in a used file, at the entry that names it, or at the first one if another file uses it."""
    entries = list(uses_in(document))
    real = os.path.realpath(one.file)
    folder = os.path.dirname(document.path)
    places = [(start, end) for path, start, end in entries if os.path.realpath(os.path.join(folder, path)) == real]
    start, end = (places or [(start, end) for _, start, end in entries] or [(0, 0)])[0]
    related = None
    other = project.at(real)
    if other is not None:
        place = lsp.Location(project.uri(other), range_of(other, one))
        related = [lsp.DiagnosticRelatedInformation(place, one.message)]
    message = f"{os.path.basename(one.file)}, line {one.line}: {_message(one)}"
    return lsp.Diagnostic(
        document.text.range(start, end),
        message,
        lsp.DiagnosticSeverity.Error,
        code=one.rule or int(one.code),
        source=SOURCE,
        related_information=related,
    )
