"""Tools for models: offers a model the tools that its definition lists and the host permits, and runs them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from threading import RLock
from typing import Any

from ai_wm.calls.procedure_tools import procedure_tools, procedures_in
from ai_wm.logs import CALLS, DEBUG, tell
from ai_wm.providers.base import Message, ToolCallRequest, ToolDefinition
from neuroscript import (
    ArgType,
    ErrorCode,
    ErrorValue,
    NeuroScriptError,
    Policy,
    Tool,
    ToolContext,
    ToolRegistry,
    ToolSpec,
    to_json,
    validate_and_convert_args,
)

# A model writes JSON, which holds none of these; a tool that needs one is not offered.
_NOT_FROM_MODELS = frozenset({ArgType.HANDLE, ArgType.FUNCTION, ArgType.TIMEDATE, ArgType.ERROR})


@dataclass(frozen=True, slots=True)
class ToolHost:
    """The source of the tools that models may call: a registry, a policy, and a context to run them in.

    Args:
        registry: the tools.
        policy: the host's policy, or a function that returns it at each call; the registry's own policy applies too.
        context: the call context that the tools get.
        administration: the full names of the tools that administer which a model may have, where its worker's allow
            list names them in full, or a function that says them at each call; no pattern gives it any.

    Tools of one host run one at a time, since the context behind them belongs to one thread.
    """

    registry: ToolRegistry
    policy: Policy | Callable[[], Policy] | None = None
    context: Any = None
    administration: Sequence[str] | Callable[[], Sequence[str]] = ()
    lock: RLock = field(default_factory=RLock, repr=False, compare=False)

    def refusal(self, spec: ToolSpec) -> str | None:
        """Returns the reason why the host does not permit a tool; None if it does."""
        for policy in (self.policy() if callable(self.policy) else self.policy, self.registry.policy):
            reason = policy.refusal(spec) if policy is not None else None
            if reason is not None:
                return reason
        if spec.administers:
            named = self.administration() if callable(self.administration) else self.administration
            if _is_named(spec, named):
                return None
            return (
                f"{spec.full_name} administers, and the host gives it to no model; the host permits it with "
                f"--allow {spec.name} or WorkerPolicy(model_tools=({spec.name!r},))"
            )
        return None


class WorkerTools:
    """The tools that one worker's model may call.

    Args:
        host: where they come from; None: there are none.
        allow: patterns of the definition's allow list; nothing listed, no tools.
        deny: patterns of its deny list, which wins.
        worker: the worker's name, for error messages.
        is_trusted: whether the host or a program made the definition, so that its lists may name procedures.

    Raises:
        NeuroScriptError: 2, 10, 18 or 41 for procedures in the allow list that cannot be offered; see
            `procedure_tools`.
    """

    def __init__(
        self,
        host: ToolHost | None,
        allow: Sequence[str],
        deny: Sequence[str],
        worker: str = "",
        is_trusted: bool = True,
    ) -> None:
        self._host = host
        self._allow, self._deny = tuple(allow), tuple(deny)
        self._offered: dict[str, Tool] = {}
        self._procedures: dict[str, Tool] = {}
        if allow and (named := procedures_in(allow, deny)):
            context = host.context if host is not None else None
            self._procedures = procedure_tools(named, context, worker, is_trusted)
        if host is not None and allow:
            lists = self._lists()
            for spec in host.registry.specs():
                if self._lists_permit(lists, spec) and host.refusal(spec) is None and _callable_by_model(spec):
                    self._offered[spec.function_name.lower()] = host.registry.lookup(spec.name)

    def _lists(self) -> Policy:
        """The definition's lists as a policy; capabilities are granted by the host alone."""
        return Policy(allow=self._allow, deny=self._deny, grants=("*",))

    def _lists_permit(self, lists: Policy, spec: ToolSpec) -> bool:
        """Whether the definition's lists permit a tool; an administration tool must be listed by its full name."""
        return lists.permits(spec) and (not spec.administers or _is_named(spec, self._allow))

    @property
    def definitions(self) -> tuple[ToolDefinition, ...]:
        """Returns the tool definitions to offer to the model."""
        if not self._offered and not self._procedures:
            return ()
        return tuple(
            ToolDefinition(
                name=tool.spec.function_name,
                description=tool.spec.description,
                parameters=tool.spec.to_json_schema(),
            )
            for tool in (*self._offered.values(), *self._procedures.values())
        )

    def run(self, request: ToolCallRequest) -> Message:
        """Runs a tool for the model; a refusal or a failure becomes the result that the model gets.

        Raises:
            NeuroScriptError: 44 if the host cancelled; nothing else.
        """
        try:
            content, failed = _text(self._call(request)), False
        except NeuroScriptError as error:
            if error.code == ErrorCode.CANCELLED:
                raise
            content, failed = f"error {int(error.code)} ({error.name}): {error.message}", True
        return Message(role="tool", content=content, tool_call_id=request.id, name=request.name, is_error=failed)

    def _call(self, request: ToolCallRequest) -> Any:
        if request.problem:
            raise NeuroScriptError(ErrorCode.ARG_MISMATCH, f"{request.name} was not run: {request.problem}")
        name = request.name.replace(".", "__")
        tool = self._procedures.get(name) or self._offered.get(name.lower().removeprefix("tool__"))
        if tool is None or self._host is None:
            raise NeuroScriptError(ErrorCode.SECURITY, self._refusal(request.name))
        arguments = validate_and_convert_args(tool.spec, request.arguments)
        if CALLS.isEnabledFor(DEBUG):
            name = tool.spec.full_name
            tell(CALLS, DEBUG, "tool", "a model's call of %s is run", (name,), {"tool": name})
        with self._host.lock:
            context = self._host.context
            invoke = context.invoke if isinstance(context, ToolContext) else partial(_invoke, context)
            result = invoke(tool, arguments)
        if isinstance(result, ErrorValue):
            raise result.error()
        return result

    def _refusal(self, name: str) -> str:
        tool = self._host.registry.get(name) if self._host is not None else None
        if tool is None or self._host is None:
            offered = ", ".join(sorted(tool.name for tool in self.definitions))
            return f"there is no tool {name} for this worker; its tools are: {offered or 'none'}"
        if not self._lists_permit(self._lists(), tool.spec):
            how = ", which must name it in full since it administers" if tool.spec.administers else ""
            return (
                f"{tool.spec.full_name} is refused: the worker's lists, tool_allowlist and tool_denylist, do not "
                f"permit it{how}"
            )
        return self._host.refusal(tool.spec) or f"{tool.spec.full_name} takes values that a model cannot give"


def _invoke(context: Any, tool: Tool, arguments: list[Any]) -> Any:
    return tool.invoke(context, arguments)


def _is_named(spec: ToolSpec, names: Sequence[str]) -> bool:
    """Whether a list of full names holds a tool; ignores case and a leading ``tool.``, and matches no patterns."""
    return any(name.lower().removeprefix("tool.") == spec.name.lower() for name in names)


def _callable_by_model(spec: ToolSpec) -> bool:
    return not any(arg.required and arg.type in _NOT_FROM_MODELS and arg.python_type is None for arg in spec.args)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(to_json(value), ensure_ascii=False)
