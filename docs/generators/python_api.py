"""The pages of the Python names: signatures, arguments, methods and fields, from the docstrings."""

from __future__ import annotations

import enum
import inspect
import re
import textwrap
from collections.abc import Iterator
from datetime import datetime
from types import ModuleType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from generators import NOTE

_SECTIONS = ("Args", "Attributes", "Returns", "Raises", "Yields")


def module_page(module: ModuleType, title: str, words: str) -> str:
    """A section for each public name of a package."""
    names = sorted(module.__all__, key=str.lower)
    parts = [NOTE, f"# {title}\n", words + "\n"]
    parts.append(" · ".join(f"[{name}](#{name.lower()})" for name in names) + "\n")
    for name in names:
        parts += _name(name, getattr(module, name))
    return "\n".join(parts)


def limits_page() -> str:
    """Every limit of a run with its default and the option of the command line that sets it."""
    from generators.commands import parser_of
    from neuroscript import Limits

    options = {one.dest: one.option_strings[0] for one in parser_of("run")._actions if one.option_strings}
    described = next(_entries(lines) for head, lines in _blocks(inspect.getdoc(Limits) or "") if head == "Args")
    rows = []
    for name in Limits.__annotations__:
        default = getattr(Limits(), name)
        flag = f"`{options[name]}`" if name in options else "–"
        shown = "none" if default is None else f"{default:,}".removesuffix(".0")
        rows.append(f"| `{name}` | {shown} | {flag} | {_markdown(described[name])} |")
    return "\n".join(
        [
            NOTE,
            "# Limits\n",
            "What one run may use. A host sets them with `Interpreter(limits=Limits(max_seconds=2))`, a person with",
            "options of `neuroscript run` or under `[limits]` in a",
            "[configuration file](../cli.md#configuration-files). `None` lifts one. Reaching one ends the run with",
            "[error 37](../errors.md#37-resource_exhaustion) (38 for nesting), which no script can catch; the",
            "interpreter stays usable. [How a host sets them](../embedding.md#limits) has examples.\n",
            "| limit | default | option of `run` | of what |",
            "| --- | ---: | --- | --- |",
            *rows,
            "",
            "Workers have limits of their own, `rate_limits` of a definition and the ceilings of a",
            "[`WorkerPolicy`](ai_wm.md#workerpolicy): [AI workers](../workers.md#settings).\n",
        ]
    )


def _name(name: str, value: Any) -> Iterator[str]:
    yield f"## {name}\n"
    if inspect.isclass(value):
        yield from _class(name, value)
    else:
        yield _signature(name, value)
        yield _docstring(inspect.getdoc(value) or "")


def _class(name: str, value: type) -> Iterator[str]:
    doc = inspect.getdoc(value) if value.__doc__ else ""
    bases = [base.__name__ for base in value.__bases__ if base.__module__.split(".")[0] in ("neuroscript", "ai_wm")]
    shown = [base for base in bases if not base.startswith("_") and base not in ("Protocol", "Model", "BaseModel")]
    if issubclass(value, enum.Enum):
        yield _docstring(doc or "")
        yield "| name | value |\n| --- | --- |"
        yield "\n".join(f"| `{one.name}` | `{one.value!r}` |" for one in value) + "\n"
        return
    fields = getattr(value, "model_fields", None)
    if issubclass(value, BaseException) and shown:
        yield f"A [`{shown[0]}`](#{shown[0].lower()}).\n"
    elif fields is None and not getattr(value, "_is_protocol", False):
        yield _signature(name, value)
    yield _docstring(doc or "")
    if fields:
        yield "| field | type | default |\n| --- | --- | --- |"
        yield "\n".join(_field(key, field) for key, field in fields.items()) + "\n"
    checks = _validators(value)
    for key, member in vars(value).items():
        if not key.startswith("_") and key not in checks and (shown_member := _member(name, key, member)):
            yield shown_member


def _validators(value: type) -> set[str]:
    """The methods of a model that pydantic calls."""
    decorators = getattr(value, "__pydantic_decorators__", None)
    groups = ("field_validators", "model_validators", "field_serializers", "model_serializers")
    return {name for group in groups for name in getattr(decorators, group, {})}


def _field(name: str, field: Any) -> str:
    kind = _type(field.annotation).replace("|", "\\|")
    if field.is_required():
        default = "required"
    elif field.default_factory is not None:
        default = {"list": "`[]`", "dict": "`{}`", "tuple": "`()`"}.get(field.default_factory.__name__, "made anew")
    else:
        value = getattr(field.default, "value", field.default)
        default = "the year 1" if isinstance(value, datetime) else f"`{value!r}`"
    return f"| `{name}` | `{kind}` | {default} |"


def _type(kind: Any) -> str:
    """A type as it is written, without what only pydantic reads."""
    if kind is type(None):
        return "None"
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _type(inner[0])
    if origin in (Union, UnionType):
        return " | ".join(map(_type, inner))
    if origin is Literal:
        return f"Literal[{', '.join(map(repr, inner))}]"
    if origin is not None:
        return f"{origin.__name__}[{', '.join('…' if one is ... else _type(one) for one in inner)}]"
    return getattr(kind, "__name__", str(kind))


def _member(owner: str, name: str, member: Any) -> str:
    if isinstance(member, property):
        return f"### {owner}.{name}\n\nA property. {_docstring(inspect.getdoc(member) or '')}"
    if isinstance(member, (staticmethod, classmethod)):
        member = member.__func__
    if not inspect.isfunction(member) or not inspect.getdoc(member):
        return ""
    return f"### {owner}.{name}\n\n{_signature(name, member)}\n{_docstring(inspect.getdoc(member) or '')}"


def _signature(name: str, value: Any) -> str:
    """The signature as a block of code, an argument a line if it is long."""
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError):
        return ""
    before = "async " if inspect.iscoroutinefunction(value) else ""
    declared = getattr(value, "__annotations__", {}) if inspect.isclass(value) else {}
    parameters = [
        one.replace(annotation=declared.get(one.name, one.annotation)) if one.annotation is one.empty else one
        for one in signature.parameters.values()
        if one.name not in ("self", "cls")
    ]
    signature = signature.replace(parameters=parameters)
    text = f"{before}{name}{_plain(str(signature))}".removesuffix(" -> None")
    if len(text) > 100:
        pieces: list[str] = []
        star = False
        for one in parameters:
            if one.kind is one.VAR_POSITIONAL:
                star = True
            if one.kind is one.KEYWORD_ONLY and not star:
                pieces.append("*")
                star = True
            pieces.append(_plain(str(one)))
        result = (
            "" if signature.return_annotation in (signature.empty, None, "None", type(None)) else _result(signature)
        )
        text = f"{before}{name}(\n" + "".join(f"    {piece},\n" for piece in pieces) + f"){result}"
    return f"```pyi\n{text}\n```\n"


def _result(signature: inspect.Signature) -> str:
    kind = signature.return_annotation
    return " -> " + _plain(kind if isinstance(kind, str) else inspect.formatannotation(kind))


def _plain(text: str) -> str:
    """A signature without the quotes of annotations, and without what differs from one process to the next."""
    text = re.sub(r"ForwardRef\(('[^']*')\)", r"\1", text)
    text = re.sub(r"(: |-> )'([^']*)'", r"\1\2", text)
    text = re.sub(r"<(?:object|function) .*? at 0x[0-9a-f]+>|<factory>", "…", text)
    return re.sub(r"<(\w+)\.(\w+): [^>]*>", r"\1.\2", text)


def _docstring(doc: str) -> str:
    """A docstring as Markdown: paragraphs, and lists of what is under ``Args``, ``Returns`` and ``Raises``."""
    parts: list[str] = []
    for head, lines in _blocks(doc):
        body = textwrap.dedent("\n".join(lines))
        if head in ("Args", "Attributes"):
            parts.append("\n".join(f"* `{name}`: {_markdown(text)}" for name, text in _entries(lines).items()) + "\n")
        elif head:
            parts.append(f"{head}: {_markdown(body)}\n")
        elif body.strip():
            parts += [_paragraph(one) for one in body.strip("\n").split("\n\n")]
    return "\n".join(parts)


def _paragraph(text: str) -> str:
    if re.search(r"^    ", text, re.MULTILINE):  # a drawing or an example
        return f"```text\n{textwrap.dedent(text)}\n```\n"
    return _markdown(text) + "\n"


def _blocks(doc: str) -> Iterator[tuple[str, list[str]]]:
    head, lines = "", []
    for line in doc.splitlines():
        found = re.fullmatch(rf"({'|'.join(_SECTIONS)}):", line)
        if found or (head and line and not line.startswith(" ")):
            yield head, lines
            head, lines = (found[1], []) if found else ("", [line])
        else:
            lines.append(line)
    yield head, lines


def _entries(lines: list[str]) -> dict[str, str]:
    """The descriptions under ``Args`` or ``Attributes`` by name."""
    found: dict[str, str] = {}
    name = ""
    for line in lines:
        start = re.match(r"    (\*{0,2}\w+(?:, \*{0,2}\w+)*): (.*)", line)
        if start:
            name, found[start[1]] = start[1], start[2]
        elif line.strip():
            found[name] += " " + line.strip()
    return found


def _markdown(text: str) -> str:
    text = " ".join(text.split()).replace("``", "`")
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else re.sub(r"([*_<\[\]|])", r"\\\1", part) for part in parts)
