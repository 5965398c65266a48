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


REFUSALS = "primer_refusals"
"""The service in which plugins leave functions that tell of a tool's name, or of ``"ask"``, whether they refuse every
call."""


def primer_of(interpreter: Any, files: bool) -> str:
    """Returns the primer of an interpreter.

    Args:
        interpreter: whose tools, policy and plugins count.
        files: whether programs have a directory; without one the tools for files are left out.
    """
    policy = interpreter.policy
    models = interpreter.asker() is not None and policy.granted("ask")
    refusals = interpreter.services.get(REFUSALS, ())

    def usable(spec: ToolSpec) -> bool:
        if not policy.permits(spec) or any(refuses(spec.name) for refuses in refusals):
            return False
        return files or not any(capability.startswith("fs:") for capability in spec.capabilities)

    specs = [spec for spec in interpreter.tools.specs() if usable(spec)]
    return make_primer(specs, models=models and not any(refuses("ask") for refuses in refusals))


def make_primer(specs: Iterable[ToolSpec], *, models: bool) -> str:
    """Returns the primer for a host.

    Args:
        specs: the tools that programs may call.
        models: whether programs may ask models.
    """
    known = list(specs)
    language = "\n".join(usable_lines(language_part(models=models), names_of(known)))
    return f"{language}\n\n{tools_part(known, MAX_CHARACTERS - len(language) - 3)}\n"
