"""What is shown of the name under the cursor, and of the call that it is in."""

from __future__ import annotations

from lsprotocol import types as lsp

from neuroscript.language_server import describing
from neuroscript.language_server.context import call_at, chain_before
from neuroscript.language_server.document import Document
from neuroscript.language_server.fields import fields_at
from neuroscript.language_server.names import Kind, Occurrence
from neuroscript.language_server.project import Project, shown_path
from neuroscript.syntax import nodes as n
from neuroscript.syntax.lexer import NAME
from neuroscript.syntax.tables import KEYWORDS
from neuroscript.tools.spec import ToolSpec
from neuroscript.values import TYPE_CONSTANTS

_WORDS = frozenset({NAME, *KEYWORDS.values()})


def hover(project: Project, document: Document, position: lsp.Position) -> lsp.Hover | None:
    """What the name or word at a position is."""
    offset = document.text.offset(position)
    found = document.name_at(offset)
    if found is not None:
        text = _name_text(project, document, found)
        return _shown(document, text, found.start, found.end) if text else None
    place = document.token_at(offset)
    if place is None or document.tokens.codes[place] not in _WORDS:
        return None
    start, end, word = document.tokens.starts[place], document.tokens.ends[place], document.tokens.texts[place]
    chain = chain_before(document, start)
    text = describing.word_text(word) if chain is None else _field_text(document, start, word)
    return _shown(document, text, start, end) if text else None


def _name_text(project: Project, document: Document, found: Occurrence) -> str:
    name = found.name
    if found.kind is Kind.TOOL:
        return _tool_text(document, name)
    if found.kind is Kind.ARGUMENT:
        return _argument_text(project, document, found)
    body = found.body
    if body is not None and found.kind in (Kind.VARIABLE, Kind.PARAMETER):
        kind = describing.type_name(document.types(body).types[name])
        held = document.shapes(body).held(n.Name(body.span, name))
        word = "parameter" if name in body.params else "variable"
        return describing.variable_text(name, word, kind, held)
    procedure = project.procedure(document, name)
    if procedure is not None:
        other = procedure.document
        path = "" if other is document else shown_path(other, document)
        return describing.procedure_text(procedure.procedure, path)
    if name in document.interpreter.runtime.globals:
        return describing.variable_text(name, "name that the host sets", "", None)
    if name in TYPE_CONSTANTS:
        return describing.variable_text(name, f'type constant, `"{TYPE_CONSTANTS[name]}"`', "string", None)
    return describing.word_text(name)


def _tool_text(document: Document, name: str) -> str:
    tool = document.interpreter.tools.get(name)
    if tool is not None:
        return describing.tool_text(tool.spec, refused=not document.interpreter.policy.permits(tool.spec))
    begin = f"{name.lower().rstrip('.')}."
    specs = [spec for spec in document.interpreter.tools.specs() if spec.name.lower().startswith(begin)]
    return "\n".join(f"- `{spec.usage}`" for spec in specs)


def _argument_text(project: Project, document: Document, found: Occurrence) -> str:
    if found.owner.startswith("tool."):
        tool = document.interpreter.tools.get(found.owner)
        for number, arg in enumerate(tool.spec.args if tool is not None else ()):
            if tool is not None and arg.name == found.name:
                text = describing.argument_text(tool.spec, number)
                return f"{describing.code(f'{arg.name}: {arg.type_text}')}\n\n{text}"
        return ""
    procedure = project.procedure(document, found.owner)
    if procedure is None:
        return ""
    text = dict(procedure.procedure.metadata).get(f"param:{found.name}", "")
    return f"{describing.code(found.name)}\n\n{describing.plain(text) or f'A parameter of `{found.owner}`.'}"


def _field_text(document: Document, start: int, key: str) -> str:
    for field in fields_at(document, start):
        if field.name == key:
            keys = describing.shape_text(field.shape) if field.shape is not None else ""
            return "\n\n".join(
                part for part in (describing.code(f"{key}: {field.type}"), field.description, keys) if part
            )
    return ""


def _shown(document: Document, text: str, start: int, end: int) -> lsp.Hover:
    return lsp.Hover(lsp.MarkupContent(lsp.MarkupKind.Markdown, text), document.text.range(start, end))


# --- calls -----------------------------------------------------------------------------------------------------------


def signature_help(project: Project, document: Document, position: lsp.Position) -> lsp.SignatureHelp | None:
    """The signature of the call that a position is in, and which of its parameters is given there."""
    call = call_at(document, document.text.offset(position))
    if call is None:
        return None
    if call.name.lower().startswith("tool."):
        tool = document.interpreter.tools.get(call.name)
        return _tool_help(tool.spec, call.argument, call.named) if tool is not None else None
    found = project.procedure(document, call.name)
    if found is not None:
        metadata = dict(reversed(found.procedure.metadata))
        names = [param.name for param in found.procedure.needs]
        labels = [*names, *(f"{param.name}?" for param in found.procedure.optional)]
        names += [param.name for param in found.procedure.optional]
        told = [describing.plain(metadata.get(f"param:{name}", "")) for name in names]
        text = describing.plain(metadata.get("description", ""))
        return _help(call.name, "", labels, names, told, text, call.argument, call.named)
    word = describing.word_text(call.name)
    return _help(call.name, "", ["x"], ["x"], [""], word.rpartition("\n")[2], call.argument, "") if word else None


def _tool_help(spec: ToolSpec, argument: int, named: str) -> lsp.SignatureHelp:
    labels = [f"{arg.name}{'' if arg.required else '?'}: {arg.type_text}" for arg in spec.args]
    if spec.variadic:
        labels[-1] = f"{spec.args[-1].name}…: {spec.args[-1].type_text}"
        argument = min(argument, len(labels) - 1)
    names = [arg.name for arg in spec.args]
    told = [describing.argument_text(spec, number) for number in range(len(names))]
    return _help(spec.full_name, f" -> {spec.result_text}", labels, names, told, spec.description, argument, named)


def _help(
    name: str, result: str, labels: list[str], names: list[str], told: list[str], text: str, argument: int, named: str
) -> lsp.SignatureHelp:
    if named:
        argument = names.index(named) if named in names else len(names)
    parameters = [lsp.ParameterInformation(label, _markdown(one)) for label, one in zip(labels, told, strict=True)]
    signature = lsp.SignatureInformation(
        f"{name}({', '.join(labels)}){result}", _markdown(text), parameters, min(argument, len(names))
    )
    return lsp.SignatureHelp([signature], 0, min(argument, len(names)))


def _markdown(text: str) -> lsp.MarkupContent | None:
    return lsp.MarkupContent(lsp.MarkupKind.Markdown, text) if text else None
