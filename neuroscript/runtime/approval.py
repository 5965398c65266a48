"""What a program asks a person before it goes on: the host's callback, the person at the prompt, or the journal."""

from __future__ import annotations

from dataclasses import replace
from time import time

from neuroscript.approval import Approval, refused
from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.values import to_host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from neuroscript.runtime.namespace import Runtime

PROMPT = "the person at the prompt"
_YES = frozenset({"y", "yes"})


def request_approval(runtime: Runtime, what: str, details: Any, seconds: float | None) -> Approval:
    """Asks for a yes, for ``tool.approval.Request``.

    Args:
        runtime: of the program.
        what: what is to be done, in the program's words.
        details: more about it, a value of the language.
        seconds: the time in which a suspended run has to have an answer; None: what the host says.

    Raises:
        NeuroScriptError: 48 if it is refused; 18 if there is nobody to ask.
    """
    if runtime.journal is not None:
        return runtime.journal.approval(what, details, seconds)
    interpreter = runtime.interpreter
    asked = Approval("", "", what, to_host(details), time())
    if interpreter.approver is not None:
        yes, by = runtime.call_host("the host's approver", interpreter.approver, asked), "the host"
    elif interpreter.prompt_source is not None:
        yes, by = runtime.prompt(runtime.depth, _question(runtime, what, details)).strip().lower() in _YES, PROMPT
    else:
        yes, by = None, ""
    if yes is None:
        message = (
            f"nobody can be asked about {what!r}: the host gave neither a callback (approver) nor a prompt; a run that "
            "waits for an answer has an id (neuroscript run --run-id ID)"
        )
        raise NeuroScriptError(ErrorCode.CONFIGURATION, message)
    answer = replace(asked, answer=bool(yes), by=by, answered=time())
    if not answer.answer:
        raise refused(answer)
    return answer


def _question(runtime: Runtime, what: str, details: Any) -> str:
    more = "" if details is None else f"\n{runtime.operations.joined(details)}"
    return f"{what}{more}\nApprove this? (yes or no) "
