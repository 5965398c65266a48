"""Quick fixes: what mends a finding, from the names and code that the finding itself proposes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from lsprotocol import types as lsp

from neuroscript.compiler.traversal import expressions, walk
from neuroscript.language_server.diagnostics import SOURCE
from neuroscript.language_server.document import Document, every_statement
from neuroscript.language_server.project import Project
from neuroscript.lint.rules import rule_of
from neuroscript.syntax import nodes as n

_NEAR = re.compile(r"did you mean ((?:['`]?[\w.]+['`]?(?:, | or )?)+)\?")
_NAME = re.compile(r"[A-Za-z_][\w.]*")
_RESERVED = re.compile(r"such as `(\w+)`|`(\w+)` would do")
_OPEN = re.compile(r"expected `(end\w+)`")
_MISSING = re.compile(r"found the end of the line, expected .*(`do`|header ends with `means`)", re.DOTALL)
_ADDED = re.compile(r"([A-Za-z_]\w*)[ \t]*([-+*/])=[ \t]*")
_STATEMENT = re.compile(r"(?:begins with `(set|call)`)|(?:`(emit)` puts it out)")
_RAW = re.compile(r"(?:(?!```)[^\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff])*(?<!`)")
"""Texts that a raw string can hold, as a reader sees them there."""
_LENGTH = re.compile(r"write `(len\(\w+\))`")

Fix = tuple[str, list[tuple[int, int, str]]]
"""What a fix is called, and its changes: from, to, and the text that is put there."""


def code_actions(project: Project, document: Document, found: Sequence[lsp.Diagnostic]) -> list[lsp.CodeAction]:
    """The fixes of findings, and for those of the linter the comment that silences them."""
    uri = project.uri(document)
    actions = []
    for one in found:
        if one.source != SOURCE or one.related_information:
            continue  # it is another's, or in another file
        fixes = list(_fixes(document, one))
        for number, (title, changes) in enumerate(fixes):
            actions.append(_action(uri, document, one, title, changes, is_preferred=len(fixes) == 1 and number == 0))
        silencing = _silencing(document, one)
        if silencing is not None:
            actions.append(_action(uri, document, one, *silencing, is_preferred=False))
    return actions


def _action(
    uri: str,
    document: Document,
    one: lsp.Diagnostic,
    title: str,
    changes: list[tuple[int, int, str]],
    *,
    is_preferred: bool,
) -> lsp.CodeAction:
    edits = [lsp.TextEdit(document.text.range(start, end), text) for start, end, text in changes]
    return lsp.CodeAction(
        title,
        lsp.CodeActionKind.QuickFix,
        [one],
        is_preferred=is_preferred or None,
        edit=lsp.WorkspaceEdit({uri: edits}),
    )


def _fixes(document: Document, one: lsp.Diagnostic) -> Iterator[Fix]:
    start, end = document.text.offset(one.range.start), document.text.offset(one.range.end)
    yield from _near_names(document, one, start, end)
    rule = rule_of(str(one.code)) if isinstance(one.code, str) else None
    if rule is not None:
        fix = _BY_RULE.get(rule.name)
        if fix is not None:
            yield from fix(document, one.message, start, end)
    else:
        yield from _syntax(document, one.message, start, end)


# --- names -----------------------------------------------------------------------------------------------------------


def _near_names(document: Document, one: lsp.Diagnostic, start: int, end: int) -> Iterator[Fix]:
    match = _NEAR.search(one.message)
    written = document.content[start:end]
    for name in _NAME.findall(match[1].replace(" or ", " ")) if match else ():
        if written[:1] in ("'", '"') and written[-1:] == written[:1]:
            yield f"Change to {written[0]}{name}{written[0]}", [(start, end, f"{written[0]}{name}{written[0]}")]
        elif name.startswith("tool.") and not written.startswith("tool.") and "." not in written:
            continue
        else:
            at = _unknown_rule(document, one, start, end)
            yield f"Change to {name}", [(*at, name)]


def _unknown_rule(document: Document, one: lsp.Diagnostic, start: int, end: int) -> tuple[int, int]:
    """Where the name stands that is to be changed: the whole place, but for a rule in a comment."""
    named = re.search(r"there is no rule '([^']+)'", one.message)
    at = document.content.find(named[1], start) if named else -1
    return (at, at + len(named[1])) if named and at >= 0 else (start, end)


# --- syntax ----------------------------------------------------------------------------------------------------------


def _syntax(document: Document, message: str, start: int, end: int) -> Iterator[Fix]:
    written = document.content[start:end]
    if (match := _RESERVED.search(message)) and "reserved word" in message:
        name = match[1] or match[2]
        yield f"Rename to {name}", [(start, end, name)]
    elif match := _MISSING.search(message):
        line = document.text.position(start).line
        at = document.text.offset_of(line + 1, len(document.text.line(line).rstrip()))
        word = "means" if "means" in match[1] else "do"
        yield f"Add `{word}`", [(at, at, f" {word}")]
    elif "still open" in message and (match := _OPEN.search(message)):
        yield from _end_block(document, match[1], message, start)
    elif match := _STATEMENT.search(message):
        yield from ((f"Put `{word}` before it", [(start, start, f"{word} ")]) for word in match.groups() if word)
    elif "leave `then` out" in message:
        yield "Leave `then` out", [(document.content.rfind(" ", 0, start) if written else start, end, "")]
    elif "output is written with `emit value`" in message and written == "print":
        blank = "" if document.content[end : end + 1] in (" ", "\t") else " "
        yield "Change to emit", [(start, end, f"emit{blank}")]
    elif "written `else if`" in message:
        yield "Change to else if", [(start, end, "else if")]
    elif "is written `for each item in items`" in message:
        if written == "foreach":
            yield "Change to for each", [(start, end, "for each")]
        elif re.search(r"\bfor[ \t]+\Z", document.content[:start]):
            yield "Add `each`", [(start, start, "each ")]
    elif "to compare, write `==`" in message and written == "=":
        yield "Change to ==", [(start, end, "==")]
    elif "there is no `" in message and (match := _ADDED.match(document.content, start)):
        text = f"set {match[1]} = {match[1]} {match[2]} "
        yield f"Change to {text}…", [(start, match.end(), text)]


def _end_block(document: Document, word: str, message: str, start: int) -> Iterator[Fix]:
    """Puts the end of a block in, at the depth of the line that opens it."""
    opened = re.search(r"of line (\d+)", message)
    row = document.text.line(int(opened[1]) - 1) if opened else ""
    indent = row[: len(row) - len(row.lstrip())]
    line = document.text.position(start).line
    at = len(document.content) if message.startswith("the file ends") else document.text.offset_of(line + 1, 0)
    before = "" if not at or document.content[at - 1] in "\r\n" else "\n"
    yield f"Add `{word}`", [(at, at, f"{before}{indent}{word}\n")]


# --- rules -----------------------------------------------------------------------------------------------------------


def _expression(document: Document, start: int, end: int, kind: type[n.Expr]) -> n.Expr | None:
    """The innermost expression of a kind at a place."""
    found: list[tuple[int, n.Expr]] = []
    for body in document.resolved.bodies:
        for statement in every_statement(body.block):
            for expression in expressions(statement):
                for part in walk(expression):
                    first, last = document.text.offsets(part.span)
                    if isinstance(part, kind) and first <= start and end <= last:
                        found.append((last - first, part))
    return min(found, key=lambda each: each[0])[1] if found else None


def _source(document: Document, expression: n.Expr) -> str:
    start, end = document.text.offsets(expression.span)
    return document.content[start:end]


def _keep_result(document: Document, message: str, start: int, end: int) -> Iterator[Fix]:
    """``call tool.list.Append(xs, 9)`` → ``set xs = tool.list.Append(xs, 9)``."""
    call = _expression(document, start, end, n.ToolCall)
    before = re.search(r"call[ \t]+\Z", document.content[:start])
    if not isinstance(call, n.ToolCall) or before is None or not call.args:
        return
    first = call.args[0].value
    if isinstance(first, n.Name):
        yield f"Keep it: set {first.name} = …", [(before.start(), start, f"set {first.name} = ")]


def _negated(document: Document, message: str, start: int, end: int) -> Iterator[Fix]:
    """``not a == b`` → ``a != b``."""
    chain = _expression(document, start, end, n.Chain)
    if not isinstance(chain, n.Chain) or len(chain.rest) != 1 or not isinstance(chain.first, n.Unary):
        return
    operator, right, _ = chain.rest[0]
    opposite = {"==": "!=", "!=": "=="}.get(operator)
    place = document.text.offsets(chain.span)
    if opposite:
        text = f"{_source(document, chain.first.operand)} {opposite} {_source(document, right)}"
        yield f"Change to {text}", [(*place, text)]
    whole = document.content[slice(*place)]
    inner = re.sub(r"\Anot\s+", "", whole)
    yield f"Change to not ({inner})", [(*place, f"not ({inner})")]


def _to_raw(document: Document, message: str, start: int, end: int) -> Iterator[Fix]:
    """A plain string with placeholders → a raw string."""
    literal = _expression(document, start, end, n.Literal)
    if isinstance(literal, n.Literal) and isinstance(literal.value, str) and _RAW.fullmatch(literal.value):
        place = document.text.offsets(literal.span)
        yield "Make it a raw string, in which placeholders are replaced", [(*place, f"```{literal.value}```")]


def _length(document: Document, message: str, start: int, end: int) -> Iterator[Fix]:
    """``xs.length`` → ``len(xs)``."""
    match, index = _LENGTH.search(message), _expression(document, start, end, n.Index)
    if match is not None and index is not None:
        yield f"Change to {match[1]}", [(*document.text.offsets(index.span), match[1])]


def _last_item(document: Document, message: str, start: int, end: int) -> Iterator[Fix]:
    """``xs[-1]`` → ``xs[len(xs) - 1]``."""
    index = _expression(document, start, end, n.Index)
    match = re.fullmatch(r"-[ \t]*(\d+)", document.content[start:end])
    if match is not None and isinstance(index, n.Index) and isinstance(index.value, n.Name):
        text = f"len({index.value.name}) - {match[1]}"
        yield f"Change to {text}", [(start, end, text)]


def _replaced(title: str, text: str, wanted: str) -> Callable[[Document, str, int, int], Iterator[Fix]]:
    """A fix that puts a text in the place of another one."""

    def fix(document: Document, message: str, start: int, end: int) -> Iterator[Fix]:
        if document.content[start:end] == wanted:
            yield title, [(start, end, text)]

    return fix


def _without_quotes(document: Document, message: str, start: int, end: int) -> Iterator[Fix]:
    name = document.content[start + 1 : end - 1]
    if _NAME.fullmatch(name):
        yield f"Change to {name}", [(start, end, name)]


def _type_name(document: Document, message: str, start: int, end: int) -> Iterator[Fix]:
    match = re.search(r'write `("\w+")`', message)
    if match is not None:
        yield f"Change to {match[1]}", [(start, end, match[1])]


def _without_comment(document: Document, message: str, start: int, end: int) -> Iterator[Fix]:
    line = document.text.position(start).line
    begin = document.text.offset_of(line + 1, 0)
    row = document.text.line(line)
    before = document.content[begin:start].rstrip()
    if before:
        yield "Remove the comment", [(begin + len(before), begin + len(row), "")]
    else:
        yield "Remove the comment", [(begin, document.text.offset_of(line + 2, 0), "")]


def _uses_key(document: Document, message: str, start: int, end: int) -> Iterator[Fix]:
    if "the key that uses a file is" in message:
        yield "Change to uses", [(start, end, "uses")]
    elif match := re.search(r"write `([^`]+\.ns)` alone", message):
        yield f"Change to {match[1]}", [(start, end, match[1])]


_BY_RULE: dict[str, Callable[[Document, str, int, int], Iterator[Fix]]] = {
    "unused-result": _keep_result,
    "negated-comparison": _negated,
    "plain-placeholder": _to_raw,
    "no-fields": _length,
    "negative-index": _last_item,
    "power-sign": _replaced("Change to **", "**", "^"),
    "dotted-join": lambda document, message, start, end: _dotted(document, start, end),
    "name-in-quotes": _without_quotes,
    "wrong-type-name": _type_name,
    "unused-ignore": _without_comment,
    "misspelt-use": _uses_key,
}


def _dotted(document: Document, start: int, end: int) -> Iterator[Fix]:
    """``"a" . s`` → ``"a" + s``."""
    written = document.content[start:end]
    if written.count(" . ") == 1:
        at = start + written.index(" . ")
        yield "Join with +", [(at, at + 3, " + ")]


# --- silencing -------------------------------------------------------------------------------------------------------


def _silencing(document: Document, one: lsp.Diagnostic) -> Fix | None:
    """A comment above the statement of a finding that silences its rule there; None for what cannot be silenced."""
    if not isinstance(one.code, str) or not one.code.startswith("NS") or one.code.startswith("NS4"):
        return None
    line = _statement_line(document, one.range.start.line + 1)
    row = document.text.line(line - 1)
    indent = row[: len(row) - len(row.lstrip())]
    at = document.text.offset_of(line, 0)
    return f"Silence {one.code} here", [(at, at, f"{indent}# ns: ignore {one.code}\n")]


def _statement_line(document: Document, line: int) -> int:
    """The line, from 1, on which the statement begins that a line belongs to."""
    spans = [each.span for body in document.resolved.bodies for each in every_statement(body.block)]
    return max((span[0] for span in spans if span[0] <= line <= span[2]), default=line)
