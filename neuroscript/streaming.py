"""Events of model replies in progress, for the ``on_stream`` callback of an interpreter."""

from __future__ import annotations

from neuroscript.records import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal


@record(frozen=True, kw_only=True)
class StreamEvent:
    """One event of a model's reply, passed to the ``on_stream`` callback.

    A call is what one ``ask``, one task or one turn of a conversation causes, with all attempts, rounds of tools and
    fallbacks.  Where ``worker_id`` changes within a call, a fallback has begun to answer in the place of the worker
    before it.

    Args:
        kind: ``delta``: a piece of text; ``tool_call``: a tool that the model calls, which is about to run; ``usage``:
            what one round of the call used, whose text is complete; ``repair``: the text of that round does not fit
            the schema of the call and does not count, and the model is asked again; ``done``: the call is over, once
            for each call.
        call_id: the same in all events of one call, and in no other call's.
        worker: the name of the worker that answers.
        worker_id: the id of its definition; empty in a ``done`` whose worker was not found.
        instance_id: the instance, or the id that the records of a stateless task have in its place.
        text: of ``delta``: the piece; of ``repair``: what does not fit.
        tool: of ``tool_call``: the tool, as the model names it.
        input_tokens: of ``usage``: of the round; of ``done``: of the whole call.
        output_tokens: likewise.
        cost: likewise, in the currency of the prices.
        code: of ``done``: 0, or the code of the error that the call failed with; 44 where it was cut off.
        task_id: of ``done``: the id of the call's performance record; empty where there is none.
    """

    kind: Literal["delta", "tool_call", "usage", "repair", "done"]
    call_id: str
    worker: str
    worker_id: str = ""
    instance_id: str = ""
    text: str = ""
    tool: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float = 0.0
    code: int = 0
    task_id: str = ""

    @property
    def ok(self) -> bool:
        """Whether the call has not failed."""
        return self.code == 0
