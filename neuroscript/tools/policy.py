"""Which tools a host permits, and what it grants them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.tools.spec import ToolSpec

DEFAULT_GRANTS = ("fs:read", "fs:write", "net", "env", "ask")
"""What a host grants unless it says otherwise.  Each is bounded elsewhere: files by the sandbox directory, variables by
the host's list of them, the network by the providers configured."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Which tools may be called.

    Args:
        allow: patterns of tool names, with ``*`` and ``?``: ``fs.*``, ``str.To*``.  A name without a dot is a group.
        deny: patterns that are refused, whatever ``allow`` says.
        grants: patterns of the capabilities that the host grants: ``fs:read``, ``fs:*``.

    Case does not matter.  A leading ``tool.`` is dropped.
    """

    allow: tuple[str, ...] = ("*",)
    deny: tuple[str, ...] = ()
    grants: tuple[str, ...] = DEFAULT_GRANTS
    _compiled: tuple[re.Pattern[str] | None, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("allow", "deny", "grants"):
            value = getattr(self, name)
            object.__setattr__(self, name, (value,) if isinstance(value, str) else tuple(value))
        compiled = (
            _compile(map(_tool_pattern, self.allow)),
            _compile(map(_tool_pattern, self.deny)),
            _compile(pattern.lower() for pattern in self.grants),
        )
        object.__setattr__(self, "_compiled", compiled)

    def refusal(self, spec: ToolSpec) -> str | None:
        """Why the tool may not be called; None if it may."""
        allow, deny, _ = self._compiled
        name = spec.name.lower()
        if deny is not None and deny.fullmatch(name):
            return f"{spec.full_name} is denied by the host's policy"
        if allow is None or not allow.fullmatch(name):
            return f"{spec.full_name} is not among the tools that the host allows"
        for capability in spec.capabilities:
            if not self.granted(capability):
                return f"{spec.full_name} needs the capability {capability}, which the host does not grant"
        return None

    def granted(self, capability: str) -> bool:
        """Whether the host grants a capability, such as ``fs:read``."""
        grants = self._compiled[2]
        return grants is not None and grants.fullmatch(capability.lower()) is not None

    def permits(self, spec: ToolSpec) -> bool:
        """Whether the tool may be called."""
        return self.refusal(spec) is None

    def check(self, spec: ToolSpec) -> None:
        """Raises error 10 (`AccessError`) if the tool may not be called."""
        reason = self.refusal(spec)
        if reason is not None:
            raise NeuroScriptError(ErrorCode.SECURITY, reason)


def _tool_pattern(pattern: str) -> str:
    name = pattern.lower().removeprefix("tool.")
    # A group named alone would match no tool, and a deny rule that denies nothing is a hole.
    return name if "." in name or "*" in name or "?" in name else f"{name}.*"


def _compile(patterns: object) -> re.Pattern[str] | None:
    parts = [re.escape(p).replace(r"\*", ".*").replace(r"\?", ".") for p in patterns]  # type: ignore[attr-defined]
    return re.compile("|".join(parts)) if parts else None
