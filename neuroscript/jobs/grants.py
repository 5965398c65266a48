"""What a program may do: kept with each job that it submits, and met with what the process may do that does the job."""

from __future__ import annotations

import os

from neuroscript.limits import Limits
from neuroscript.records import record
from neuroscript.tools.policy import Policy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Final, Protocol, Self

    from neuroscript.interpreter import Interpreter
    from neuroscript.journal import RunTerms

    class WorkerRights(Protocol):
        """What the plugin for workers tells of an interpreter, in the service `WORKERS`."""

        def policy(self) -> dict[str, Any]:
            """The policy under which its scripts use workers, its owner in it; JSON values."""
            ...

        def both(self, ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
            """The intersection of two policies, with the owner of the first one."""
            ...

        def equip(self, interpreter: Interpreter, policy: Mapping[str, Any]) -> None:
            """Gives another interpreter of this process the same workers, under a policy."""
            ...


WORKERS: Final = "worker_rights"
"""The service in which a plugin that gives an interpreter workers leaves its `WorkerRights`."""

_POLICY: Final = ("allow", "deny", "grants", "exempt")


@record(frozen=True, kw_only=True)
class Grant:
    """What a program may do.

    Args:
        policy: the tools that it may call.
        limits: what one run of it may use.
        sandbox: the directory that its file tools reach, absolute and without links; None: none.
        environment: the names of the variables that it may read.
        workers: its policy for workers, as the plugin for them writes it; None where there is none.
        ask_before: patterns of tools of which each call needs a person's yes (`RunTerms.ask_before`).
        approval_seconds: the time in which somebody has to answer; None: no end.
        plugins: whether plugins are loaded.
    """

    policy: Policy
    limits: Limits
    sandbox: str | None = None
    environment: tuple[str, ...] = ()
    workers: Mapping[str, Any] | None = None
    ask_before: tuple[str, ...] = ()
    approval_seconds: float | None = None
    plugins: bool = True

    @classmethod
    def of(cls, interpreter: Interpreter, terms: RunTerms | None = None) -> Self:
        """What the programs of an interpreter may do.

        Args:
            interpreter: the interpreter.
            terms: those of their runs; None: nobody is asked.
        """
        sandbox = interpreter.sandbox
        rights: WorkerRights | None = interpreter.services.get(WORKERS)
        return cls(
            policy=interpreter.policy,
            limits=interpreter.limits,
            sandbox=None if sandbox is None else os.path.realpath(sandbox),
            environment=tuple(sorted(interpreter.environment)),
            workers=None if rights is None else rights.policy(),
            ask_before=() if terms is None else terms.ask_before,
            approval_seconds=None if terms is None else terms.approval_seconds,
            plugins=interpreter.uses_plugins,
        )

    def narrowed(self, other: Grant, rights: WorkerRights | None) -> Grant:
        """The intersection with another grant; the owner of what is made with workers stays this one's.

        Args:
            other: the other one.
            rights: knows what policies for workers mean; None where there are no workers.
        """
        workers = None
        if rights is not None and self.workers is not None:
            workers = self.workers if other.workers is None else rights.both(self.workers, other.workers)
        times = [each.approval_seconds for each in (self, other) if each.approval_seconds is not None]
        return Grant(
            policy=self.policy.narrowed(other.policy),
            limits=self.limits.narrowed(other.limits),
            sandbox=_inner(self.sandbox, other.sandbox),
            environment=tuple(name for name in self.environment if name in other.environment),
            workers=workers,
            ask_before=tuple(dict.fromkeys([*self.ask_before, *other.ask_before])),
            approval_seconds=min(times, default=None),
            plugins=self.plugins and other.plugins,
        )

    def to_json(self) -> dict[str, Any]:
        """The grant as JSON values."""
        policies = [{name: list(getattr(each, name)) for name in _POLICY} for each in _flat(self.policy)]
        return {
            "policy": policies,
            "limits": {name: getattr(self.limits, name) for name in Limits.__annotations__},
            "sandbox": self.sandbox,
            "environment": list(self.environment),
            "workers": None if self.workers is None else dict(self.workers),
            "ask_before": list(self.ask_before),
            "approval_seconds": self.approval_seconds,
            "plugins": self.plugins,
        }

    @classmethod
    def of_json(cls, held: Mapping[str, Any]) -> Self:
        """Reads what `to_json` gives."""
        policies = [Policy(**{name: tuple(each[name]) for name in _POLICY}) for each in held["policy"]]
        policy = policies[0]
        for each in policies[1:]:
            policy = policy.narrowed(each)
        usual = Limits()  # for a limit that the release did not know which wrote it
        limits = {name: held["limits"].get(name, getattr(usual, name)) for name in Limits.__annotations__}
        return cls(
            policy=policy,
            limits=Limits(**limits),
            sandbox=held["sandbox"],
            environment=tuple(held["environment"]),
            workers=held["workers"],
            ask_before=tuple(held["ask_before"]),
            approval_seconds=held.get("approval_seconds"),
            plugins=held["plugins"],
        )


def _flat(policy: Policy) -> list[Policy]:
    """A policy and those that have to permit as well, each without further ones."""
    alone = Policy(policy.allow, policy.deny, policy.grants, policy.exempt)
    return [alone, *(inner for each in policy.also for inner in _flat(each))]


def _inner(ours: str | None, theirs: str | None) -> str | None:
    """Our directory, if it is the other one or lies in it; else programs would find other files there."""
    return ours if ours is not None and lies_within(ours, theirs) else None


def lies_within(path: str, directory: str | None) -> bool:
    """Whether a path is a directory or lies in it, both absolute and without links."""
    return directory is not None and f"{path}{os.sep}".startswith(f"{directory.rstrip(os.sep)}{os.sep}")
