"""Calls whose arguments or results are not what the tool or procedure takes and gives."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import chain, repeat
from typing import TYPE_CHECKING, TypeAlias

from neuroscript.compiler.traversal import assigned_in, expressions, statements, walk
from neuroscript.lint.holding import BOOLEAN, LIST, MAP, NUMBER, TEXT, Holding
from neuroscript.lint.reads import Uses
from neuroscript.runtime.operators import BUILTINS
from neuroscript.syntax import nodes as n
from neuroscript.values import read_number

if TYPE_CHECKING:
    from neuroscript.compiler.resolve import Body
    from neuroscript.tools import ToolRegistry, ToolSpec

Found: TypeAlias = tuple[str, n.Span, str]

_TRIED = ("list.Get", "str.FromBase64", "str.FromHex", "str.ParseJsonString", "str.ToNumber")
_CHANGES = frozenset(
    (
        *("list.Append", "list.Push", "list.Prepend", "list.Insert", "list.Remove", "list.Concat"),
        *("list.Sort", "list.SortBy", "list.Reverse", "list.Unique"),
        *("map.Set", "map.Delete", "map.Merge", "map.DeepMerge"),
        *("str.Replace", "str.ToUpper", "str.ToLower", "str.TrimSpace"),
    )
)
"""The tools that are taken for changing their first argument."""
_PATTERN_FIRST = ("str.findallregex", "str.matchregex", "str.replaceregex")
_WITH_PATTERNS = {
    "str.Split": "regex.Split(pattern, text)",
    "str.Replace": "regex.Replace(pattern, text, replacement)",
    "str.Contains": "regex.Match(pattern, text)",
    "str.HasPrefix": "regex.Match(pattern, text)",
    "str.HasSuffix": "regex.Match(pattern, text)",
    "str.IndexOf": "regex.Find(pattern, text)",
    "str.Count": "regex.FindAll(pattern, text)",
}
"""The tools that take a text as it stands, each with the one that takes a pattern."""
_IS_A_PATTERN = re.compile(r"\\[dwsSDW]\b|\\[dwsSDW][+*]|\[\^?[^\]\s]-[^\]]+\]|^\^.+\$$")
_LOOKS_LIKE_A_PATTERN = re.compile(r"\\[dwsbSDW]|[.\])][*+]|^\^|\w\$$")
_SPECIAL = re.compile(r"[\\\[\](){}*+?^$|.]")  # in a pattern
_CALCULATES = re.compile(r"[=<>%()*]")  # in a text that is meant as a function
_PART = 200  # characters of a pattern that are looked at
_WHOLE_FIRST = ("str.hasprefix", "str.hassuffix", "str.trimprefix", "str.trimsuffix")
_MILLISECONDS = frozenset({250, 500, 1000, 1500, 2000, 2500, 3000, 5000, 10000})
_SLEEPS = ("time.sleep", "os.sleep")
_FIELD = re.compile(r"\{(\w*)[^{}]*\}")
_PERCENT = re.compile(r"%[-+0-9.]*[sdifrvq]")


class Procedure:
    """What is known of a procedure of the program."""

    def __init__(self, node: n.Procedure) -> None:
        self._node = node

    @cached_property
    def gives(self) -> bool:
        """Whether it returns a value somewhere, or never returns."""
        return _gives(self._node)

    @cached_property
    def count(self) -> int | None:
        """How many values it certainly returns."""
        return _count(self._node)

    def never_function(self, *, of_plain: bool) -> bool:
        """Whether what it returns is certainly no function.

        Args:
            of_plain: whether none of its arguments is a function.
        """
        certain = n.Chain | n.Literal | n.Raw | n.MapExpr | n.ListExpr
        params = {param.name for param in (*self._node.needs, *self._node.optional)}
        params -= set(assigned_in(self._node.body))
        return all(
            isinstance(value, certain) or (of_plain and isinstance(value, n.Name) and value.name in params)
            for each in _returns(self._node)
            if len(each.values) == 1
            for value in each.values
        )

    @cached_property
    def is_pure(self) -> bool:
        """Whether it does nothing but return a value."""
        return _is_pure(self._node)


class Calls:
    """The rules about calls, for one body.

    Args:
        body: the body.
        tools: the tools that it may call.
        holding: what its variables hold.
        uses: where they are read.
        procedures: the procedures of the program by name.
    """

    def __init__(
        self, body: Body, tools: ToolRegistry, holding: Holding, uses: Uses, procedures: Mapping[str, Procedure]
    ) -> None:
        self._body = body
        self._tools = tools
        self._holding = holding
        self._uses = uses
        self._procedures = procedures

    def in_tool_call(self, call: n.ToolCall) -> Iterator[Found]:
        """The mistakes in the arguments of a tool."""
        tool = self._tools.get(call.name)
        if tool is None or any(argument.name is not None for argument in call.args):
            return
        values = [argument.value for argument in call.args]
        if len(values) > len(tool.spec.args) and not tool.spec.variadic:
            return  # which is an error of its own
        for rule in (self._order, self._function, self._types, self._pattern, self._from_end):
            found = next(rule(call, tool.spec, values), None)
            if found is not None:
                yield found
                return
        name = tool.spec.name.lower()
        match values:
            case [n.Literal(value=value)] if name in _SLEEPS and value in _MILLISECONDS:
                told = f"this waits {value} seconds: for milliseconds write `{tool.spec.full_name}({value / 1000:g})`"
                yield "milliseconds", values[0].span, told
            case [n.Literal(value=str() as template), *given] if name == "str.format":
                yield from _template(values[0], template, len(given))

    def _order(self, call: n.ToolCall, spec: ToolSpec, values: list[n.Expr]) -> Iterator[Found]:
        """Arguments that are the wrong way round."""
        if len(values) < 2:
            return
        name = spec.name.lower()
        text, second = _text(values[0]), _text(values[1])
        kinds = [self._holding.kind(value) for value in values]
        types = [*(str(arg.type) for arg in spec.args), ""]  # of one that takes any number, the second has none
        if name == "str.split" and text is not None and len(text) <= 2 and second is None:
            yield "argument-order", call.span, "the text comes first: `tool.str.Split(text, separator)`"
        elif name in _WHOLE_FIRST and text is not None and second is None and isinstance(values[1], n.Name):
            yield "argument-order", call.span, f"the whole text comes first: `{spec.usage}`"
        elif name == "str.join" and kinds[0] == TEXT:
            yield "argument-order", call.span, "the list comes first: `tool.str.Join(list, separator)`"
        elif name == "str.replace" and text is not None and second is not None and len(values) > 2:
            if second not in text and _text(values[2]) is None:  # else there is something to replace
                yield "argument-order", call.span, "the text comes first: `tool.str.Replace(text, old, new)`"
        elif name.startswith("regex.") or name in _PATTERN_FIRST:
            pattern = second is not None and _LOOKS_LIKE_A_PATTERN.search(second[:_PART])
            if pattern and (text is None or not _SPECIAL.search(text[:_PART])):
                yield "argument-order", call.span, f"the pattern comes first: `{spec.usage}`"
        elif types[0].startswith("slice") and types[1].startswith("function") and self._is_function(values[0]):
            yield "argument-order", call.span, f"the list comes first: `{spec.usage}`"
        elif types[0].startswith(("slice", "map")) and kinds[0] in (TEXT, NUMBER):
            what = "list" if types[0].startswith("slice") else "map"
            yield "argument-order", call.span, f"the {what} comes first: `{spec.usage}`"

    def _is_function(self, value: n.Expr) -> bool:
        named = isinstance(value, n.Name) and value.name not in self._body.variables
        return isinstance(value, n.ToolName) or (
            named and isinstance(value, n.Name) and (value.name in self._procedures or value.name in BUILTINS)
        )

    def _function(self, call: n.ToolCall, spec: ToolSpec, values: list[n.Expr]) -> Iterator[Found]:
        """A call, or a name in quotes, where a function is wanted."""
        for arg, value in zip(spec.args, values, strict=False):
            if not str(arg.type).startswith("function"):
                continue
            is_call = isinstance(value, n.ToolCall) or (isinstance(value, n.Call) and value.name in (*BUILTINS, "len"))
            if spec.name == "error.Try" and isinstance(value, n.Call | n.ToolCall):
                name = f"tool.{value.name}" if isinstance(value, n.ToolCall) else value.name
                if isinstance(value, n.Call) and value.name in self._body.variables:
                    continue
                told = f"the call is made before `Try`: hand over the function, `tool.error.Try({name}, …)`"
                yield "call-for-function", value.span, told
            elif is_call and isinstance(value, n.Call | n.ToolCall):
                name = f"tool.{value.name}" if isinstance(value, n.ToolCall) else value.name
                tool = self._tools.get(value.name) if isinstance(value, n.ToolCall) else None
                if tool is None or str(tool.spec.return_type) not in ("any", "function"):
                    told = f"a function is wanted and this is the result of a call: write `{name}` without arguments"
                    yield "call-for-function", value.span, told
            elif isinstance(value, n.Call) and self._never_function(value):
                told = f"a function is wanted and this is the result of a call: write `{value.name}` without arguments"
                yield "call-for-function", value.span, told
            elif (text := _text(value)) is not None and (text in self._procedures or text in BUILTINS):
                told = f"in quotes this is the key of a map: for the procedure write `{text}` without quotes"
                yield "name-in-quotes", value.span, told
            elif text is not None and _CALCULATES.search(text):
                told = "in quotes this is the key of a map: define a procedure with `func` and give its name"
                yield "name-in-quotes", value.span, told

    def _never_function(self, call: n.Call) -> bool:
        """Whether a call of a procedure certainly gives no function."""
        procedure = self._procedures.get(call.name)
        if procedure is None or call.name in self._body.variables:
            return False
        plain = all(self._holding.kind(argument.value) is not None for argument in call.args)
        return procedure.never_function(of_plain=plain)

    def _pattern(self, call: n.ToolCall, spec: ToolSpec, values: list[n.Expr]) -> Iterator[Found]:
        """A regular expression for a tool that takes a text as it stands."""
        cure = _WITH_PATTERNS.get(spec.name)
        text = _text(values[1]) if len(values) > 1 else None
        if cure and text is not None and _IS_A_PATTERN.search(text[:_PART]):
            told = f"{spec.full_name} takes this as it stands: for a pattern write `tool.{cure}`"
            yield "pattern-as-text", values[1].span, told

    def _from_end(self, call: n.ToolCall, spec: ToolSpec, values: list[n.Expr]) -> Iterator[Found]:
        """A place that is counted from the end."""
        if spec.name not in ("list.Slice", "str.Substring"):
            return
        for value in values[1:]:
            if isinstance(value, n.Unary) and value.op == "-" and isinstance(value.operand, n.Literal):
                by = value.operand.value
                told = f"nothing is counted from the end here: write `len(x) - {by}` for a place before it"
                if spec.name == "str.Substring" and value is values[-1] and len(values) > 2:
                    told = f"this is a length, which is 0 or more: write `len(x) - start - {by}`"
                yield "negative-index", value.span, told
                return

    def _types(self, call: n.ToolCall, spec: ToolSpec, values: list[n.Expr]) -> Iterator[Found]:
        """A literal of a type that the tool refuses."""
        further = repeat(spec.args[-1]) if spec.variadic else ()
        for arg, value in zip(chain(spec.args, further), values, strict=False):
            wanted = str(arg.type)
            kind = self._holding.kind(value)
            fits = True
            if wanted.startswith("slice"):
                fits = kind in (LIST, None)
            elif wanted == "map":
                fits = kind in (MAP, None)
            elif wanted in ("int", "number", "float"):
                text = _text(value)
                fits = kind not in (LIST, MAP) and (text is None or read_number(text) is not None)
            elif wanted == "string":
                fits = kind in (TEXT, None)
            elif wanted == "bool":
                fits = kind in (BOOLEAN, None)
            if not fits:
                cure = _fitting(spec, wanted, kind, value)
                told = f"'{arg.name}' of {spec.full_name} is no {kind}: {cure or f'it is {spec.usage}'}"
                yield "wrong-type", value.span, told

    def _begins_wrong(self, name: str, call: n.ToolCall, spec: ToolSpec) -> Iterator[Found]:
        """``set all = tool.list.Append(all, x)``, whose variable begins as something else than a list."""
        start = self._holding.start(name)
        kind = self._holding.kind(start) if start is not None else None
        wanted = str(spec.args[0].type) if spec.args else ""
        first = "[]" if wanted.startswith("slice") else "{}" if wanted == "map" else ""
        is_nil = isinstance(start, n.Literal) and start.value is None
        if not first or self._holding.kind(call.args[0].value) is not None or not (is_nil or kind):
            return
        if is_nil or kind != (LIST if first == "[]" else MAP):
            what = "nil" if is_nil else f"a {kind}"
            told = f"'{name}' begins as {what}, which {spec.full_name} does not take: begin with `set {name} = {first}`"
            yield "wrong-type", call.args[0].span, told

    def in_call(self, call: n.Call) -> Iterator[Found]:
        """A call of a procedure for a value that it never gives, and the length of what has none."""
        if call.name == "len" and len(call.args) == 1 and "len" not in self._body.variables:
            value = call.args[0].value
            kind = self._holding.kind(value)
            if kind == BOOLEAN and isinstance(value, n.Chain):
                told = f"this is the length of a condition: write `len(x) {value.rest[0][0]} …`"
                yield "wrong-type", value.span, told
            elif kind == NUMBER:
                yield "wrong-type", value.span, "a number has no length: write `len(tool.str.ToString(number))`"
        procedure = self._procedures.get(call.name)
        if procedure is None or call.name in self._body.variables:
            return
        if not procedure.gives:
            cure = "let it `return value`"
            told = f"{call.name}() has no `return` with a value, so that this is always nil: {cure}"
            yield "no-result", call.span, told

    def in_statement(self, statement: n.Stmt) -> Iterator[Found]:
        """The mistakes in what a statement does with a call."""
        match statement:
            case n.CallStmt(call=n.ToolCall(name=name) as call) if not self._body.uses_last and not self._body.handlers:
                tool = self._tools.get(name)
                if tool is not None and _only_gives(tool.spec):
                    usage = f"set x = {tool.spec.full_name}(…)"
                    told = f"{tool.spec.full_name} changes nothing: keep what it gives, `{usage}`"
                    yield "unused-result", call.span, told
            case n.CallStmt(call=n.Call(name=name) as call) if not self._body.uses_last and not self._body.handlers:
                if name in self._body.variables:
                    return
                if name == "log":
                    yield "unused-result", call.span, "`log` is the logarithm: to show a text write `emit text`"
                elif name in BUILTINS or name == "len":
                    yield "unused-result", call.span, f"{name}() does nothing but give a value: `set x = {name}(…)`"
                elif name in self._procedures and self._procedures[name].is_pure:
                    told = f"{name}() does nothing but return a value, which is not kept: `set x = {name}(…)`"
                    yield "unused-result", call.span, told
            case n.Set(targets=[_, _, *_] as targets, value=value):
                yield from self._counts(targets, value)
            case n.Set(
                targets=[n.Target(name=name, path=[])], value=n.ToolCall(name=tool_name, args=[first, *_]) as call
            ):
                tool = self._tools.get(tool_name)
                if isinstance(first.value, n.Name) and first.value.name == name and tool is not None:
                    yield from self._begins_wrong(name, call, tool.spec)
                    if tool.spec.name == "list.Pop":
                        told = f"Pop gives the rest and the item: write `set {name}, item = tool.list.Pop({name})`"
                        yield "wrong-count", call.span, told
                source = first.value.name if isinstance(first.value, n.Name) else name
                changes = tool is not None and tool.spec.name in _CHANGES
                if tool is not None and changes and source != name and self._is_forgotten(name, source, statement):
                    cure = f"write `set {source} = {tool.spec.full_name}(…)`, or use '{name}'"
                    told = f"'{name}' is never read, and '{source}' is as it was"
                    yield "unused-result", statement.span, f"{told}: {cure}"

    def _counts(self, targets: list[n.Target], value: n.Expr) -> Iterator[Found]:
        count = len(targets)
        match value:
            case n.ListExpr(items=items) if len(items) != count:
                yield (
                    "wrong-count",
                    value.span,
                    f"{count} names are set, and there are {len(items)} values: write as many",
                )
            case n.Call(name=name) if name in self._procedures and name not in self._body.variables:
                given = self._procedures[name].count
                if given is None and targets[-1].name in _ERROR_NAMES:
                    given = 1
                if given is not None and given != count:
                    told = f"{count} names are set, and {name}() gives {given} value{'s' * (given != 1)}"
                    yield "wrong-count", value.span, f"{told}: {_ERRORS if given == 1 else 'write as many names'}"
            case n.ToolCall(name=name):
                tool = self._tools.get(name)
                several = tool is None or str(tool.spec.return_type).startswith(("slice", "any"))
                if tool is not None and (not several or targets[-1].name in _ERROR_NAMES):
                    told = f"{count} names are set, and {tool.spec.full_name} gives one value"
                    yield "wrong-count", value.span, f"{told}: {_ERRORS}"

            case n.Index() if targets[-1].name in (*_ERROR_NAMES, "ok"):
                told = "an entry is one value, without a second that tells whether it is there"
                yield "wrong-count", value.span, f"{told}: ask `tool.map.Has(map, key)`, or compare with nil"

    def _is_forgotten(self, name: str, source: str, statement: n.Stmt) -> bool:
        """Whether nothing reads a variable, and what it was made of is read further down."""
        if name in self._body.reads or self._body.evals or self._body.session is not None:
            return False
        return self._uses.is_read_below(source, statement.span[:2])


def _fitting(spec: ToolSpec, wanted: str, kind: str | None, value: n.Expr) -> str:
    """What to write for a value of a type that a tool refuses; empty if that is not known."""
    if wanted == "string" and kind == BOOLEAN and isinstance(value, n.Chain):
        operator = value.rest[0][0]
        return f"compare what it gives, `{spec.full_name}(…) {operator} …`"
    if spec.name in ("json.Parse", "json.Extract") and kind in (LIST, MAP, NUMBER, BOOLEAN):
        return f"it takes a text, and a {kind} is read as it is: leave `{spec.full_name}` out"
    if spec.name in ("math.Min", "math.Max") and kind == LIST:
        return f"of a list it is `tool.list.{spec.name.removeprefix('math.')}(list)`"
    if spec.name == "list.Sort" and wanted == "bool":
        return 'by a key sorts `tool.list.SortBy(list, "key")`'
    cures = {
        ("string", NUMBER): "write `tool.str.ToString(number)`",
        ("string", BOOLEAN): "write `tool.str.ToString(value)`",
        ("string", LIST): 'write `tool.str.Join(list, ", ")` for a text of its items',
        ("string", MAP): "write `tool.json.Stringify(map)` for its text",
        ("slice", TEXT): "write `tool.str.Split(text, separator)` for its parts, `[text]` for a list of it alone",
        ("slice", MAP): "write `tool.map.Values(map)` or `tool.map.Keys(map)`",
        ("slice", NUMBER): "write `[number]` for a list of it alone",
        ("map", TEXT): "write `tool.json.Parse(text)` for the text of one",
    }
    cure = cures.get((wanted.partition("_")[0], kind or ""))
    return f"{cure}; it is {spec.usage}" if cure else ""


_ERROR_NAMES = ("err", "error", "exception")
_ERRORS = "errors are caught by `on error do`, or by `tool.error.Try(function, …)`"


def _text(operand: n.Expr) -> str | None:
    return operand.value if isinstance(operand, n.Literal) and type(operand.value) is str else None


def _template(place: n.Expr, template: str, count: int) -> Iterator[Found]:
    plain = template.replace("{{", "").replace("}}", "")
    fields = _FIELD.findall(plain)
    named = next((field for field in fields if field and not field.isdigit()), None)
    if named is not None:
        told = f"`{{{named}}}` is no field: write `{{}}`, or `{{0}}` for the first argument"
        yield "text-template", place.span, told
    elif count and not fields:
        hint = " for each `%`" if _PERCENT.search(plain) else ""
        yield "text-template", place.span, f"the template has no field for its arguments: write `{{}}`{hint}"
    else:
        numbers = [int(field[:6]) for field in fields if field]
        needed = max([fields.count(""), *(number + 1 for number in numbers)])
        if needed > count:
            cure = "the first argument is `{0}`" if numbers and 0 not in numbers else "write one for each field"
            told = f"the template asks for {needed} arguments, and there {'is' if count == 1 else 'are'} {count}"
            yield "text-template", place.span, f"{told}: {cure}"
        elif needed < count and not numbers:
            told = f"the template has {needed} field{'s' * (needed != 1)}, and there are {count} arguments"
            yield "text-template", place.span, f"{told}: write `{{}}` for each"


def _only_gives(spec: ToolSpec) -> bool:
    """Whether a tool has nothing but its result, so that a call for nothing is a mistake.

    Not those that call a function, which may do something, and those that are called to see whether they fail.
    """
    calls = any(str(arg.type).startswith("function") for arg in spec.args)
    return spec.pure and not calls and spec.group in ("list", "map", "str", "text") and spec.name not in _TRIED


def _returns(procedure: n.Procedure) -> Iterator[n.Return]:
    for statement in statements(procedure.body):
        if isinstance(statement, n.Return):
            yield statement
        elif isinstance(statement, n.OnError):
            yield from (each for each in statements(statement.body) if isinstance(each, n.Return))


def _gives(procedure: n.Procedure) -> bool:
    """Whether a procedure returns a value somewhere, or never returns."""
    every = list(statements(procedure.body))
    fails = bool(every) and isinstance(procedure.body[-1], n.Fail)
    return fails or not every or any(each.values for each in _returns(procedure))


def _count(procedure: n.Procedure) -> int | None:
    """How many values a procedure certainly returns."""
    if len(procedure.returns) > 1:
        return len(procedure.returns)
    counts = set()
    for each in _returns(procedure):
        match each.values:
            case [n.Literal() | n.Chain() | n.MapExpr() | n.Raw()]:
                counts.add(1)
            case [_]:
                return None  # which may be a list
            case values:
                counts.add(len(values))
    return counts.pop() if len(counts) == 1 and 0 not in counts else None


def _is_pure(procedure: n.Procedure) -> bool:
    """Whether a procedure does nothing but return a value: it puts nothing out, calls nothing, and fails never."""
    plain = n.Set | n.Return | n.If | n.While | n.ForEach | n.Break | n.Continue
    for statement in statements(procedure.body):
        if not isinstance(statement, plain) or (isinstance(statement, n.Set) and statement.must):
            return False
        for whole in expressions(statement):
            for part in walk(whole):
                if isinstance(part, n.CallValue | n.Eval) or (isinstance(part, n.Call) and part.name not in _HARMLESS):
                    return False
                if isinstance(part, n.ToolCall) and part.name.lower().partition(".")[0] not in ("list", "map", "str"):
                    return False
    return any(each.values for each in _returns(procedure))


_HARMLESS = (*BUILTINS, "len")
