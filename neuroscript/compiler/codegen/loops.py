"""Code generation for loops.

Every turn takes one step of fuel.  A counted loop becomes a ``for`` over a range, and one that walks a collection a
``for`` over its items; `itertools.compress` draws the fuel beside them, so that nothing is done for it in the code.
"""

from __future__ import annotations

import ast
from collections.abc import Callable

from neuroscript.compiler.analysis.analyse import MAX_BLOCKS
from neuroscript.compiler.analysis.counted_loops import Counter
from neuroscript.compiler.analysis.types import INT, LIST, MAP, STR
from neuroscript.compiler.codegen import pyast as py
from neuroscript.compiler.codegen.assignments import read_only_error
from neuroscript.compiler.codegen.context import Expressions, FunctionContext
from neuroscript.compiler.codegen.forms import CLEARED, Covering, jumps_of, step, under_handler, under_leaving_handler
from neuroscript.compiler.codegen.hopeful import tested
from neuroscript.compiler.codegen.temporaries import clear
from neuroscript.runtime import abi
from neuroscript.syntax import nodes as n

_COMPARE = {"<": abi.LT, "<=": abi.LE, ">": abi.GT, ">=": abi.GE}


class LoopGenerator:
    """Generates code for one loop.

    Args:
        context: of the function.
        expressions: generates code for expressions.
        block: generates code for a block of statements.
    """

    def __init__(
        self,
        context: FunctionContext,
        expressions: Expressions,
        block: Callable[[n.Block], list[ast.stmt]],
    ) -> None:
        self.context = context
        self.expressions = expressions
        self.temporaries = context.temporaries
        self.block = block
        self.handler: Covering | None = None  # covers the loop

    def loop(self, statement: n.While | n.ForEach) -> list[ast.stmt]:
        """Generates the loop."""
        if self.context.loops >= MAX_BLOCKS:
            return self._outlined(statement)
        self.handler = self.context.handler_of(statement)
        before = self.context.bounds.known
        with self.context.loop(statement):
            if isinstance(statement, n.ForEach):
                return self._for_each(statement)
            counter = self._counter(statement)
            if counter is None:
                return self._while(statement)
            if not counter.down and counter.name in before:
                self.context.bounds.known[counter.name] = before[counter.name]
            return self._counted(statement, counter)

    def _while(self, statement: n.While) -> list[ast.stmt]:
        """Any ``while``, as a loop over the fuel."""
        first, test = tested(self.context, self.expressions, statement.condition)
        done: ast.stmt = py.when(py.negated(test), [py.stop()])
        py.place(done, statement.place)
        handler = self.handler
        before: list[ast.stmt] = []
        after: list[ast.stmt] = []
        if handler is not None and handler.in_loop and handler.loop_jumps:
            # The loop to be left is not this one, whose condition failed, but the one around it.
            flag = self.temporaries.lasting()
            handler = Covering(handler.number, handler.jumps, handler.in_loop, handler.outlined, handler.tupled, flag)
            before = [clear(flag)]
            after = jumps_of(flag, handler.loop_jumps)
        self.context.bounds.assume(statement.condition)
        header = under_handler([*first, done], handler, [py.stop()])
        clean = self.temporaries.release()
        body = [*self.context.turn(statement), *header, *clean, *self._covered(statement, statement.body)]
        return [*before, py.each(py.stored("_"), py.name(abi.FUEL), body, []), *clean, *after]

    # --- counted loops -----------------------------------------------------------------------------------------------

    def _counter(self, statement: n.While) -> Counter | None:
        """The counter of a counted loop, if it certainly is a bounded whole number, and bound and step are pure."""
        context = self.context
        counter = context.analysis.counted.get(id(statement))
        if (
            context.unit.watches
            or counter is None
            or counter.name not in context.flow.assigned
            or context.is_read_only(counter.name)
        ):
            return None
        kind = context.types.types.get(counter.name)
        if kind is None or not kind.within(INT) or kind.bits is None:
            return None
        steps = self._is_pure_bound(counter.step) and context.type_of(counter.step).within(INT)
        return counter if steps and self._is_pure_bound(counter.bound) else None

    def _is_pure_bound(self, bound: n.Expr) -> bool:
        """Whether a bound or step cannot fail and has no effects.

        It is a literal, a variable that is set, its length, or a sum of whole ones of these.
        """
        if isinstance(bound, n.Chain):
            parts = (bound.first, *(operand for _, operand, _ in bound.rest))
            if self.context.type_of(bound).bits is None:
                return False
            return all(self._is_pure_bound(part) and self._is_whole(part) for part in parts)
        if isinstance(bound, n.Call):
            return bound.name in self.context.escape.readers and self.context.is_pure(bound.args[0].value)
        return self.context.is_pure(bound)

    def _counted(self, statement: n.While, counter: Counter) -> list[ast.stmt]:
        """A counted loop, as a ``for`` over a range.

        The first test stands before it, so that a loop without turns costs no more than that.  At the loop's end the
        counter has been counted up once more, and the last test has taken its step.
        """
        name, bound = counter.name, counter.bound
        test = self.expressions.condition(statement.condition)
        sure = self._is_whole(bound)
        # A test that may fail comes after its step, which then is that of the first turn.
        steps = py.name(abi.FUEL) if sure else py.call(abi.CHAIN, py.const((True,)), py.name(abi.FUEL))
        turns = py.call(abi.COMPRESS, self._range(counter), steps)
        py.place(turns, statement.condition.place)
        next_value = py.binary(py.variable(name), "-" if counter.down else "+", self.expressions.value(counter.step))
        rest = [step(), py.set_variable(name, next_value)]
        self.context.bounds.assume(statement.condition)
        with self.context.counting(counter):
            body = self._covered(statement, statement.body[:-1])
        loop = py.each(py.stored(abi.VARIABLE + name), turns, body, rest)
        if not sure:
            return [step(), py.when(test, [loop])]
        return [py.when(test, [loop], [step()])]

    def _is_whole(self, bound: n.Expr) -> bool:
        """Whether a bound certainly is a whole number; a length is one only of a value that has a length."""
        if not self.context.type_of(bound).within(INT):
            return False
        return not isinstance(bound, n.Call) or self.context.type_of(bound.args[0].value).within(LIST | MAP | STR)

    def _range(self, counter: Counter) -> ast.expr:
        """Code that gives the counter's values: a range, if bound and step prove to be whole numbers when it runs."""
        value = self.expressions.value
        start = py.variable(counter.name)
        stop = value(counter.bound)
        if counter.operator in ("<=", ">="):
            stop = py.binary(stop, "-" if counter.down else "+", py.const(1))
        tests: list[ast.expr] = []
        if not self.context.type_of(counter.bound).within(INT):
            tests.append(py.kind_is(value(counter.bound), "int"))
        if not isinstance(counter.step, n.Literal):
            tests.append(py.compare(value(counter.step), ">", py.const(0)))
        by = value(counter.step)
        if counter.down:
            by = ast.UnaryOp(ast.USub(), by)
        turns = py.call(abi.RANGE, start, stop, *([] if counter.by_one else [by]))
        if not tests:
            return turns
        other = py.call(abi.COUNTED, py.name(_COMPARE[counter.operator]), start, value(counter.bound), by)
        return py.either(py.both(*tests), turns, other)

    def _covered(self, statement: n.While | n.ForEach, block: n.Block) -> list[ast.stmt]:
        """The statements of a loop's body, under an error handler that may leave the loop, if there is one."""
        code = self.block(block)
        body = self.context.body
        if body.resumes or not body.leaves or self.context.in_error_handler:
            return code
        number = body.handler_of[id(statement)]
        return under_leaving_handler(code, self.context.handlers[number], body.jumps.get(number, ()), in_loop=True)

    # --- others ------------------------------------------------------------------------------------------------------

    def _for_each(self, statement: n.ForEach) -> list[ast.stmt]:
        names = [statement.name] if statement.key is None else [statement.key, statement.name]
        collection = self.expressions.value(statement.collection)
        for name in names:
            if self.context.is_read_only(name):
                return under_handler([ast.Expr(collection), read_only_error(name)], self.handler)
        before: list[ast.stmt] = []
        after: list[ast.stmt] = []
        if not isinstance(statement.collection, n.Name):
            # An iterator alone would hold it, where measuring the run's memory does not see it.
            held = self.temporaries.lasting()
            collection = py.bind(held, collection)
            after = [clear(held)]
        items = self._items(statement, collection)
        py.place(items, statement.collection.place)
        if self.handler is not None:
            walked = self.temporaries.lasting()
            before = under_handler([py.assign(walked, items)], self.handler, [clear(walked)])
            after.append(clear(walked))  # nothing holds the collection after the loop
            items = py.name(walked)
        clean = self.temporaries.release()
        after += clean
        for name in names:
            self.context.flow.certainly_set(name)
        body = [*clean, *self.context.turn(statement), *self._covered(statement, statement.body)]
        turns = py.call(abi.COMPRESS, items, py.name(abi.FUEL))
        variables: list[ast.expr] = [py.stored(abi.VARIABLE + name) for name in names]
        target = variables[0] if len(variables) == 1 else ast.Tuple(variables, py.STORE)
        loop: ast.stmt = py.each(target, turns, body, [step()])
        if before:  # after an error that was cleared there is nothing to walk
            loop = py.when(py.compare(items, "is not", py.const(None)), [loop])
        return [*before, loop, *after]

    def _items(self, statement: n.ForEach, collection: ast.expr) -> ast.expr:
        """What a loop over a collection walks; ``collection`` is code that evaluates it."""
        pairs = statement.key is not None
        helper = abi.ITERATE_PAIRS if pairs else abi.ITERATE
        if self.context.compact:
            return py.call(helper, collection)
        read = py.name(collection.target.id) if isinstance(collection, ast.NamedExpr) else collection
        if not isinstance(read, ast.Name):
            return py.call(helper, collection)
        kind = self.context.type_of(statement.collection)
        if isinstance(collection, ast.NamedExpr) or self.context.is_pure(statement.collection):
            if kind.within(LIST) or kind.within(STR):
                return py.call(abi.ENUMERATE, collection) if pairs else collection
            if kind.within(MAP):
                return py.call(abi.DICT_ITEMS if pairs else abi.DICT_VALUES, collection)
        if not kind.kinds & (MAP if pairs else LIST):
            return py.call(helper, collection)
        walked = py.call(abi.DICT_ITEMS, read) if pairs else read
        return py.either(py.kind_is(collection, "dict" if pairs else "list"), walked, py.call(helper, read))

    def _outlined(self, statement: n.While | n.ForEach) -> list[ast.stmt]:
        """A loop that is nested too deeply for one Python function, as an inner function."""
        identifier = self.temporaries.inner_function()
        with self.context.outlined():
            body = self.loop(statement)
        more = [CLEARED] if self.context.in_error_handler else []
        made = py.function(identifier, [], [], [*self.context.nonlocals(body, *more), *body])
        result = self.temporaries.lasting()
        # A `return` inside gives a tuple of its value, which functions of loops around this one pass on.
        tupled = self.context.gives_tuples
        value = py.name(result) if tupled else py.item(py.name(result), py.const(0))
        handler = self.context.handler_of(statement)
        return [
            made,
            py.assign(result, py.call(identifier)),
            *jumps_of(result, handler.loop_jumps if handler is not None else ()),
            py.when(py.compare(py.name(result), "is not", py.const(None)), [ast.Return(value)]),
        ]
