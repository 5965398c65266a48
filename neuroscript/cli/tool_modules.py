"""Tools from a Python module that the user names with ``--tools``, without a package round it.

The module has a function ``register(interpreter)``, as a plugin has.  It is code of the host's: the command line alone
names it, and never a program or a configuration file.
"""

from __future__ import annotations

import os
import sys
import traceback
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import module_from_spec

from neuroscript.cli.status import UsageError
from neuroscript.errors import NeuroScriptError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType, TracebackType

    from neuroscript.interpreter import Interpreter

_EXAMPLE = "def register(interpreter): interpreter.tool('group.Name')(function)"

_loaded: dict[str, ModuleType] = {}  # by path, so that a session that begins anew does not run it again


def add_tool_modules(interpreter: Interpreter, paths: Iterable[str]) -> None:
    """Gives an interpreter the tools of each module.

    Raises:
        UsageError: if there is no such file, it cannot be imported, or it registers no tool.  Where the module's own
            code fails, its traceback is shown first.
    """
    for path in paths:
        module = _load(path)
        register = getattr(module, "register", None)
        if not callable(register):
            raise UsageError(f"--tools {path!r}: the module has no function 'register'; write `{_EXAMPLE}`")
        before = interpreter.tools.added()
        try:
            register(interpreter)
        except NeuroScriptError as error:
            raise UsageError(f"--tools {path!r}: {error.message}") from error
        except Exception as error:
            _show(error)
            raise UsageError(f"--tools {path!r}: register() failed: {type(error).__name__}: {error}") from error
        if interpreter.tools.added() == before:
            raise UsageError(f"--tools {path!r}: register() registers no tool; write `{_EXAMPLE}`")


def _load(path: str) -> ModuleType:
    """The module of a file, which is imported the first time."""
    try:
        key = os.path.realpath(path)
        is_file = os.path.isfile(key)
    except ValueError as error:  # a NUL in the name
        raise UsageError(f"--tools {path!r} is no file name: {error}") from error
    if not is_file:
        raise UsageError(f"--tools: there is no file {path!r}")
    if key in _loaded:
        return _loaded[key]
    name = f"neuroscript_tools_{len(_loaded)}"  # no name that another module may have
    loader = SourceFileLoader(name, key)
    module = module_from_spec(ModuleSpec(name, loader, origin=key))
    module.__file__ = key
    beside = os.path.dirname(key)
    if beside not in sys.path:
        sys.path.append(beside)  # at the end: a module beside it may be imported, and takes no other's place
    sys.modules[name] = module
    try:
        loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        _show(error)
        raise UsageError(f"--tools {path!r} cannot be imported: {type(error).__name__}: {error}") from error
    _loaded[key] = module
    return module


def _show(error: BaseException) -> None:
    """Shows a module's own traceback on standard error, without the frames before it."""
    frames: TracebackType | None = error.__traceback__
    while frames is not None and _is_ours(frames.tb_frame.f_code.co_filename):
        frames = frames.tb_next
    sys.stdout.flush()
    for line in traceback.format_exception(type(error), error, frames):
        sys.stderr.write(line)


def _is_ours(file: str) -> bool:
    return file == __file__ or file.startswith("<frozen importlib")
