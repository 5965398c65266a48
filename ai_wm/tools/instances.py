"""The tools of the group ``AIWorkerInstance``: spawning instances, following them, and retiring them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ai_wm.tools.access import (
    RETIRED,
    STATUS,
    USED,
    access_of,
    calling,
    charge,
    conversation_of,
    handle_of,
    journal_of,
    keep,
)
from ai_wm.tools.definitions import NO_SUCH_WORKER, WORKER
from ai_wm.tools.recovering import USAGE_ADDED
from ai_wm.tools.shapes import CONFIGURATION, GIVEN_RECORD, INSTANCE_FILTERS, LIVE_INSTANCE, SPAWNED, USAGE
from neuroscript import ArgSpec, ArgType, ToolSpec

if TYPE_CHECKING:
    from neuroscript import Handle, ToolContext

INSTANCE = ArgSpec("instance_id", ArgType.STRING, "The instance's id.")
NO_SUCH_INSTANCE = "9 if there is no such instance; 19 if it is retired"


def spawn(
    ctx: ToolContext, definition_id: str, config_overrides: dict[str, Any] | None, file_contexts: list[str] | None
) -> dict[str, Any]:
    """Spawns an instance and returns it as a map, with the handle of its conversation."""
    charge(ctx, config_overrides, file_contexts)
    with calling(ctx):
        access = access_of(ctx)
        session = access.instances.spawn(definition_id, config_overrides, file_contexts, journal_of(ctx, access))
        handle = handle_of(ctx, access.conversation(session))
        return {**access.instances.get(session.instance_id), "conversation_manager_handle": handle}


def get(ctx: ToolContext, instance_id: str) -> dict[str, Any]:
    """Returns a live instance as a map."""
    with calling(ctx):
        return access_of(ctx).instances.get(instance_id)


def list_active(ctx: ToolContext, filters: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Returns the live instances that pass the filters as maps."""
    with calling(ctx):
        return access_of(ctx).instances.select(filters)


def retire(
    ctx: ToolContext,
    instance_id: str,
    conversation_manager_handle: Handle,
    reason: str,
    final_status: str,
    final_session_token_usage: dict[str, Any] | None,
    performance_records: list[dict[str, Any]] | None,
) -> None:
    """Retires an instance."""
    charge(ctx, reason, final_session_token_usage, performance_records)
    with calling(ctx):
        conversation_of(ctx, conversation_manager_handle, instance_id)
        access_of(ctx).instances.retire(
            instance_id,
            reason=reason,
            final_status=final_status,
            usage=final_session_token_usage,
            records=performance_records,
        )
        keep(ctx, RETIRED, {"instance_id": instance_id})
        ctx.handles.release(conversation_manager_handle)


def update_status(ctx: ToolContext, instance_id: str, status: str, last_error: str | None) -> None:
    """Sets the state of a live instance."""
    charge(ctx, last_error)
    with calling(ctx):
        access_of(ctx).instances.set_status(instance_id, status, last_error)
        keep(ctx, STATUS, {"instance_id": instance_id, "status": status, "last_error": last_error})


def update_token_usage(ctx: ToolContext, instance_id: str, input_tokens: int, output_tokens: int) -> None:
    """Adds tokens to a live instance's session."""
    charge(ctx)
    with calling(ctx):
        access_of(ctx).instances.add_usage(instance_id, input_tokens, output_tokens)
        keep(ctx, USED, {"instance_id": instance_id, "used": [input_tokens, output_tokens]})


TOOLS: list[tuple[ToolSpec, Callable[..., Any]]] = [
    (
        ToolSpec(
            name="AIWorkerInstance.Spawn",
            description="Starts an instance of a worker: a conversation with a memory of its own.",
            category="AI worker instances",
            args=(
                WORKER,
                ArgSpec(
                    "config_overrides",
                    ArgType.MAP,
                    "Settings that go on top of the definition's base_config, for this instance.",
                    required=False,
                    shape=CONFIGURATION,
                ),
                ArgSpec(
                    "file_contexts",
                    ArgType.SLICE_STRING,
                    "Files of the sandbox that go to the model ahead of the conversation, in place of the "
                    "definition's default ones.",
                    required=False,
                ),
            ),
            return_type=ArgType.MAP,
            return_help="The instance, with `conversation_manager_handle`, by which the Conversation tools and `ask` "
            "reach it.",
            result_shape=SPAWNED,
            primer="→{instance_id,conversation_manager_handle,status,…}\n"
            'The handle is for `ask handle, …`, Conversation and Retire; final_status: "retired_completed".',
            example='set chat = tool.AIWorkerInstance.Spawn("helper").conversation_manager_handle',
            error_conditions=f"{NO_SUCH_WORKER}; 10 for a worker, a setting or files that the host does not permit; "
            "19 if it is not active or not conversational; 20 at its limit of concurrent instances; 4 for a setting "
            "that does not fit.",
            capabilities=("ask",),
            effect="idempotent",
        ),
        spawn,
    ),
    (
        ToolSpec(
            name="AIWorkerInstance.Get",
            description="Gives what is known of an active instance.",
            category="AI worker instances",
            args=(INSTANCE,),
            return_type=ArgType.MAP,
            return_help="The instance.",
            result_shape=LIVE_INSTANCE,
            example="set used = tool.AIWorkerInstance.Get(id).session_token_usage.total_tokens",
            error_conditions=f"{NO_SUCH_INSTANCE}.",
            capabilities=("ask",),
            effect="read",
        ),
        get,
    ),
    (
        ToolSpec(
            name="AIWorkerInstance.ListActive",
            description="Lists the instances that are not retired, the oldest first.",
            category="AI worker instances",
            args=(ArgSpec("filters", ArgType.MAP, "What must hold.", required=False, shape=INSTANCE_FILTERS),),
            return_type=ArgType.SLICE_MAP,
            return_help="Maps as `AIWorkerInstance.Get` gives.",
            result_shape=LIVE_INSTANCE,
            example='set busy = tool.AIWorkerInstance.ListActive({"status": "busy"})',
            error_conditions="4 for an unknown filter or state.",
            capabilities=("ask",),
            effect="read",
        ),
        list_active,
    ),
    (
        ToolSpec(
            name="AIWorkerInstance.Retire",
            description="Ends an instance: stores it with its usage and all its records, frees its place, and makes "
            "its handle stale.",
            category="AI worker instances",
            args=(
                INSTANCE,
                ArgSpec("conversation_manager_handle", ArgType.HANDLE, "The handle that Spawn gave for it."),
                ArgSpec("reason", ArgType.STRING, "Why, in words."),
                ArgSpec(
                    "final_status",
                    ArgType.STRING,
                    "retired_completed, retired_exhausted, retired_error, context_full or token_limit_reached; "
                    "anything else is stored as retired_exhausted.",
                ),
                ArgSpec(
                    "final_session_token_usage",
                    ArgType.MAP,
                    "The tokens to store in place of those counted.",
                    required=False,
                    shape=USAGE,
                ),
                ArgSpec(
                    "performance_records",
                    ArgType.SLICE_MAP,
                    "Records to store in place of those logged.",
                    required=False,
                    shape=GIVEN_RECORD,
                ),
            ),
            return_type=ArgType.NIL,
            return_help="nil",
            example='call tool.AIWorkerInstance.Retire(id, chat, "done", "retired_completed")',
            error_conditions=f"{NO_SUCH_INSTANCE}, is in a turn, or the handle is stale or another instance's; 7 if it "
            "is no conversation's handle; 10 for usage or records of a worker of the host's; 4 for those that do not "
            "fit; 26 if the file cannot be written.",
            capabilities=("ask",),
            effect="idempotent",
        ),
        retire,
    ),
    (
        ToolSpec(
            name="AIWorkerInstance.UpdateStatus",
            description="Sets the state of an instance.",
            category="AI worker instances",
            args=(
                INSTANCE,
                ArgSpec(
                    "status",
                    ArgType.STRING,
                    "initializing, idle, busy, context_full, rate_limited, token_limit_reached or error.",
                ),
                ArgSpec(
                    "last_error",
                    ArgType.STRING,
                    "What went wrong, kept with error; another status clears it.",
                    required=False,
                ),
            ),
            return_type=ArgType.NIL,
            return_help="nil",
            example='call tool.AIWorkerInstance.UpdateStatus(id, "error", "the reply was useless")',
            error_conditions=f"{NO_SUCH_INSTANCE} or in a turn; 4 for an unknown state or a retired one (use Retire).",
            capabilities=("ask",),
            effect="idempotent",
            administers=True,
        ),
        update_status,
    ),
    (
        ToolSpec(
            name="AIWorkerInstance.UpdateTokenUsage",
            description="Adds tokens to what an instance has used in its session.",
            category="AI worker instances",
            args=(
                INSTANCE,
                ArgSpec("input_tokens", ArgType.INT, "Tokens of input to add."),
                ArgSpec("output_tokens", ArgType.INT, "Tokens of output to add."),
            ),
            return_type=ArgType.NIL,
            return_help="nil",
            example="call tool.AIWorkerInstance.UpdateTokenUsage(id, 120, 35)",
            error_conditions=f"{NO_SUCH_INSTANCE}; 4 for a negative number.",
            capabilities=("ask",),
            effect="once",
            recovery=USAGE_ADDED,
            administers=True,
        ),
        update_token_usage,
    ),
]
