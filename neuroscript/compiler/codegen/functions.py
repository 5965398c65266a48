"""Code generation for functions: one Python function for each version of a body, around its statements."""

from __future__ import annotations

import ast
from functools import partial
from itertools import pairwise

from neuroscript.compiler.analysis.analyse import BodyAnalysis
from neuroscript.compiler.analysis.specialize import ENTRY_BITS
from neuroscript.compiler.analysis.types import ANY_KINDS, INT, Type
from neuroscript.compiler.codegen import borrowing
from neuroscript.compiler.codegen import pyast as py
from neuroscript.compiler.codegen.context import FunctionContext, ProgramContext
from neuroscript.compiler.codegen.expressions import ExpressionGenerator
from neuroscript.compiler.codegen.forms import (
    CLEARED,
    DIGIT,
    ENTRY_TYPES,
    GONE,
    LATEST,
    SCOPE,
    error_handler,
    step,
    under_last_handler,
    under_leaving_handler,
)
from neuroscript.compiler.codegen.moves import let_go
from neuroscript.compiler.codegen.statements import StatementGenerator
from neuroscript.compiler.codegen.temporaries import clear
from neuroscript.compiler.error_handlers import fields_read, mentioned
from neuroscript.compiler.resolve import SYSTEM_NAMES
from neuroscript.compiler.traversal import statements
from neuroscript.runtime import abi
from neuroscript.syntax import nodes as n

_LONG = 200  # statements of a body, not counting those inside others, beyond which they are generated in parts
_PART = 64
_ERROR = "error"  # the parameter of an error handler's function
_PLACE = "place"  # its local that holds the place of the error
_MESSAGE, _CODE, _ = SYSTEM_NAMES


class FunctionGenerator:
    """Generates the function of one version of a body.

    Args:
        program: what the functions of the program have in common.
        analysis: the results of the version's analysis.
    """

    def __init__(self, program: ProgramContext, analysis: BodyAnalysis) -> None:
        self.context = FunctionContext(program, analysis)
        self.expressions = ExpressionGenerator(self.context)
        self.statements = StatementGenerator(self.context, self.expressions)

    def function(self, identifier: str) -> ast.stmt:
        """Generates the function under a name."""
        made = self._function(identifier)
        if not self.is_long and self.context.guard_unsure():
            # Python places the failure of reading an unset local on the wrong line where it fuses two instructions.
            made = self._function(identifier)
        return made

    def late(self, identifier: str) -> ast.stmt:
        """Generates the function that stands for the general body under a name until that is made.

        It hands over as the general body would, and otherwise calls that, and holds none of the arguments meanwhile.
        """
        program, body = self.context.program, self.context.body
        general = py.call(abi.GENERAL, py.const(program.unit.load), py.const(body.name))
        call = py.call(general, py.name(abi.DEPTH), *map(let_go, body.params))
        params, optional = self._params()
        made = py.function(identifier, params, optional, [*self._entry(), py.give(call)])
        py.place(made, body.span)
        return made

    @property
    def is_long(self) -> bool:
        """Whether the statements are generated while Python compiles the function, which then empties the body.

        Not where error handlers end the body, so that the statements are in a few ``try``.
        """
        body = self.context.body
        plain = body.session is None and not self.context.unit.watches and (body.resumes or not body.handlers)
        return len(body.block) > _LONG and plain

    def _later(self) -> list[ast.stmt]:
        """The body's statements, in inner functions that are generated when Python's compiler gets to them.

        So what it needs for the code of one of them, beside the tree, need not be there for all at once.
        """
        self.context.take_apart()
        block = self.context.body.block
        may_leave = any("return" in jumps for jumps in self.context.body.jumps.values())
        code: list[ast.stmt] = []
        for start in range(0, len(block), _PART):
            identifier, where = self.context.temporaries.inner_function(), block[start].place
            code.append(py.Later(identifier, partial(self._part, start), where))
            if may_leave or any(isinstance(each, n.Return) for each in statements(block[start : start + _PART])):
                result = self.context.temporaries.lasting()
                given = py.item(py.name(result), py.const(0))
                code.append(py.assign(result, py.call(identifier)))
                code.append(py.when(py.compare(py.name(result), "is not", py.const(None)), [py.give(given)]))
            else:
                code.append(py.run(identifier))
            for made in code[-2:]:
                py.place(made, where)
        return code

    def _part(self, start: int) -> list[ast.stmt]:
        block = self.context.body.block
        if self.context.special is not None:  # there is another version to come
            part = block[start : start + _PART]
        else:
            part = block[:_PART]
            del block[:_PART]
        made = [*self._shared(part), *self.statements.block(part)]
        if borrowing.IS_NEEDED:
            borrowing.count_holders_in_part(made)
        self.context.types.forget()
        return made

    def _shared(self, part: n.Block) -> list[ast.stmt]:
        """The statement by which an inner function has the body's variables that some statements may set."""
        body = self.context.body
        names = (mentioned(part) | self.context.liveness.all_idle()) & body.variables
        shared = [abi.VARIABLE + name for name in sorted(names)] + [LATEST] * body.uses_last
        made: list[ast.stmt] = [ast.Nonlocal(shared)] if shared else []
        for statement in made:
            py.place(statement, part[0].place)
        return made

    def _function(self, identifier: str) -> ast.stmt:
        context, body = self.context, self.context.body
        session = body.session is not None
        params, optional = self._params()
        code = self._entry() if body.procedure is not None and context.special is None else []
        code += [
            self._depth_test(),
            step(),
        ]
        start = len(code)
        parts = self._later() if self.is_long else None
        code += [py.set_variable(name, self._start(name)) for name in sorted(context.guarded)]
        if body.uses_last:
            latest: ast.expr = py.const(None)
            if session:
                latest = py.call(abi.DICT_GET, py.name(SCOPE), py.const(abi.SESSION_LAST))
            code.append(py.assign(LATEST, latest))
        if context.scope_is_function:
            code.append(py.function(SCOPE, [], [], [py.give(context.scope())]))
        handlers = [self._error_handler(number, handler) for number, handler in enumerate(body.handlers)]
        context.handlers = handlers
        context.begin(body.params)
        if body.handlers and not body.resumes:
            statements = self._ended(handlers)
        else:
            code += handlers
            statements = self.statements.block(body.block) if parts is None else parts
        if context.unit.watches:
            statements = [ast.Try(statements, [], [], [py.run(abi.LEFT)])]
        code += self._saved(statements) if session else statements
        if session:
            params.append(SCOPE)
        elif body.kind == "event" and not body.params:
            params.append("unused")
        made = py.function(identifier, params, optional, code)
        if borrowing.IS_NEEDED:
            borrowing.count_holders(made, start)
        py.place(made, body.span)
        return made

    def _depth_test(self) -> ast.stmt:
        """The statement that fails where calls are too deep, and tells where their results may be."""
        growth, most = self.context.growth, self.context.unit.max_depth
        least = most - growth.calls if growth is not None and most is not None else 1
        deep = py.run(abi.DEEPER, py.name(abi.DEPTH)) if least > 1 else py.run(abi.TOO_DEEP)
        return py.when(py.compare(py.name(abi.DEPTH), "<", py.const(max(least, 1))), [deep])

    def _params(self) -> tuple[list[str], list[str]]:
        """The parameters that must be given, and the optional ones."""
        procedure, names = self.context.body.procedure, [abi.VARIABLE + name for name in self.context.body.params]
        most = len(names) if procedure is None else len(procedure.needs)
        return [abi.DEPTH, *names[:most]], names[most:]

    def _entry(self) -> list[ast.stmt]:
        """The type check that hands over to a procedure's specialised body, if there is one."""
        special = self.context.program.specialised.get(self.context.body.name)
        if special is None:
            return []
        tests: list[ast.expr] = []
        for name, wanted in special.params.items():
            found = _entry_tests(py.variable(name), wanted, special.checked)
            if found is None:
                return []  # what lists and maps hold would take long to look at
            tests += found
        # What the specialised body is going to change must not be held by this one's variable meanwhile.
        changed = self.context.program.changed_params.get(self.context.body.name, frozenset())
        values = (let_go(name) if name in changed else py.variable(name) for name in self.context.body.params)
        call = py.call(special.identifier, py.name(abi.DEPTH), *values)
        return [py.when(py.both(*tests), [py.give(call)])]

    def _start(self, name: str) -> ast.expr:
        """Code that gives the initial value of a guarded variable."""
        if self.context.body.session is not None:
            return py.call(abi.DICT_GET, py.name(SCOPE), py.const(name), py.name(abi.UNSET))
        return py.name(abi.UNSET)

    def _saved(self, code: list[ast.stmt]) -> list[ast.stmt]:
        """Statements of a session's input, after which the variables are in the session's mapping in any case."""
        names = sorted(self.context.guarded)
        keys: list[ast.expr | None] = [*map(py.const, names), py.const(abi.SESSION_LAST)]
        variables = ast.Dict(keys, [*map(py.variable, names), py.name(LATEST)])
        return [ast.Try(code, [], [], [py.run(abi.DICT_UPDATE, py.name(SCOPE), variables)])]

    def _error_handler(self, number: int, handler: n.OnError) -> ast.FunctionDef:
        """The function of an error handler: it gets the error, and tells whether it has cleared it."""
        context = self.context
        context.begin([*context.body.params, *SYSTEM_NAMES], error_handler=True)
        code: list[ast.stmt] = [py.assign(CLEARED, py.const(False))]
        for name in SYSTEM_NAMES:
            if self._is_looked_at(name):
                code.append(py.set_variable(name, self._of_error(name)))
        code += self.statements.block(handler.body)
        code.append(py.give(py.name(CLEARED)))
        given = [_ERROR]
        if context.body.resumes:
            code = [*context.nonlocals(code), *code]
        else:
            # Variables that inner functions share take Python longer, so it gets those that nobody sees it set.
            shared = context.body.handler_sets.union(SYSTEM_NAMES) if context.body.leaves else SYSTEM_NAMES
            given += context.locals_in(code, *shared)
            if context.body.leaves:
                code = [*context.nonlocals(code, without=given), *code]
        made = py.function(error_handler(number), given, [], code)
        py.place(made, handler.place)
        return made

    def _of_error(self, name: str) -> ast.expr:
        """Code that gives the value of a system variable in an error handler."""
        error = py.name(_ERROR)
        if name == _MESSAGE:
            return py.attribute(error, "message")
        if name == _CODE:
            return py.call("int", py.attribute(error, "code"))
        body, unit = self.context.body, self.context.unit
        if body.evals or body.session is not None or unit.watches:
            return py.call(abi.ERROR_FIELDS, error)
        read = fields_read((body.block, *(handler.body for handler in body.handlers)), body.params)
        if read is None or "stack" in read:
            return py.call(abi.ERROR_FIELDS, error)
        # Nobody sees that the other fields are missing, which take longer to find than the error to raise and clear.
        fields: dict[str, ast.expr] = {}
        if "code" in read:
            fields["code"] = py.call("int", py.attribute(error, "code"))
        if "message" in read:
            fields["message"] = py.attribute(error, "message")
        place: ast.expr = py.bind(_PLACE, py.call(abi.ERROR_PLACE, error))
        for number, field in enumerate(("line", "column", "procedure")):
            if field in read:
                fields[field] = py.item(place, py.const(number))
                place = py.name(_PLACE)
        return ast.Dict([*map(py.const, fields)], [*fields.values()])

    def _ended(self, handlers: list[ast.FunctionDef]) -> list[ast.stmt]:
        """The statements of a body that its error handlers end: those that one covers stand in one ``try``."""
        block = self.context.body.block
        starts = [place for place, statement in enumerate(block) if isinstance(statement, n.OnError)]
        leaves = self.context.body.leaves
        code: list[ast.stmt] = [clear(GONE), *handlers] if leaves else []
        for number, (start, end) in enumerate(pairwise([0, *starts[1:], len(block)])):
            part = [statement for statement in block[start:end] if not isinstance(statement, n.OnError)]
            if not part:
                continue
            made = self.statements.block(part)
            if leaves:
                jumps = self.context.body.jumps.get(number, ())
                code += under_leaving_handler(made, handlers[number], jumps, in_loop=False)
            else:
                code += under_last_handler(made, handlers[number])
        return code

    def _is_looked_at(self, name: str) -> bool:
        """Whether anything may read a system variable, which takes long to make."""
        body = self.context.body
        return name in body.reads or body.evals > 0 or body.session is not None


def _entry_tests(value: ast.expr, wanted: Type, checked: bool) -> list[ast.expr] | None:
    """The tests that an argument is of a type; None where it cannot be told in a few steps.

    Args:
        value: code that gives the argument.
        wanted: the type.
        checked: whether it is the type at any depth of calls, of which fewer bits come from outside.
    """
    if wanted.kinds == ANY_KINDS and wanted.item is None:
        return []
    word = ENTRY_TYPES.get(wanted.kinds)
    if word is None or wanted.item is not None or wanted.shapes:
        return None
    tests: list[ast.expr] = [py.kind_is(value, word)]
    bits = ENTRY_BITS if checked else wanted.bits
    if wanted.kinds == INT and bits is not None:
        most = 1 << bits
        small: ast.expr = py.compare(py.const(-most), "<", value, "<", py.const(most))
        if most > DIGIT:
            digit = py.both(py.compare(value, "<", py.const(DIGIT)), py.compare(value, ">", py.const(-DIGIT)))
            small = py.some(digit, small)
        tests.append(small)
    if wanted.kinds == INT and wanted.natural:
        tests.append(py.compare(value, ">=", py.const(0)))
    return tests
