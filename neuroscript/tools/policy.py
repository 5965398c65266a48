"""The tool policy: the tools that programs may call, and the capabilities that the host grants."""

from __future__ import annotations

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.records import field, record

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Iterable

    from neuroscript.tools.spec import ToolSpec


class _Patterns:
    """Matches names by patterns with ``*`` and ``?``, with a regular expression only where one is needed."""

    __slots__ = ("beginnings", "names", "others")

    def __init__(self, patterns: Iterable[str]) -> None:
        names: list[str] = []
        beginnings: list[str] = []
        others: list[str] = []
        for pattern in patterns:
            start = pattern.removesuffix("*")
            if "*" in start or "?" in start:
                others.append(pattern)
            else:
                (names if start == pattern else beginnings).append(start)
        self.names = frozenset(names)
        self.beginnings = tuple(beginnings)
        self.others = _expression(others) if others else None

    def match(self, name: str) -> bool:
        """Whether a name matches one of the patterns."""
        if name in self.names or name.startswith(self.beginnings):
            return True
        return self.others is not None and self.others.fullmatch(name) is not None


DEFAULT_GRANTS = ("fs:read", "fs:write", "net", "env", "ask", "jobs")
"""The capabilities that a host grants unless it says otherwise.

Each is bounded elsewhere: files by the sandbox directory, variables by the host's list of them, the network by the
providers configured, jobs by what their submitter may do.
"""


@record(frozen=True)
class Policy:
    """The rules by which a host permits tools.

    Args:
        allow: patterns of tool names, with ``*`` and ``?``: ``fs.*``, ``str.To*``.  A name without a dot is a group.
        deny: patterns that are refused, whatever ``allow`` says.
        grants: patterns of the capabilities that the host grants: ``fs:read``, ``fs:*``.
        exempt: patterns of tools that may be called whatever capabilities they need; ``deny`` and ``allow`` hold for
            them as for all.
        also: further policies that have to permit a tool as well, as `narrowed` adds them.

    Case does not matter.  A leading ``tool.`` is dropped.
    """

    allow: tuple[str, ...] = ("*",)
    deny: tuple[str, ...] = ()
    grants: tuple[str, ...] = DEFAULT_GRANTS
    exempt: tuple[str, ...] = ()
    also: tuple[Policy, ...] = ()
    _patterns: tuple[_Patterns, _Patterns, _Patterns, _Patterns] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("allow", "deny", "grants", "exempt"):
            value = getattr(self, name)
            object.__setattr__(self, name, (value,) if isinstance(value, str) else tuple(value))
        patterns = (
            _Patterns(map(_tool_pattern, self.allow)),
            _Patterns(map(_tool_pattern, self.deny)),
            _Patterns(pattern.lower() for pattern in self.grants),
            _Patterns(map(_tool_pattern, self.exempt)),
        )
        object.__setattr__(self, "_patterns", patterns)

    def refusal(self, spec: ToolSpec) -> str | None:
        """Returns the reason why a tool may not be called; None if it may."""
        allow, deny, grants, exempt = self._patterns
        name = spec.name.lower()
        if deny.match(name):
            return (
                f"{spec.full_name} is denied by the host's policy; the host permits it by taking it out of --deny or "
                "Policy(deny=…)"
            )
        if not allow.match(name):
            return (
                f"{spec.full_name} is not among the tools that the host allows; the host permits it with "
                f"Policy(allow=({spec.name!r},))"
            )
        for capability in spec.capabilities:
            if not grants.match(capability.lower()) and not exempt.match(name):
                return (
                    f"{spec.full_name} needs the capability {capability}, which the host does not grant; the host "
                    f"permits it with --allow {spec.name} or Policy(grants=({capability!r},))"
                )
        return next(filter(None, (policy.refusal(spec) for policy in self.also)), None) if self.also else None

    def granted(self, capability: str) -> bool:
        """Whether the host grants a capability, such as ``fs:read``."""
        return self._patterns[2].match(capability.lower()) and all(each.granted(capability) for each in self.also)

    def narrowed(self, other: Policy) -> Policy:
        """The intersection with another policy: it permits and grants what both do."""
        if other == self or other in self.also:
            return self
        return Policy(self.allow, self.deny, self.grants, self.exempt, (*self.also, other))

    def permits(self, spec: ToolSpec) -> bool:
        """Whether a tool may be called."""
        return self.refusal(spec) is None

    def check(self, spec: ToolSpec) -> None:
        """Raises error 10 (`AccessError`) if a tool may not be called."""
        reason = self.refusal(spec)
        if reason is not None:
            raise NeuroScriptError(ErrorCode.SECURITY, reason)


def _tool_pattern(pattern: str) -> str:
    name = pattern.lower().removeprefix("tool.")
    # A group named alone would match no tool, and a deny rule that denies nothing is a hole.
    return name if "." in name or "*" in name or "?" in name else f"{name}.*"


def _expression(patterns: list[str]) -> re.Pattern[str]:
    import re

    return re.compile("|".join(re.escape(one).replace(r"\*", ".*").replace(r"\?", ".") for one in patterns))
