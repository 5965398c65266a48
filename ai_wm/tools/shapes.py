"""The shapes of the maps that the tools take and give, made of the data models when they are first looked at."""

from __future__ import annotations

from neuroscript import ArgType, Shape, ShapeField

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def _prices() -> Iterable[ShapeField]:
    from ai_wm.data.prices import PRICE_HELP

    return (ShapeField(name, ArgType.NUMBER, text) for name, text in PRICE_HELP.items())


def _configuration() -> Iterable[ShapeField]:
    from ai_wm.data.setting_fields import CONFIGURATION

    return CONFIGURATION.fields.values()


def _key_source() -> Iterable[ShapeField]:
    from ai_wm.data.model_shapes import fields_of
    from ai_wm.data.types import APIKeySource

    return fields_of(APIKeySource)


def _rate_limits() -> Iterable[ShapeField]:
    from ai_wm.data.model_shapes import fields_of
    from ai_wm.data.types import RateLimitPolicy

    return fields_of(RateLimitPolicy)


def _usage() -> Iterable[ShapeField]:
    from ai_wm.data.model_shapes import fields_of
    from ai_wm.data.types import TokenUsageMetrics

    return fields_of(TokenUsageMetrics)


def _metrics() -> Iterable[ShapeField]:
    from ai_wm.data.model_shapes import fields_of
    from ai_wm.data.types import LLMCallMetrics

    return [
        *fields_of(LLMCallMetrics),
        ShapeField("attempts", ArgType.INT, "How many requests were sent."),
        ShapeField("cost_source", ArgType.STRING, "Where the prices come from; `unknown` if there were none."),
        ShapeField("usage_estimated", ArgType.BOOL, "Whether the tokens were estimated."),
        ShapeField("tool_rounds", ArgType.INT, "How often results of tools were sent back."),
        ShapeField("tool_calls", ArgType.SLICE_ANY, "The tools that the model called."),
        ShapeField("schema_repairs", ArgType.INT, "How often a reply that did not fit the schema was sent back."),
        ShapeField("continuations", ArgType.INT, "How often the model paused, and was asked to go on."),
        ShapeField("reasoning_tokens", ArgType.INT, "Tokens of thinking, among those of output."),
        ShapeField("other_choices", ArgType.STRING, "How choices beside the answer failed."),
        *(
            ShapeField(name, ArgType.INT, f"Tokens of {side} that are {kind}, where the provider tells.")
            for kind in ("audio", "image", "video")
            for name, side in (
                (f"input_{kind}_tokens", "input"),
                (f"cache_{kind}_read_tokens", "cached input"),
                (f"output_{kind}_tokens", "output"),
            )
        ),
        ShapeField("cache_read_tokens", ArgType.INT, "Tokens of input from the provider's cache."),
        ShapeField("cache_write_tokens", ArgType.INT, "Tokens of input written to the provider's cache."),
    ]


def _record() -> Iterable[ShapeField]:
    from ai_wm.data.model_shapes import fields_of
    from ai_wm.data.types import PerformanceRecord

    return fields_of(PerformanceRecord, {"llm_metrics": METRICS})


def _definition() -> list[ShapeField]:
    from ai_wm.data.model_shapes import fields_of
    from ai_wm.data.types import AIWorkerDefinition

    return fields_of(AIWorkerDefinition, {"base_config": CONFIGURATION, "cost_metrics": PRICES})


def _listed_definition() -> Iterable[ShapeField]:
    return [
        *_definition(),
        ShapeField("can_chat", ArgType.BOOL, "Whether it is for conversations."),
        ShapeField(
            "api_key_status",
            ArgType.STRING,
            "`Found`, `Not Found`, `Not Configured`, `Not Approved` or `Error Resolving`.",
        ),
    ]


def _updates() -> Iterable[ShapeField]:
    from ai_wm.workers.definition_updates import READ_ONLY

    return (
        ShapeField(one.name, one.type, one.description, shape=one.shape, spellings=one.spellings)
        for one in _definition()
        if one.name not in READ_ONLY
    )


def _instance() -> list[ShapeField]:
    from ai_wm.data.model_shapes import fields_of
    from ai_wm.data.types import AIWorkerInstance

    return fields_of(AIWorkerInstance, {"current_config": CONFIGURATION})


def _spawned() -> Iterable[ShapeField]:
    told = "The handle by which `ask` and the Conversation tools reach it."
    return [*_instance(), ShapeField("conversation_manager_handle", ArgType.HANDLE, told)]


CONFIGURATION = Shape("configuration", _configuration, open=True)
PRICES = Shape("prices", _prices)
KEY_SOURCE = Shape("key source", _key_source)
RATE_LIMITS = Shape("rate limits", _rate_limits)
METRICS = Shape("call metrics", _metrics, open=True)
USAGE = Shape("token usage", _usage, open=True)
RECORD = Shape("performance record", _record)
GIVEN_RECORD = Shape("performance record", _record, open=True)
DEFINITION = Shape("worker definition", _definition)
LISTED_DEFINITION = Shape("listed worker definition", _listed_definition)
UPDATES = Shape("changes of a worker definition", _updates)
LIVE_INSTANCE = Shape("worker instance", _instance)
SPAWNED = Shape("spawned worker instance", _spawned)

TASK = Shape(
    "task result",
    [
        ShapeField("output", ArgType.STRING, "The reply."),
        ShapeField("value", ArgType.ANY, "What the reply says; only where a `schema` was given."),
        ShapeField("task_id", ArgType.STRING, "The task's id."),
        ShapeField("cost", ArgType.NUMBER, "What it cost."),
        ShapeField("input_tokens", ArgType.INT, "Tokens of input."),
        ShapeField("output_tokens", ArgType.INT, "Tokens of output."),
        ShapeField("duration_ms", ArgType.INT, "How long it took, in milliseconds."),
        ShapeField("finish_reason", ArgType.STRING, "Why the reply ended: `stop`, `length`, …"),
    ],
)

GIVEN_TASK = Shape(
    "task",
    [
        ShapeField("worker", ArgType.STRING, "The definition's id, or its unique name.", required=True),
        ShapeField("prompt", ArgType.STRING, "What the model is asked.", required=True),
        ShapeField("config_overrides", ArgType.MAP, "Settings on top of its `base_config`.", shape=CONFIGURATION),
    ],
)

MESSAGE = Shape(
    "message",
    [
        ShapeField("role", ArgType.STRING, "`user`, `assistant` for the model, or `tool` for the result of a tool."),
        ShapeField("content", ArgType.STRING, "What was said."),
        ShapeField("attachments", ArgType.SLICE_MAP, "The `name`, `media_type` and `size_bytes` of files with it."),
    ],
    open=True,
)

DEFINITION_FILTERS = Shape(
    "filters of definitions",
    [
        ShapeField("definition_id", ArgType.STRING, "The id.", spellings=("id",)),
        ShapeField("name", ArgType.STRING, "What the name contains, case aside."),
        ShapeField("model_name", ArgType.STRING, "What the model's name contains, case aside."),
        ShapeField("provider", ArgType.STRING, "The provider."),
        ShapeField("status", ArgType.STRING, "`active`, `disabled` or `archived`."),
        ShapeField("interaction_models_contains", ArgType.STRING, "`conversational`, `stateless_task` or `both`."),
        ShapeField("capabilities_contains", ArgType.STRING, "A capability, case aside."),
        ShapeField("capabilities_contains_all", ArgType.SLICE_STRING, "Capabilities, case aside."),
    ],
)

INSTANCE_FILTERS = Shape(
    "filters of instances",
    [
        ShapeField("instance_id", ArgType.STRING, "The id."),
        ShapeField("definition_id", ArgType.STRING, "The id of the definition."),
        ShapeField("status", ArgType.STRING, "The state."),
    ],
)

RECORD_FILTERS = Shape(
    "filters of records",
    [
        ShapeField("task_id", ArgType.STRING, "The task."),
        ShapeField("instance_id", ArgType.STRING, "The instance, or `stateless` for one-shot tasks."),
        ShapeField("stateless", ArgType.BOOL, "Whether it was a one-shot task."),
        ShapeField("success", ArgType.BOOL, "Whether it succeeded."),
        ShapeField("duration_ms_gt", ArgType.NUMBER, "It took more milliseconds."),
        ShapeField("duration_ms_lt", ArgType.NUMBER, "It took fewer."),
        ShapeField("cost_incurred_gt", ArgType.NUMBER, "It cost more."),
        ShapeField("cost_incurred_lt", ArgType.NUMBER, "It cost less."),
        ShapeField("since", ArgType.ANY, "It began then or later: a timedate, or a string in RFC 3339."),
        ShapeField("until", ArgType.ANY, "It began then or earlier."),
        ShapeField("limit", ArgType.INT, "How many at most, the newest."),
    ],
)
