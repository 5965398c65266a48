"""Whether what code changes without a look is held by nothing else, whenever it does so."""

from __future__ import annotations

import ast
from typing import Any, NoReturn
from unittest.mock import patch

from neuroscript.compiler.codegen import pyast as py
from neuroscript.compiler.codegen.assignments import AssignmentGenerator
from neuroscript.compiler.codegen.temporaries import only_variable_holds
from neuroscript.loading import _CACHE

from .routines import Trial
from .trials import Compiled


class SharedError(BaseException):
    """A list or map that code takes for its own has another holder."""


def _unshared(self: AssignmentGenerator, name: str) -> list[ast.expr]:
    """A look in any case; where code would do without one, what it finds had better be true."""
    alone = only_variable_holds(name)
    if name in self.context.flow.owned:
        return [py.some(alone, py.call("_shared", py.const(name)))]
    return [alone]


def shared_value(trial: Trial) -> str:
    """A list or map of the trial's calls that is changed while something else holds it, or an empty text."""

    def shared(name: str) -> NoReturn:
        raise SharedError(f"{name} has another holder")

    with (
        patch.object(AssignmentGenerator, "_unshared", _unshared),
        patch.object(_CACHE, "find", lambda key, linker: None),
        patch.object(_CACHE, "keep", lambda key, entry: None),
    ):
        library = Compiled(trial)
        library.interpreter.loader.compile_all()
    namespace: dict[str, Any] = library.interpreter.runtime.namespace
    namespace["_shared"] = shared
    for call in trial.calls:
        try:
            library.call(call)
        except SharedError as error:
            return f"{call}: {error}"
    return ""
