"""Where names are defined and used, and what else has to change when one gets another name."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from lsprotocol import types as lsp

from neuroscript.compiler.resolve import SYSTEM_NAMES
from neuroscript.language_server.document import Document, uses_in
from neuroscript.language_server.names import Kind, Occurrence, Role, is_local
from neuroscript.language_server.project import Definition, Project, shown_path
from neuroscript.runtime.operators import BUILTINS
from neuroscript.syntax.tables import BUILTIN_WORDS, SOFT_WORDS, WORDS
from neuroscript.values import TYPE_CONSTANTS

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

Place = tuple[Document, Occurrence]


class CannotRename(Exception):
    """A name that cannot be another one; the message says why."""


# --- definitions -----------------------------------------------------------------------------------------------------


def definition(project: Project, document: Document, position: lsp.Position) -> list[lsp.Location]:
    """Where the name at a position is defined: a procedure's header, a parameter, the statements that set a variable;
    and for the path of a file that is used, the file."""
    offset = document.text.offset(position)
    for path, start, end in uses_in(document):
        if start <= offset <= end:
            return _used_file(project, document, path)
    found = document.name_at(offset)
    if found is None:
        return []
    if found.kind is Kind.ARGUMENT:
        owner = project.procedure(document, found.owner)
        param = _parameter(owner, found.name) if owner is not None else None
        return [_location(project, *param)] if param is not None else []
    if is_local(found):
        return [_location(project, document, each) for each in _defining(document, found)]
    if found.kind is Kind.PROCEDURE:
        target = _procedure_name(project.procedure(document, found.name))
        return [_location(project, *target)] if target is not None else []
    return []


def _used_file(project: Project, document: Document, path: str) -> list[lsp.Location]:
    wanted = path.rpartition("/")[2]
    for other in project.used(document):
        if other.path.replace("\\", "/").endswith(f"/{wanted}") and _names_file(document, path, other):
            return [lsp.Location(project.uri(other), other.text.range(0, 0))]
    return []


def _names_file(document: Document, path: str, other: Document) -> bool:
    beside = os.path.join(os.path.dirname(document.path), path)
    return os.path.realpath(beside) == os.path.realpath(other.path)


def _defining(document: Document, found: Occurrence) -> list[Occurrence]:
    """The parameter, or the first statement that sets a variable; the first of each branch is as good as the others."""
    every = _of_variable(document, found)
    declared = [each for each in every if each.role is Role.DEFINITION]
    return declared or [each for each in every if each.role is Role.WRITE][:1]


def _parameter(owner: Definition, name: str) -> Place | None:
    for each in owner.document.names:
        is_owner = each.body is not None and each.body.procedure is owner.procedure
        if each.role is Role.DEFINITION and each.kind is Kind.PARAMETER and each.name == name and is_owner:
            return owner.document, each
    return None


def _procedure_name(found: Definition | None) -> Place | None:
    if found is None:
        return None
    for each in found.document.names:
        is_it = each.body is not None and each.body.procedure is found.procedure
        if each.kind is Kind.PROCEDURE and each.role is Role.DEFINITION and is_it:
            return found.document, each
    return None


# --- references ------------------------------------------------------------------------------------------------------


def references(
    project: Project, document: Document, position: lsp.Position, *, declaration: bool
) -> list[lsp.Location]:
    """All places where the name at a position is used.

    Args:
        project: with all other documents.
        document: the text.
        position: of the name.
        declaration: whether the place where it is defined counts too.
    """
    found = document.name_at(document.text.offset(position))
    if found is None:
        return []
    return [
        _location(project, *place)
        for place in _everywhere(project, document, found)
        if declaration or place[1].role is not Role.DEFINITION
    ]


def highlights(project: Project, document: Document, position: lsp.Position) -> list[lsp.DocumentHighlight]:
    """The places in one document where the name at a position is used."""
    found = document.name_at(document.text.offset(position))
    if found is None:
        return []
    writes = (Role.WRITE, Role.DEFINITION)
    kinds = lsp.DocumentHighlightKind
    return [
        lsp.DocumentHighlight(
            document.text.range(each.start, each.end), kinds.Write if each.role in writes else kinds.Read
        )
        for each in _within(project, document, found)
    ]


def _everywhere(project: Project, document: Document, found: Occurrence) -> Iterator[Place]:
    """The places of a name in all documents that it can be used in, each once."""
    if found.kind is Kind.ARGUMENT:
        owner = project.procedure(document, found.owner)
        param = _parameter(owner, found.name) if owner is not None else None
        if param is not None:
            yield from _everywhere(project, *param)
        return
    if is_local(found):
        for each in _of_variable(document, found):
            yield document, each
        procedure = found.body.procedure if found.body is not None and found.kind is Kind.PARAMETER else None
        if procedure is not None:
            yield from _arguments(project, document, procedure.name, found.name)
        return
    others = project.files() if found.kind is Kind.TOOL else project.loaded_with(document)
    for other in others:
        for each in other.names:
            if _is_same(found, each):
                yield other, each


def _within(project: Project, document: Document, found: Occurrence) -> list[Occurrence]:
    if found.kind is Kind.ARGUMENT or found.kind is Kind.PARAMETER:
        return [each for other, each in _everywhere(project, document, found) if other is document]
    if is_local(found):
        return _of_variable(document, found)
    return [each for each in document.names if _is_same(found, each)]


def _is_same(one: Occurrence, other: Occurrence) -> bool:
    """Whether two names that are no variables are one."""
    if one.kind is not other.kind:
        return False
    return one.name.lower() == other.name.lower() if one.kind is Kind.TOOL else one.name == other.name


def _of_variable(document: Document, found: Occurrence) -> list[Occurrence]:
    every = document.names_in(found.body) if found.body is not None else []
    return [each for each in every if each.name == found.name and is_local(each)]


def _arguments(project: Project, document: Document, procedure: str, name: str) -> Iterator[Place]:
    """Where a parameter is given by its name."""
    for other in project.loaded_with(document):
        for each in other.names:
            if each.kind is Kind.ARGUMENT and each.owner == procedure and each.name == name:
                yield other, each


# --- renaming --------------------------------------------------------------------------------------------------------


def prepare_rename(project: Project, document: Document, position: lsp.Position) -> lsp.Range:
    """The name at a position that can be another one.

    Raises:
        CannotRename: if there is none.
    """
    found = _renamable(project, document, position)
    return document.text.range(found.start, found.end)


def rename(project: Project, document: Document, position: lsp.Position, name: str) -> lsp.WorkspaceEdit:
    """The changes that give the name at a position another form, everywhere.

    Raises:
        CannotRename: if it cannot be, or cannot be that one.
    """
    found = _renamable(project, document, position)
    _check_name(found, name)
    places = list(_everywhere(project, document, found))
    if found.kind is Kind.PROCEDURE:
        _check_calls(project, document, found)
    for other, each in places:
        _check_clash(project, other, each, found, name)
    changes: dict[str, list[lsp.TextEdit]] = {}
    for other, each in places:
        edit = lsp.TextEdit(other.text.range(each.start, each.end), name)
        changes.setdefault(project.uri(other), []).append(edit)
    return lsp.WorkspaceEdit(changes)


def _renamable(project: Project, document: Document, position: lsp.Position) -> Occurrence:
    found = document.name_at(document.text.offset(position))
    if found is None:
        raise CannotRename("there is no name here")
    if is_local(found):
        _check_variable(project, document, found)
        return found
    if found.kind is Kind.TOOL or found.owner.startswith("tool."):
        raise CannotRename("tools are the host's: their names and those of their arguments cannot be changed here")
    if found.kind is Kind.ARGUMENT:
        owner = project.procedure(document, found.owner)
        if owner is None or _parameter(owner, found.name) is None:
            raise CannotRename(f"the procedure '{found.owner}', whose parameter this is, is not known")
        return found
    if project.procedure(document, found.name) is None:
        raise CannotRename(f"'{found.name}' is no name of this program's")
    return found


def _check_variable(project: Project, document: Document, found: Occurrence) -> None:
    """Refuses a variable that the language sets, and one of whose calls it is not known what they call."""
    name = found.name
    if name in SYSTEM_NAMES and found.body is not None and found.body.handlers:
        raise CannotRename(f"'{name}' is set where an error is handled")
    is_called = any(each.role is Role.CALL for each in _of_variable(document, found))
    if is_called and (name in BUILTINS or name == "len" or project.procedure(document, name) is not None):
        raise CannotRename(f"'{name}' is called here too, which may be the function of that name")


def _check_name(found: Occurrence, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise CannotRename(f"{name!r} is no name: letters, digits and _ make one, and no digit stands first")
    reserved = WORDS if found.kind is Kind.PROCEDURE else WORDS - SOFT_WORDS - BUILTIN_WORDS
    if name in reserved:
        raise CannotRename(f"`{name}` is a reserved word; `{name}_value` would do")
    if name in TYPE_CONSTANTS or (name in BUILTIN_WORDS or name in SOFT_WORDS):
        raise CannotRename(f"`{name}` has a meaning of its own; `{name}_value` would do")


def _check_calls(project: Project, document: Document, found: Occurrence) -> None:
    """Refuses a procedure that has the name of a variable that is called, since the call may be the procedure's."""
    for other in project.loaded_with(document):
        for each in other.names:
            if each.name == found.name and each.role is Role.CALL and is_local(each) and each.body is not None:
                message = f"'{found.name}' is a variable in {each.body.name}, and what is called there may be either"
                raise CannotRename(message)


def _check_clash(project: Project, document: Document, each: Occurrence, found: Occurrence, name: str) -> None:
    """Refuses a name that stands for something else where another one is to become it."""
    body = each.body
    if each.kind is Kind.ARGUMENT or name == found.name:
        return
    if name in document.interpreter.runtime.globals:
        raise CannotRename(f"'{name}' is a name that the host sets")
    if body is not None and (name in body.variables or name in body.reads):
        raise CannotRename(f"'{name}' is used in {body.name} already")
    # A variable that is not set yet gives the procedure of its name, so none gets such a name either.
    if is_local(each) or (each.kind is Kind.PROCEDURE and each.role is Role.DEFINITION):
        other = project.procedure(document, name)
        if other is not None:
            raise CannotRename(f"there is a procedure '{name}' already, in {shown_path(other.document, document)}")


# --- files -----------------------------------------------------------------------------------------------------------


def links(project: Project, document: Document) -> list[lsp.DocumentLink]:
    """The paths of the files that a program uses, as links to them."""
    found = []
    for path, start, end in uses_in(document):
        for target in _used_file(project, document, path):
            found.append(lsp.DocumentLink(document.text.range(start, end), target.uri))
    return found


def _location(project: Project, document: Document, found: Occurrence) -> lsp.Location:
    return lsp.Location(project.uri(document), document.text.range(found.start, found.end))
