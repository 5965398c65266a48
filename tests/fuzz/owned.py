"""Whether what code changes without a look is held by nothing else, whenever it does so."""

from __future__ import annotations

import ast
from typing import Any
from unittest.mock import patch

from neuroscript.compiler.codegen import pyast as py
from neuroscript.compiler.codegen.assignments import AssignmentGenerator
from neuroscript.loading import _CACHE
from neuroscript.runtime import abi
from neuroscript.runtime.containers import IN_LOCAL

from .routines import Trial
from .trials import Compiled


class SharedError(BaseException):
    """A list or map that code takes for its own has another holder."""


def _unshared(self: AssignmentGenerator, name: str) -> list[ast.expr]:
    """A look in any case; where code would do without one, what it finds had better be true."""
    counted = py.call(abi.REFCOUNT, py.variable(name))
    if name in self.context.flow.owned:
        return [py.call("_sole", counted, py.const(name))]
    return [py.compare(counted, "==", py.const(IN_LOCAL))]


def shared_value(trial: Trial) -> str:
    """A list or map of the trial's calls that is changed while something else holds it, or an empty text."""

    def sole(count: int, name: str) -> bool:
        if count != IN_LOCAL:
            raise SharedError(f"{name} is held {count} times, not {IN_LOCAL}")
        return True

    with (
        patch.object(AssignmentGenerator, "_unshared", _unshared),
        patch.object(_CACHE, "find", lambda key, linker: None),
        patch.object(_CACHE, "keep", lambda key, entry: None),
    ):
        library = Compiled(trial)
        library.interpreter.loader.compile_all()
    namespace: dict[str, Any] = library.interpreter.runtime.namespace
    namespace["_sole"] = sole
    for call in trial.calls:
        try:
            library.call(call)
        except SharedError as error:
            return f"{call}: {error}"
    return ""
