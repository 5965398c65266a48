"""Completion: what can stand at the cursor, from the grammar's own tables, the names in scope, and the tools' specs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from typing import Any

from lsprotocol import types as lsp

from neuroscript.language_server import describing
from neuroscript.language_server.context import call_at, chain_before, map_at, word_start
from neuroscript.language_server.document import Document
from neuroscript.language_server.fields import fields_at, fields_to_write
from neuroscript.language_server.names import Occurrence, Role, is_local
from neuroscript.language_server.project import Project, has_file
from neuroscript.language_server.words import BUILTINS, EVENT_SNIPPET, KEYWORDS, SNIPPETS, SYSTEM
from neuroscript.syntax.lexer import BAD_METADATA, BAD_STRING, METADATA, NEWLINE, RAW_STRING, STRING
from neuroscript.syntax.tables import KEYWORDS as WORD_CODES
from neuroscript.syntax.tables import SOFT_WORDS, TERMINALS
from neuroscript.syntax.tolerant import place_after
from neuroscript.uses import SUFFIX
from neuroscript.values import TYPE_CONSTANTS

TRIGGERS = [".", '"', "{", ":"]

_Kind = lsp.CompletionItemKind
_OPEN_PLACEHOLDER = re.compile(r"\{\{[ \t]*([A-Za-z_][A-Za-z0-9_]*)?$")
_METADATA_KEYS = {
    "uses": "Files that are loaded with this one: `:: uses: lib/text.ns`.",
    "description": "What the file or the procedure does.",
    "param:": "What a parameter of the procedure is: `:: param:name: …`.",
    "type:": "The type of a parameter, for models that call the procedure: `:: type:name: string`.",
}
_MOST_PATHS = 500


def complete(
    project: Project, document: Document, position: lsp.Position, *, snippets: bool
) -> list[lsp.CompletionItem]:
    """What can be completed at a position.

    Args:
        project: with all other documents.
        document: the text.
        position: of the cursor.
        snippets: whether the editor takes text with places to fill in.
    """
    return _Completion(project, document, document.text.offset(position), snippets).items()


def resolve(project: Project, item: lsp.CompletionItem) -> lsp.CompletionItem:
    """Adds to an item what is shown of it when it is selected."""
    data: Any = item.data
    if not isinstance(data, dict):
        return item
    document = project.get(str(data.get("uri", "")))
    text = ""
    if document is not None and "tool" in data:
        tool = document.interpreter.tools.get(str(data["tool"]))
        text = describing.tool_text(tool.spec) if tool is not None else ""
    elif document is not None and "procedure" in data:
        found = project.procedures(document).get(str(data["procedure"]))
        text = describing.procedure_text(found.procedure) if found is not None else ""
    if text:
        item.documentation = lsp.MarkupContent(lsp.MarkupKind.Markdown, text)
    return item


class _Completion:
    def __init__(self, project: Project, document: Document, offset: int, snippets: bool) -> None:
        self.project = project
        self.document = document
        self.offset = offset
        self.snippets = snippets
        self.start = word_start(document, offset)
        self.uri = project.uri(document)

    def items(self) -> list[lsp.CompletionItem]:
        place = self.document.token_at(self.offset)
        if place is not None and self.document.tokens.starts[place] < self.offset:
            tokens = self.document.tokens
            code, text, begin = tokens.codes[place], tokens.texts[place], tokens.starts[place]
            written = text[: self.offset - begin]
            if code == NEWLINE and not written.endswith(("\n", "\r", " ", "\t")) and written.strip():
                return []  # in a comment
            if code == NEWLINE and re.split(r"[\r\n]", written)[-1].strip():
                return []
            if code in (METADATA, BAD_METADATA):
                return list(self._metadata(written))
            if code in (RAW_STRING, BAD_STRING, STRING) and text[0] in "\"'`":
                is_inside = code == BAD_STRING or self.offset < tokens.ends[place]
                return list(self._in_string(begin, text, written)) if is_inside else []
        chain = chain_before(self.document, self.start)
        if chain is not None:
            return list(self._tools(chain) if chain[:1] == ["tool"] else self._fields(self.start))
        return list(self._words())

    # --- words -------------------------------------------------------------------------------------------------------

    def _words(self) -> Iterator[lsp.CompletionItem]:
        place = place_after(self.document.content[: self.start])
        names = {TERMINALS[code]: word for word, code in WORD_CODES.items()}
        can_name = "NAME" in place.possible
        for terminal in sorted(place.possible):
            word = names.get(terminal)
            if word is None or (word in SOFT_WORDS and can_name):
                continue
            rank = "0" if word in place.closers else "4"
            yield self._word(word, rank)
        if not place.first and self.snippets:
            yield from self._blocks(place.possible)
        if not can_name:
            return
        if "NUMBER" not in place.possible:
            if place.first != "func":
                yield from self._arguments()
            if place.first in ("set", "ask", "promptuser"):
                yield from self._variables()
            return
        yield from self._arguments()
        yield from self._keys()
        yield from self._variables()
        yield from self._procedures()
        yield from self._constants()
        yield from self._all_tools()

    def _word(self, word: str, rank: str) -> lsp.CompletionItem:
        told = KEYWORDS.get(word)
        return self._item(word, _Kind.Keyword, rank, told.form if told else "", describing.word_text(word))

    def _blocks(self, possible: frozenset[str]) -> Iterator[lsp.CompletionItem]:
        snippets = [(word, *shown) for word, shown in SNIPPETS.items() if word.upper() in possible]
        if "ON" in possible:
            # An error handler stands in a body alone.
            snippets = [one for one in snippets if one[0] != "on" or "SET" in possible]
            snippets.append(("on", *EVENT_SNIPPET))
        for word, label, text in snippets:
            item = self._item(label, _Kind.Snippet, "3", "", describing.word_text(word), text)
            item.filter_text = label.partition(" …")[0]
            item.insert_text_mode = lsp.InsertTextMode.AdjustIndentation
            yield item

    def _variables(self) -> Iterator[lsp.CompletionItem]:
        body = self.document.body_at(self.offset)
        if body is None:
            return
        line = self.document.text.position(self.offset).line
        elsewhere = {
            each.name
            for each in self.document.names_in(body)
            if is_local(each) and not self._is_being_written(each, line)
        }
        types = self.document.types(body)
        for name in sorted(elsewhere & body.variables):
            is_parameter = name in body.params
            told = describing.type_name(types.types[name])
            yield self._item(name, _Kind.Variable, "1", told or ("parameter" if is_parameter else "variable"))
        if body.handlers:
            for name in sorted(SYSTEM.keys() - {"last"}):
                yield self._item(name, _Kind.Variable, "2", "", describing.word_text(name))

    def _is_being_written(self, found: Occurrence, line: int) -> bool:
        """Whether a name stands at the cursor, or is set by the statement there."""
        if found.start <= self.offset <= found.end:
            return True
        return found.role is Role.WRITE and self.document.text.position(found.start).line == line

    def _procedures(self) -> Iterator[lsp.CompletionItem]:
        for name, found in self.project.procedures(self.document).items():
            item = self._item(name, _Kind.Function, "2", found.procedure.signature, text=self._called(name))
            item.data = {"uri": self.uri, "procedure": name}
            yield item

    def _constants(self) -> Iterator[lsp.CompletionItem]:
        for name, word in BUILTINS.items():
            text = self._called(name)
            yield self._item(name, _Kind.Function, "3", word.form, describing.word_text(name), text)
        yield self._item("last", _Kind.Variable, "3", "", describing.word_text("last"))
        for name in sorted(self.document.interpreter.runtime.globals):
            yield self._item(name, _Kind.Constant, "2", "set by the host")
        for name, kind in TYPE_CONSTANTS.items():
            yield self._item(name, _Kind.Constant, "6", f'"{kind}"')

    # --- tools -------------------------------------------------------------------------------------------------------

    def _all_tools(self) -> Iterator[lsp.CompletionItem]:
        for name in self._permitted():
            yield self._tool(name, f"tool.{name}", "5")

    def _tools(self, chain: list[str]) -> Iterator[lsp.CompletionItem]:
        """The groups and tools whose names go on where a name ends with a dot."""
        begin = ".".join([*chain[1:], ""])
        groups: dict[str, int] = {}
        for name in self._permitted():
            if not name.lower().startswith(begin.lower()):
                continue
            group, dot, _ = name[len(begin) :].partition(".")
            if dot:
                groups[group] = groups.get(group, 0) + 1
            else:
                yield self._tool(name, group, "1")
        for group, count in groups.items():
            yield self._item(group, _Kind.Module, "2", f"{count} tool{'' if count == 1 else 's'}")

    def _permitted(self) -> Iterator[str]:
        interpreter = self.document.interpreter
        for spec in interpreter.tools.specs():
            if interpreter.policy.permits(spec):
                yield spec.name

    def _tool(self, name: str, shown: str, rank: str) -> lsp.CompletionItem:
        tool = self.document.interpreter.tools.lookup(name)
        item = self._item(shown, _Kind.Method, rank, tool.spec.signature, text=self._called(shown, len(tool.spec.args)))
        item.data = {"uri": self.uri, "tool": name}
        return item

    def _called(self, name: str, arguments: int = 1) -> str:
        """A name with parentheses, in a place where what is called can stand and no parenthesis follows."""
        if not self.snippets or self.document.content[self.offset : self.offset + 1] in ("(", "."):
            return ""
        return f"{name}($0)" if arguments else f"{name}()$0"

    # --- arguments and keys ------------------------------------------------------------------------------------------

    def _arguments(self) -> Iterator[lsp.CompletionItem]:
        """The names of the arguments of the call that the cursor is in."""
        call = call_at(self.document, self.offset)
        if call is None or not call.begins_argument or call.named:
            return
        for name, told in self._parameters(call.name)[call.argument :]:
            if name not in call.given:
                yield self._item(f"{name}:", _Kind.Property, "1", told, text=f"{name}: ")

    def _parameters(self, called: str) -> list[tuple[str, str]]:
        if called.lower().startswith("tool."):
            tool = self.document.interpreter.tools.get(called)
            return [(arg.name, arg.type_text) for arg in tool.spec.args] if tool is not None else []
        found = self.project.procedures(self.document).get(called)
        if found is None:
            return []
        return [(param.name, "") for param in (*found.procedure.needs, *found.procedure.optional)]

    def _keys(self) -> Iterator[lsp.CompletionItem]:
        """The keys of the map that the cursor is in, with their quotes."""
        where = map_at(self.document, self.start)
        for field in fields_to_write(self.document, where) if where is not None and where.at_key else ():
            text = f'"{field.name}": '
            yield self._item(f'"{field.name}"', _Kind.Property, "0", str(field.type), field.description, text)

    def _fields(self, key: int) -> Iterator[lsp.CompletionItem]:
        for field in fields_at(self.document, key):
            if re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", field.name):
                yield self._item(field.name, _Kind.Field, "1", str(field.type), field.description)

    def _in_string(self, begin: int, text: str, written: str) -> Iterator[lsp.CompletionItem]:
        """What can stand in a string: keys of a map, and names in placeholders."""
        placeholder = _OPEN_PLACEHOLDER.search(written)
        if placeholder is not None:
            self.start = self.offset - len(placeholder[1] or "")
            yield from self._variables()
            return
        if text[:3] in ("'''", "```") or text[0] == "`":
            return
        quote = text[0]
        self.start = begin
        where = map_at(self.document, begin)
        fields = list(fields_to_write(self.document, where)) if where is not None and where.at_key else []
        fields += fields_at(self.document, begin)
        end = begin + len(text) if len(text) > 1 and text[-1] == quote else self.offset
        for field in fields:
            if not field.name.isprintable() or quote in field.name or "\\" in field.name:
                continue
            item = self._item(f"{quote}{field.name}{quote}", _Kind.Field, "1", str(field.type), field.description)
            item.text_edit = lsp.TextEdit(self.document.text.range(begin, end), item.label)
            yield item

    # --- metadata ----------------------------------------------------------------------------------------------------

    def _metadata(self, written: str) -> Iterator[lsp.CompletionItem]:
        key = re.fullmatch(r"::[ \t]*([\w:.-]*)", written)
        if key is not None:
            self.start = self.offset - len(key[1])
            body = self.document.body_at(self.offset)
            for name, told in _METADATA_KEYS.items():
                if name.endswith(":") and body is not None:
                    for parameter in body.params:
                        yield self._item(f"{name}{parameter}: ", _Kind.Property, "2", "", told)
                elif not name.endswith(":") and (name != "uses" or body is None):
                    yield self._item(f"{name}: ", _Kind.Property, "1", "", told)
            return
        uses = re.fullmatch(r"::[ \t]*uses[ \t]*:(?:.*,)?[ \t]*([^,]*)", written, re.DOTALL)
        if uses is not None and has_file(self.document):
            self.start = self.offset - len(uses[1])
            for path in self._paths(uses[1]):
                yield self._item(path, _Kind.File if path.endswith(SUFFIX) else _Kind.Folder, "1", "")

    def _paths(self, written: str) -> Iterable[str]:
        """The programs and folders in the folder that a path which is being written leads to."""
        folder = written.rpartition("/")[0]
        if folder.startswith("/") or "\0" in folder:
            return []
        here = os.path.join(os.path.dirname(self.document.path), folder)
        found: list[str] = []
        try:
            with os.scandir(here) as entries:
                for entry in entries:
                    name = f"{folder}/{entry.name}" if folder else entry.name
                    if entry.name[0] == "." or len(found) >= _MOST_PATHS:
                        continue
                    if entry.is_dir():
                        found.append(f"{name}/")
                    elif name.endswith(SUFFIX) and entry.name != os.path.basename(self.document.path):
                        found.append(name)
        except OSError:  # there is no such folder yet
            return []
        return sorted(found)

    # --- items -------------------------------------------------------------------------------------------------------

    def _item(
        self,
        label: str,
        kind: lsp.CompletionItemKind,
        rank: str,
        detail: str,
        documentation: str = "",
        text: str = "",
    ) -> lsp.CompletionItem:
        """One item, in place of the word at the cursor.

        Args:
            label: what the list shows, and what is put in unless there is a ``text``.
            kind: of the item, for its icon.
            rank: what comes first in the list: the lower, the higher up.
            detail: what stands beside it.
            documentation: what is shown of it when it is selected, in Markdown.
            text: what is put in; with ``$0`` it is a snippet.
        """
        return lsp.CompletionItem(
            label,
            kind=kind,
            sort_text=f"{rank}{label.lower()}",
            filter_text=label,
            detail=detail or None,
            documentation=lsp.MarkupContent(lsp.MarkupKind.Markdown, documentation) if documentation else None,
            text_edit=lsp.TextEdit(self.document.text.range(self.start, self.offset), text or label),
            insert_text_format=lsp.InsertTextFormat.Snippet if "$0" in text or "${" in text else None,
        )
