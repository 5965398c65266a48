"""The tools of the group ``Conversation``: talking to an instance through its handle."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ai_wm.tools.access import access_of, calling, checked_reply, conversation_of, options_of
from ai_wm.tools.shapes import CONFIGURATION, MESSAGE
from ai_wm.tools.tasks import CALL_ERRORS
from neuroscript import ArgSpec, ArgType, ToolSpec

if TYPE_CHECKING:
    from ai_wm.providers.base import Message
    from neuroscript import Handle, ToolContext

HANDLE = ArgSpec("handle", ArgType.HANDLE, "The conversation's handle, from AIWorkerInstance.Spawn.")
TEXT = ArgSpec("text", ArgType.STRING, "What was said.")
STALE = "7 if it is no conversation's handle; 19 if the instance is retired or in a turn"


def ask(ctx: ToolContext, handle: Handle, message: str, config_overrides: dict[str, Any] | None) -> Any:
    """Sends the model a message and returns its reply: the text, or with a schema the value."""
    with calling(ctx):
        access = access_of(ctx)
        conversation = conversation_of(ctx, handle)
        return checked_reply(ctx, access.ask(conversation, message, config_overrides, options_of(ctx, access)))


def add_user_message(ctx: ToolContext, handle: Handle, text: str) -> None:
    """Adds a message of the user to the history."""
    with calling(ctx):
        conversation_of(ctx, handle).add_user_message(text)


def add_model_message(ctx: ToolContext, handle: Handle, text: str) -> None:
    """Adds a message of the model to the history."""
    with calling(ctx):
        conversation_of(ctx, handle).add_model_message(text)


def history(ctx: ToolContext, handle: Handle) -> list[dict[str, Any]]:
    """Returns the messages so far as maps."""
    with calling(ctx):
        return [
            {"role": said.role, "content": checked_reply(ctx, said.content), **_attached(said)}
            for said in conversation_of(ctx, handle).history
        ]


def _attached(said: Message) -> dict[str, Any]:
    """What a message of the history tells of its attachments; nothing if it has none."""
    if not said.attachments:
        return {}
    return {
        "attachments": [
            {"name": each.name, "media_type": each.media_type, "size_bytes": len(each.data)}
            for each in said.attachments
        ]
    }


def clear(ctx: ToolContext, handle: Handle) -> None:
    """Empties the history."""
    with calling(ctx):
        conversation_of(ctx, handle).clear()


TOOLS: list[tuple[ToolSpec, Callable[..., Any]]] = [
    (
        ToolSpec(
            name="Conversation.Ask",
            description="Says something to the model and returns its reply: the next turn of the conversation. A turn "
            "that fails leaves the history as it was.",
            category="AI conversations",
            args=(
                HANDLE,
                ArgSpec("message", ArgType.STRING, "What to say."),
                ArgSpec(
                    "config_overrides",
                    ArgType.MAP,
                    "Settings that go on top of the instance's, for this turn.",
                    required=False,
                    shape=CONFIGURATION,
                ),
            ),
            return_type=ArgType.ANY,
            return_help="The reply: a string, or with a schema the value.",
            example='set reply = tool.Conversation.Ask(chat, "And in French?")',
            error_conditions=f"{STALE}; {CALL_ERRORS}; 22, 34, 37 for a file context that is missing, outside the "
            "sandbox, too large.",
            capabilities=("ask", "net"),
            effect="idempotent",
        ),
        ask,
    ),
    (
        ToolSpec(
            name="Conversation.AddUserMessage",
            description="Adds a message of the user to the history without asking the model.",
            category="AI conversations",
            args=(HANDLE, TEXT),
            return_type=ArgType.NIL,
            return_help="nil",
            example='call tool.Conversation.AddUserMessage(chat, "My name is Ada.")',
            error_conditions=f"{STALE}.",
            capabilities=("ask",),
            effect="pure",
        ),
        add_user_message,
    ),
    (
        ToolSpec(
            name="Conversation.AddModelMessage",
            description="Adds a message of the model to the history, as if it had said that.",
            category="AI conversations",
            args=(HANDLE, TEXT),
            return_type=ArgType.NIL,
            return_help="nil",
            example='call tool.Conversation.AddModelMessage(chat, "Hello Ada.")',
            error_conditions=f"{STALE}.",
            capabilities=("ask",),
            effect="pure",
        ),
        add_model_message,
    ),
    (
        ToolSpec(
            name="Conversation.History",
            description="Gives what was said so far.",
            category="AI conversations",
            args=(HANDLE,),
            return_type=ArgType.SLICE_MAP,
            return_help="The messages, the oldest first.",
            result_shape=MESSAGE,
            primer="→[{role:user|assistant|tool,content},…]",
            example='set said = tool.Conversation.History(chat)[0]["content"]',
            error_conditions="7 if it is no conversation's handle; 19 if the instance is retired.",
            capabilities=("ask",),
            effect="pure",
        ),
        history,
    ),
    (
        ToolSpec(
            name="Conversation.Clear",
            description="Forgets what was said; the instance, its settings and its file contexts stay.",
            category="AI conversations",
            args=(HANDLE,),
            return_type=ArgType.NIL,
            return_help="nil",
            example="call tool.Conversation.Clear(chat)",
            error_conditions=f"{STALE}.",
            capabilities=("ask",),
            effect="pure",
        ),
        clear,
    ),
]
