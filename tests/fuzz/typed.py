"""Whether every value that a program computes is what inference says that it may be.

A check that is left out wrongly shows only where a value is far out of the ordinary.  Here the walker runs a program,
and each value of an expression and of a variable is held against the type that code was made for, down to the last bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from neuroscript.compiler.analysis import types
from neuroscript.compiler.analysis.infer import Inference
from neuroscript.compiler.analysis.specialize import ENTRY_BITS, Specialisation
from neuroscript.compiler.analysis.types import Type
from neuroscript.compiler.codegen.functions import FunctionGenerator
from neuroscript.loading import _CACHE
from neuroscript.syntax import nodes
from neuroscript.values import Function
from tests.oracle.expressions import Expressions
from tests.oracle.scope import Scope
from tests.oracle.walker import Walker

from .routines import Trial
from .trials import Compiled, Walked

_KINDS: dict[type, int] = {
    type(None): types.NIL,
    bool: types.BOOL,
    int: types.INT,
    float: types.FLOAT,
    str: types.STR,
    list: types.LIST,
    dict: types.MAP,
}


def admits(kind: Type, value: Any) -> bool:
    """Whether a value is one of a type's."""
    if type(value) is Function and not kind.kinds & types.OTHER:
        return value.name in kind.procedures
    if not kind.kinds & _KINDS.get(type(value), types.OTHER):
        return False
    if type(value) is int:
        return not (kind.natural and value < 0) and (kind.bits is None or value.bit_length() <= kind.bits)
    if type(value) in (list, dict) and kind.shapes:
        items = value if type(value) is dict else dict(enumerate(value))
        return any(_has_shape(items, shape) for shape in kind.shapes if shape.kind == _KINDS[type(value)])
    if type(value) in (list, dict) and kind.item is not None:
        return all(admits(kind.item, item) for item in (value.values() if type(value) is dict else value))
    return True


def _has_shape(items: dict[Any, Any], shape: types.Shape) -> bool:
    fields = shape.fields | shape.extra
    return shape.fields.keys() <= items.keys() and all(
        admits(fields.get(key, shape.others), item) for key, item in items.items()
    )


class WrongTypeError(BaseException):
    """A value that inference excludes."""


class Version:
    """One of the versions that a procedure was compiled in."""

    def __init__(self, types: Inference, special: Specialisation | None, *, internal: bool) -> None:
        self.types = types
        self.special = special
        self.internal = internal
        self._known: dict[int, tuple[nodes.Expr, Type]] = {}

    def of(self, node: nodes.Expr) -> Type:
        """The type of an expression."""
        known = self._known.get(id(node))
        if known is None:
            known = self._known[id(node)] = node, self.types.of(node)
        return known[1]


class TypedExpressions(Expressions):
    """Evaluates expressions and looks at what they give."""

    walker: TypedWalker

    def evaluate(self, node: nodes.Expr, scope: Scope) -> Any:
        """The value of an expression, if its type admits it."""
        value = super().evaluate(node, scope)
        version = self.walker.version(scope)
        if version is not None and not admits(version.of(node), value):
            raise WrongTypeError(f"{scope.unit}, line {node.span[0]}: {version.of(node)} does not admit {value!r}")
        return value


class TypedWalker(Walker):
    """Walks programs with an eye on the types of their compiled code."""

    versions: dict[str, Version]

    def watch(self, versions: dict[str, Version]) -> None:
        """Looks at what these functions of compiled code may rely on, by their names."""
        self.versions = versions
        self.expressions = TypedExpressions(self)
        self._running_versions: list[tuple[Scope, Version | None]] = []

    def version(self, scope: Scope) -> Version | None:
        """The version that a scope runs."""
        if self._running_versions and self._running_versions[-1][0] is scope:
            return self._running_versions[-1][1]
        return None

    def _run_unit(self, body: nodes.Block, scope: Scope) -> Any:
        version = self._chosen(scope)
        self._running_versions.append((scope, version))
        try:
            result = super()._run_unit(body, scope)
        finally:
            self._running_versions.pop()
        special = version.special if version is not None else None
        if special is not None and special.result is not None and not admits(special.result, result):
            raise WrongTypeError(f"{scope.unit}: {special.result} does not admit the result {result!r}")
        return result

    def _chosen(self, scope: Scope) -> Version | None:
        """The specialised version where the arguments, or the caller, say so."""
        version = self.versions.get(f"t1_{scope.unit}")
        if version is None or version.special is None:
            return self.versions.get(f"p_{scope.unit}")
        params = version.special.params
        given = {name: scope.variables[name] for name in params}
        caller_scope, caller = self._running_versions[-1] if self._running_versions else (None, None)
        if not version.special.checked:
            inside = caller is not None and caller.internal
            fits = inside and all(admits(kind, given[name]) for name, kind in params.items())
            return version if fits else self.versions.get(f"p_{scope.unit}")
        if caller is version and caller_scope is not None and version.special.result is not None:
            wrong = [name for name, kind in params.items() if not admits(kind, given[name])]
            if wrong:
                raise WrongTypeError(f"{scope.unit}: {params} do not admit {given!r}")
            return version
        entry = {
            name: Type(kind.kinds, ENTRY_BITS) if kind.kinds == types.INT else kind for name, kind in params.items()
        }
        fits = all(admits(kind, given[name]) for name, kind in entry.items())
        return version if fits else self.versions.get(f"p_{scope.unit}")

    def _assign(self, name: str, path: list[Any], value: Any, scope: Scope) -> None:
        super()._assign(name, path, value, scope)
        version = self.version(scope)
        kind = version.types.types.get(name) if version is not None else None
        if kind is not None and not admits(kind, scope.variables[name]):
            raise WrongTypeError(f"{scope.unit}: {kind} does not admit {name} = {scope.variables[name]!r}")


@contextmanager
def recorded() -> Iterator[dict[str, Version]]:
    """Notes what the functions of the programs that are compiled rely on."""
    versions: dict[str, Version] = {}
    function = FunctionGenerator.function

    def noting(self: FunctionGenerator, identifier: str) -> Any:
        context = self.context
        versions[identifier] = Version(context.types, context.special, internal=context.analysis.internal)
        return function(self, identifier)

    with patch.object(FunctionGenerator, "function", noting), patch.object(_CACHE, "find", lambda key, linker: None):
        yield versions


def excluded_value(trial: Trial) -> str:
    """A value of the trial's calls that is not what inference says, or an empty text."""
    with recorded() as versions:
        Compiled(trial).interpreter.loader.compile_all()
    with patch("tests.fuzz.trials.Walker", TypedWalker):
        library = Walked(trial)
    walker = library.walker
    assert isinstance(walker, TypedWalker)
    walker.watch(versions)
    for call in trial.calls:
        try:
            library.call(call)
        except WrongTypeError as error:
            return f"{call}: {error}"
    return ""
