"""Makes the primer of a host from the language's tables, the specs of its tools and its policy."""

from __future__ import annotations

from neuroscript.primer.language import language_part
from neuroscript.primer.tools import names_of, tools_part, usable_lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from neuroscript.tools.spec import ToolSpec

MAX_TOKENS = 2_500
MAX_CHARACTERS = 4 * MAX_TOKENS
"""The most characters of a primer; a token of English is about four."""


MAX_GLOBALS = 500
"""The most characters of the names of a host's globals."""

REFUSALS = "primer_refusals"
"""The service in which plugins leave functions that tell of a tool's name, or of ``"ask"``, whether they refuse every
call."""


JOBS = "jobs"
"""The service by which tools reach queues, and the capability that they need: without queues they are left out."""


def primer_of(interpreter: Any, files: bool) -> str:
    """Returns the primer of an interpreter.

    Args:
        interpreter: whose tools, policy and plugins count.
        files: whether programs have a directory; without one the tools for files are left out.
    """
    policy = interpreter.policy
    models = interpreter.asker() is not None and policy.granted("ask")
    refusals = interpreter.services.get(REFUSALS, ())
    has_jobs = JOBS in interpreter.services

    def usable(spec: ToolSpec) -> bool:
        if not has_jobs and JOBS in spec.capabilities:
            return False
        if not policy.permits(spec) or any(refuses(spec.name) for refuses in refusals):
            return False
        return files or not any(capability.startswith("fs:") for capability in spec.capabilities)

    specs = [spec for spec in interpreter.tools.specs() if usable(spec)]
    models = models and not any(refuses("ask") for refuses in refusals)
    return make_primer(specs, models=models, names=interpreter.runtime.globals)


def make_primer(specs: Iterable[ToolSpec], *, models: bool, names: Iterable[str] = ()) -> str:
    """Returns the primer for a host.

    Args:
        specs: the tools that programs may call.
        models: whether programs may ask models.
        names: the host's globals.
    """
    known = list(specs)
    text = language_part(models=models) + _globals_line(sorted(names))
    language = "\n".join(usable_lines(text, names_of(known)))
    return f"{language}\n\n{tools_part(known, MAX_CHARACTERS - len(language) - 3)}\n"


def _globals_line(names: list[str]) -> str:
    """The line on the host's globals, as many as there is room for; empty where there are none."""
    if not names:
        return ""
    shown = " ".join(names)
    if len(shown) > MAX_GLOBALS:
        shown = shown[: MAX_GLOBALS - 1].rpartition(" ")[0] + " …"
    return f"- Variables of this host, to be read alone: {shown}\n"
