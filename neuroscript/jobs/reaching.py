"""How the tools reach the queues of the interpreter that calls them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neuroscript.errors import ErrorCode, NeuroScriptError

if TYPE_CHECKING:
    from collections.abc import Callable

    from neuroscript.jobs.access import JobAccess
    from neuroscript.runtime.context import ToolContext

SERVICE = "jobs"
"""The service in which the tools find a function that gives the `JobAccess` of an interpreter."""


def access_of(ctx: ToolContext) -> JobAccess:
    """The queues of the interpreter.

    Raises:
        NeuroScriptError: 18 if the host gave none.
    """
    find: Callable[[], JobAccess] | None = ctx.services.get(SERVICE)
    if find is None:
        message = "this host has no queues; one that has them calls register_job_tools(interpreter, engine, journal)"
        raise NeuroScriptError(ErrorCode.CONFIGURATION, message)
    return find()
