"""The statement ``ask``: choosing the worker or conversation, and passing the prompt on."""

from __future__ import annotations

from collections.abc import Sequence
from shlex import quote
from typing import TYPE_CHECKING, Any

from ai_wm.logs import CALLS
from ai_wm.tools.access import (
    DIRECTORY,
    FAKES,
    SERVICE,
    access_of,
    checked_reply,
    conversation_of,
    fakes_in,
    options_of,
)
from neuroscript import ErrorCode, Handle, NeuroScriptError, text_of, type_name

if TYPE_CHECKING:
    from ai_wm.data.types import AIWorkerDefinition
    from ai_wm.manager import AIWorkerManager
    from ai_wm.scripts.access import ScriptAccess
    from neuroscript import ToolContext

CAPABILITIES = ("ask", "net")
"""The capability that a host must grant for ``ask``, as for the tools that reach a model."""

DEFAULT_NAME = "default"
"""The definition that a plain ``ask`` goes to, if there is one of this name."""

BUILT_IN_ECHO: dict[str, Any] = {
    "name": "built-in echo",
    "provider": "local",
    "model_name": "echo",
    "auth": {"method": "none"},
    "interaction_models": ["stateless_task"],
}
"""Who answers a plain ``ask`` where nothing is defined."""


class Asker:
    """Answers ``ask`` for one interpreter.

    Args:
        default_worker: the id or name of the definition that a plain ``ask`` goes to; None: the one named ``default``,
            else the only active one for stateless tasks; the built-in echo where none is active.
    """

    def __init__(self, default_worker: str | None = None) -> None:
        self._default_worker = default_worker
        self._echo: AIWorkerManager | None = None

    def __call__(
        self, ctx: ToolContext, who: Any, prompt: str, config: dict[str, Any] | None, whispered: Sequence[Any]
    ) -> Any:
        """Answers one ``ask`` and returns the reply: its text, or with a schema the value.

        Raises:
            NeuroScriptError: 10 if the host does not grant it; 7 if ``who`` is neither a string nor a conversation's
                handle; 19 if several workers could be meant; 37 if the reply is longer than a string may be; what the
                task or turn raises.
        """
        for capability in CAPABILITIES:
            if not ctx.interpreter.policy.granted(capability):
                message = (
                    f"ask needs the capability {capability}, which the host does not grant; the host permits it with "
                    f"Policy(grants=({capability!r},))"
                )
                raise NeuroScriptError(ErrorCode.SECURITY, message)
        access = access_of(ctx)
        options = options_of(ctx, access, whispered=[text_of(value) for value in whispered])
        if type(who) is Handle:
            return checked_reply(ctx, access.ask(conversation_of(ctx, who), prompt, config, options))
        if who is None:
            worker = self._default_worker or _only_worker(access.definitions.active())
            if worker is None:
                _refuse_in_tests(ctx, DEFAULT_NAME)
                worker, access = BUILT_IN_ECHO["name"], self._echo_access(ctx, access)
                options = options_of(ctx, access, whispered=[text_of(value) for value in whispered])
        elif isinstance(who, str):
            worker = who
            if ctx.services.get(FAKES) is not None and not _is_known(access, who):
                _refuse_in_tests(ctx, who)
        else:
            raise NeuroScriptError(
                ErrorCode.TYPE,
                f"ask takes a worker's name or id or a conversation handle, not {type_name(who)}"
                + ("; the handle is its conversation_manager_handle" if isinstance(who, dict) else ""),
            )
        return checked_reply(ctx, access.execute(worker, prompt, config, options).reply)

    def close(self) -> None:
        """Closes the built-in echo's manager, if one was made."""
        if self._echo is not None:
            self._echo.close()

    def _echo_access(self, ctx: ToolContext, access: ScriptAccess) -> ScriptAccess:
        # A manager of its own, in memory: what nobody defined leaves nothing in the files.
        if self._echo is None:
            from ai_wm.manager import AIWorkerManager

            _tell_of_echo(ctx)
            self._echo = AIWorkerManager(on_call=ctx.services[SERVICE].on_call)
            self._echo.add_worker_definition(BUILT_IN_ECHO)
        return self._echo.script_access(access.rights.owner, access.rights.policy)


def _tell_of_echo(ctx: ToolContext) -> None:
    """Warns that the reply is no model's: it would pass for one in a program that does not look at it."""
    directory, place = ctx.services[SERVICE].sandbox_dir, ctx.services.get(DIRECTORY)
    is_default = place is not None and not place["stores_additions"]
    where, flag = (f" in {directory}", f" --workers {quote(str(directory))}") if directory is not None else ("", "")
    CALLS.warning(
        "there are no workers%s that may be asked, so the built-in echo answers; add one with: neuroscript workers add "
        "NAME --model PROVIDER/MODEL%s",
        where,
        "" if is_default else flag,
    )


def _refuse_in_tests(ctx: ToolContext, worker: str) -> None:
    """Raises error 18 for a worker that a test has no fake of; elsewhere it is not found, or the echo answers."""
    fakes = fakes_in(ctx.services)
    if fakes is not None:
        raise fakes.refusal(worker, f"the worker {worker!r}, which is not there,")


def _is_known(access: ScriptAccess, worker: str) -> bool:
    """Whether there is a worker of this name or id."""
    try:
        access.definitions.get(worker)
    except NeuroScriptError as error:
        return error.code != ErrorCode.KEY_NOT_FOUND
    return True


def _only_worker(active: Sequence[AIWorkerDefinition]) -> str | None:
    """The worker that is meant where none is named; None if there are none at all."""
    if not active:
        return None
    able = [worker for worker in active if worker.can_run_stateless]
    named = [worker for worker in able if worker.name == DEFAULT_NAME]
    if named or len(able) == 1:
        return (named or able)[0].definition_id
    raise NeuroScriptError(ErrorCode.PRECONDITION_FAILED, _which(able))


def _which(able: Sequence[AIWorkerDefinition]) -> str:
    if not able:
        return "ask does not say whom, and none of the active workers is for stateless tasks; ask a conversation handle"
    names = ", ".join(repr(worker.name) for worker in able[:5])
    return (
        f"ask does not say whom, and there are {len(able)} active workers ({names}{', …' if len(able) > 5 else ''}); "
        f'write ask "name", prompt, or name one of them {DEFAULT_NAME!r}'
    )
