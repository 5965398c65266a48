"""Specialisation: a second body of a procedure, compiled for the types that its parameters evidently have.

A procedure that does arithmetic with its parameters, in a loop or in recursion, mostly gets whole numbers.  Its
specialised body relies on that; the general one begins with a type check of the arguments, and hands over where they
are of the expected types.  Calls whose arguments certainly fit go straight to the specialised body.

What the specialised body may rely on is proven from its own text alone, since any other procedure can be replaced while
the program is loaded: its recursive calls are of that very body, and the type of their results is known from its
``return`` statements.  Numbers that grow with every recursive call stay small, since calls are only so deep.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from neuroscript.compiler.analysis.counted_loops import counter
from neuroscript.compiler.analysis.infer import Inference
from neuroscript.compiler.analysis.types import ANY, INT, LIST, MAP, NIL, NOTHING, T_NIL, Type, bounded
from neuroscript.compiler.resolve import Body
from neuroscript.compiler.traversal import arguments_of, expressions, inner_blocks, statements
from neuroscript.compiler.unit import Unit
from neuroscript.records import record
from neuroscript.runtime import abi
from neuroscript.syntax import nodes as n

ENTRY_BITS = 80
"""Bits of the whole numbers that the type check of the arguments lets in: what loops count up to fits."""

_MOST_STATEMENTS = 200
_PASSED_ON = 4  # calls through which it is followed what a parameter is for
_PROBE_BITS = 2048
_ROUNDS = 6
_LEAST_USES = 3  # of parameters as numbers; the type check of each takes as long as an operation or two
_LEAST_IN_LOOPS = 2  # … which loops soon outweigh, where the host alone makes the calls
_COUNTING = "list.range"
_NUMERIC = frozenset({"-", "*", "%", "<", "<=", ">", ">=", "+", "==", "!="})

_EXPECTED = {INT: Type(INT, ENTRY_BITS), LIST: Type(LIST), MAP: Type(MAP)}

InferTypes = Callable[[Mapping[str, Type], Mapping[str, Type]], Inference]


@record(frozen=True)
class Specialisation:
    """The specialised body of a procedure.

    Attributes:
        identifier: the name of its function; when the procedure is replaced it becomes that of the new function.
        self_identifier: the function's name in its recursive calls, which goes on meaning this very function.
        params: the types of the parameters: those that are checked, or all.
        result: the type of the result of its recursive calls; None if that is not known.
        checked: whether the general body hands over where the arguments fit; otherwise only calls of the same program
            get there, all of which fit.
    """

    identifier: str
    self_identifier: str
    params: Mapping[str, Type]
    result: Type | None
    checked: bool = True

    def counts(self, params: list[str]) -> bool:
        """Whether all parameters are checked to be whole numbers, and so the results of recursive calls are known."""
        return self.result is not None and all(
            name in self.params and self.params[name].kinds == INT for name in params
        )

    def admits(self, given: Mapping[str, Type]) -> bool:
        """Whether arguments of these types certainly are what is checked."""
        return all(
            given[name].within(kind.kinds) and (kind.kinds != INT or _is_small(given[name]))
            for name, kind in self.params.items()
        )


def _is_small(kind: Type) -> bool:
    return kind.bits is not None and kind.bits <= ENTRY_BITS


def expected_types(bodies: list[Body], calls: Mapping[str, list[n.Call]], unit: Unit) -> dict[str, dict[str, Type]]:
    """The types that the parameters of procedures evidently have; none where a specialised body would not pay.

    A parameter that is passed on is for what the procedure that gets it uses it for.

    Args:
        bodies: of the procedures.
        calls: those of each procedure of procedures of the same program.
        unit: what the program is compiled against.
    """
    able = [body for body in bodies if _can_be_specialised(body)]
    fields = _number_fields(bodies)
    found = {body.name: _evidence(body, in_loops=False) for body in able}
    evidence = {body.name: _with_stored(body, found[body.name][0], fields) for body in able}
    called = {call.name for made in calls.values() for call in made}
    expected = {}
    for body in able:
        expected[body.name] = _expected_types(body, *found[body.name], _least_uses(body, calls[body.name], called))
        if calls[body.name] and body.name not in called:
            # One that only the host calls, and that calls others, passes on to them what is known of its parameters.
            numbers = (name for name in body.params if evidence[body.name].get(name) == INT)
            expected[body.name] |= dict.fromkeys(numbers, _EXPECTED[INT])
    for _ in range(_PASSED_ON):
        for body in able:
            for call in calls[body.name]:
                for name, value in arguments_of(call, unit.procedures[call.name].params).items():
                    kinds = evidence.get(call.name, {}).get(name)
                    if kinds not in _EXPECTED or not isinstance(value, n.Name) or value.name not in body.params:
                        continue
                    if evidence[body.name].setdefault(value.name, kinds) == kinds and call.name != body.name:
                        expected[body.name][value.name] = _EXPECTED[kinds]
    return {name: found for name, found in expected.items() if found}


def _least_uses(body: Body, calls: list[n.Call], called: set[str]) -> int:
    """How often a procedure has to use its parameters as numbers for a second body to pay."""
    if body.name in called:
        return _LEAST_USES
    if calls:
        return 1  # what is known of its parameters is passed on to others
    given = body.procedure is not None and not body.procedure.optional
    return _LEAST_IN_LOOPS if body.has_loop and given else _LEAST_USES


def _can_be_specialised(body: Body) -> bool:
    return bool(body.params) and not body.resumes and not body.evals and body.size <= _MOST_STATEMENTS


def _expected_types(body: Body, found: dict[str, int], uses: int, least: int) -> dict[str, Type]:
    """The types that the parameters of one body evidently have, as its own text tells, given its `_evidence`.

    Args:
        body: the body.
        found: the kinds that names are used like.
        uses: how often parameters are used like numbers.
        least: the uses below which a second body does not pay.
    """
    if body.has_loop and not _own_calls(body) and (in_loops := _guessed_types(body, *_evidence(body, in_loops=True))):
        return in_loops
    return _guessed_types(body, found, uses, least=1 if _own_calls(body) else least)


def specialise(
    body: Body, params: dict[str, Type], load: int, max_depth: int | None, infer_types: InferTypes
) -> Specialisation:
    """Determines what the specialised body of a procedure may rely on.

    Args:
        body: the procedure's.
        params: the result of `expected_types`.
        load: the number of the load.
        max_depth: of calls; None for no limit.
        infer_types: infers the types of the body's variables, given those of parameters and of results.
    """
    calls = _own_calls(body)
    names = abi.specialised(load, body.name), abi.specialised_self(load, body.name)
    if not calls:
        return Specialisation(*names, params, None)
    params, all_fit = _at_any_depth(body, params, calls, max_depth, infer_types)
    return Specialisation(*names, params, _result_type(body, params, max_depth, infer_types) if all_fit else None)


def internal(load: int, name: str, params: Mapping[str, Type]) -> Specialisation:
    """The specialised body of a procedure that only calls of the same program get to, by what they pass."""
    return Specialisation(abi.specialised(load, name), abi.specialised_self(load, name), params, None, checked=False)


# --- what parameters are for -----------------------------------------------------------------------------------------


def _guessed_types(body: Body, found: dict[str, int], uses: int, *, least: int = 1) -> dict[str, Type]:
    """The types that parameters are used like.

    Args:
        body: the body.
        found: the kinds that names are used like.
        uses: how often parameters are used like numbers.
        least: the operations of all parameters together below which a second body does not pay.
    """
    if uses < least and least > 1:
        return {}
    return {name: _EXPECTED[found[name]] for name in body.params if found.get(name) in _EXPECTED}


def _evidence(body: Body, *, in_loops: bool) -> tuple[dict[str, int], int]:
    """The kinds that names are used like, and how often parameters are used like numbers."""
    used = list(_in_loops(body.block) if in_loops else _all(body.block))
    chains: list[n.Chain] = []
    indexes: list[n.Index] = []
    ends: list[str] = []
    for part in (part for expression in used for part in body.parts_of(expression)):
        if type(part) is n.Chain:
            chains.append(part)
        elif type(part) is n.Index:
            indexes.append(part)
        elif type(part) is n.ToolCall and part.name.lower() == _COUNTING:
            ends += [argument.value.name for argument in part.args if isinstance(argument.value, n.Name)]
    found: dict[str, int] = {}
    uses = 0
    for operands in (*map(_operands, chains), [(name, INT) for name in ends]):
        for name, kind in operands:
            found[name] = found.get(name, 0) | kind
            uses += kind == INT and name in body.params
    numbers = {name for name, kinds in found.items() if kinds == INT}
    for name, kind in (use for index in indexes for use in _collections(index, numbers)):
        found[name] = found.get(name, 0) | kind
    return found, uses


def _number_fields(bodies: list[Body]) -> set[str]:
    """The keys of maps whose values a program uses like whole numbers."""
    found: set[str] = set()
    for body in bodies:
        for expression in _all(body.block):
            for part in body.parts_of(expression):
                if type(part) is n.Chain:
                    found.update(key for key, kind in _operands(part, _field) if kind == INT)
    return found


def _with_stored(body: Body, found: dict[str, int], fields: set[str]) -> dict[str, int]:
    """The kinds that names are used like, with those that a body stores in fields which are used like whole numbers."""
    stored = [entry for part in body.literals if isinstance(part, n.MapExpr) for entry in part.entries]
    for statement in statements(body.block):
        match statement:
            case n.Set(targets=[n.Target(path=[*_, key])], value=n.Name() as name):
                stored.append((key, name))
    kinds = found.copy()
    for key, value in stored:
        if isinstance(value, n.Name) and isinstance(key, n.Literal) and key.value in fields:
            kinds[value.name] = kinds.get(value.name, 0) | INT
    return kinds


def _name(operand: n.Expr) -> str | None:
    """The name that an operand is."""
    return operand.name if type(operand) is n.Name else None


def _field(operand: n.Expr) -> str | None:
    """The literal key by which an operand is read."""
    match operand:
        case n.Index(index=n.Literal(value=str() as key)):
            return key
    return None


def _operands(chain: n.Chain, name_of: Callable[[n.Expr], str | None] = _name) -> list[tuple[str, int]]:
    """The names that are operands, each with the kind that it is used like: `INT`, or `NIL` for anything else."""
    names: list[str] = []
    literals = set()
    operands = [chain.first]
    for operator, operand, _ in chain.rest:
        if operator not in _NUMERIC and operator != "/":
            return []
        operands.append(operand)
    for operand in operands:
        if (name := name_of(operand)) is not None:
            names.append(name)
        elif type(operand) is n.Literal:
            literals.add(type(operand.value))
    if literals == {str} and len(operands) == 2 and chain.rest[0][0] == "*":
        literals = {int}  # how often a string is repeated
    divides = any(operator == "/" for operator, _, _ in chain.rest)
    if literals == {int} or (not literals and not divides and chain.rest[0][0] not in ("+", "==", "!=")):
        return [(name, INT) for name in names]
    if divides or literals <= {int, float}:
        return []  # of which neither says that whole numbers are meant, nor that they are not
    return [(name, NIL) for name in names] if literals else []


def _collections(part: n.Expr, numbers: set[str]) -> Iterator[tuple[str, int]]:
    """The names that are indexed, each with the kind that it is used like."""
    match part:
        case n.Index(value=n.Name(name=name), index=n.Literal(value=str())):
            yield name, MAP
        case n.Index(value=n.Name(name=name), index=n.Literal(value=int())):
            yield name, LIST
        case n.Index(value=n.Name(name=name), index=n.Name(name=index)) if index in numbers:
            yield name, LIST
        case n.Index(value=n.Name(name=name), index=n.Chain() as index):
            if any(kind == INT for _, kind in _operands(index)):
                yield name, LIST


def _in_loops(block: n.Block) -> Iterator[n.Expr]:
    for statement in block:
        if isinstance(statement, n.While):
            # One that counts looks at its bound once.
            yield from _all(statement.body if counter(statement) is not None else [statement])
        elif isinstance(statement, n.ForEach):
            yield from _all(statement.body)
        else:
            for inner in inner_blocks(statement):
                yield from _in_loops(inner)


def _all(block: n.Block) -> Iterator[n.Expr]:
    for statement in statements(block):
        yield from expressions(statement)


def _own_calls(body: Body) -> list[n.Call]:
    """A procedure's recursive calls."""
    if body.name in body.variables or body.name not in body.reads:
        return []
    return [call for call in body.calls if call.name == body.name]


# --- what calls of itself give and get -------------------------------------------------------------------------------


def _at_any_depth(
    body: Body, params: Mapping[str, Type], calls: list[n.Call], max_depth: int | None, infer_types: InferTypes
) -> tuple[dict[str, Type], bool]:
    """The types of the parameters at any depth of recursion, and whether all recursive calls fit them."""
    growth: int | None = 0
    least = ENTRY_BITS
    for size in (_PROBE_BITS, 0):
        types = infer_types({name: Type(INT, size) if kind.kinds == INT else kind for name, kind in params.items()}, {})
        given = [_argument_types(call, body, params, types) for call in calls]
        for kind in (kind for kinds in given if kinds is not None for kind in kinds if kind.kinds == INT):
            if kind.bits is None or growth is None:
                growth = None
            elif size:
                growth = max(growth, kind.bits - size)
            else:
                least = max(least, kind.bits)
    bits = _at_depth(least, growth, max_depth)
    return {name: Type(INT, bits) if kind.kinds == INT else kind for name, kind in params.items()}, None not in given


def _argument_types(call: n.Call, body: Body, params: Mapping[str, Type], types: Inference) -> list[Type] | None:
    """The types of a call's arguments for the checked parameters; None if one may be of another kind."""
    given = arguments_of(call, body.params)
    kinds = [types.of(given[name]) if name in given else NOTHING for name in params]
    fit = all(kind.within(params[name].kinds) for name, kind in zip(params, kinds, strict=True))
    return kinds if fit else None


def _result_type(body: Body, params: Mapping[str, Type], max_depth: int | None, infer_types: InferTypes) -> Type | None:
    """The type of the result of a recursive call; None if it cannot be told."""
    if len(body.procedure.returns if body.procedure is not None else ()) > 1:
        return None
    found = NOTHING
    for _ in range(_ROUNDS):
        before, found = found, _return_type(body, infer_types(params, {body.name: found})).widened()
        if found == before:
            break
    else:
        return None
    if found.kinds != INT:
        return found if found.kinds else None
    probed = _return_type(body, infer_types(params, {body.name: Type(INT, _PROBE_BITS)})).bits
    least = _return_type(body, infer_types(params, {body.name: Type(INT, 0)})).bits
    if probed is None or least is None:
        return found
    growth = max(probed - _PROBE_BITS, 0)
    return Type(INT, _at_depth(least, growth, max_depth) if growth < _PROBE_BITS else None, found.natural)


def _at_depth(bits: int, growth: int | None, max_depth: int | None) -> int | None:
    """The bits of a number that grows by ``growth`` bits with each level of recursion; None without a bound."""
    if growth is None or (growth and max_depth is None):
        return None
    return bounded(bits + growth * (max_depth or 0)).bits


def _return_type(body: Body, types: Inference) -> Type:
    """The type of what the body returns, in its error handlers too; it resumes after none of them."""
    found = T_NIL if falls_through(body.block) else NOTHING
    for block in (body.block, *(handler.body for handler in body.handlers)):
        for statement in statements(block):
            if isinstance(statement, n.Return):
                found = found.union(types.of(statement.values[0]) if len(statement.values) == 1 else ANY)
    return found


def falls_through(block: n.Block) -> bool:
    """Whether control may reach the end of a block."""
    match block[-1:]:
        case [n.Return() | n.Fail()]:
            return False
        case [n.If(branches=branches, orelse=list() as orelse)]:
            return falls_through(orelse) or any(falls_through(branch) for _, branch in branches)
    return True
