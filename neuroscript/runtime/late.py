"""General bodies of procedures whose code is made when they are called for the first time.

Where a program calls its procedures with known types, their general bodies are for calls from elsewhere, and of most
there are none.  Until there is one, a small function stands in the body's place, which is quickly made.  The first call
makes the code of all general bodies that the program has left out, and gives it to these functions: whoever
holds one, as a value or behind a check of arguments, has the body then.
"""

from __future__ import annotations

import threading

from neuroscript.runtime import abi

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FunctionType


class LateBodies:
    """The general bodies that one program has left out.

    Args:
        functions: what stands for them, by procedure.
        make: makes the modules that define them.
    """

    def __init__(self, functions: dict[str, FunctionType], make: Callable[[], tuple[CodeType, ...]]) -> None:
        self._functions = functions
        self._make: Callable[[], tuple[CodeType, ...]] | None = make
        self._lock = threading.Lock()

    def function(self, name: str) -> FunctionType:
        """The function of a general body, which has the body's code from now on.

        It is made in a thread of its own, since deep in a recursion there is no room for a compiler; or in this one,
        where no thread can be started, as at the end of a process.
        """
        if self._make is not None:
            failures: list[BaseException] = []
            thread = threading.Thread(target=self._work, args=(failures,), name="neuroscript-compiler", daemon=True)
            try:
                thread.start()
            except RuntimeError:
                self._work(failures)
            else:
                thread.join()
            try:
                for failure in failures:
                    raise failure
            finally:
                failures.clear()  # this frame is in the traceback, and would keep the failure alive
        return self._functions[name]

    def _work(self, failures: list[BaseException]) -> None:
        try:
            with self._lock:
                if self._make is not None:
                    self._fill(self._make())
                    self._make = None
        except BaseException as failure:  # raised in the thread that waits
            failures.append(failure)

    def _fill(self, codes: tuple[CodeType, ...]) -> None:
        made: dict[str, FunctionType] = {}
        for code in codes:
            exec(code, {"__builtins__": {}}, made)
        for name, function in self._functions.items():
            function.__code__ = made[abi.PROCEDURE + name].__code__
