"""The data models of AI worker management: definitions, instances and records.

The models read the files of the Go package of the same design and write them back: on reading every key may be
spelled as in the file (``modelName``) or as in scripts (``model_name``), unknown keys are kept at every level, and what
was read is written back value for value under the file's names.  Keys at their zero value that were not read are left
out, as Go's ``omitempty`` does.

A model offers three forms of itself: `Model.to_file` (the file's keys; the only form that holds an inline key, or the
values of headers), `Model.to_script` (snake_case, plain values, what may be a key masked) and pydantic's ``model_dump``
(masked as well).
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Annotated, Any, ClassVar, Final, Self

from pydantic import Field, ModelWrapValidatorHandler, field_serializer, model_validator
from pydantic_core import PydanticCustomError

from ai_wm.data.enumerations import (
    AIWorkerDefinitionStatus,
    AIWorkerInstanceStatus,
    AIWorkerProvider,
    APIKeySourceMethod,
    APIKeyStatus,
    InteractionModelType,
)
from ai_wm.data.fields import (
    ZERO_TIME,
    Count,
    Flag,
    JsonMap,
    Number,
    PositiveNumber,
    Text,
    Texts,
    Timestamp,
    or_empty,
    plain_validator,
)
from ai_wm.data.headers import shown_config
from ai_wm.data.model import MASK, Model, file_field
from ai_wm.data.presets import default_auth
from ai_wm.data.prices import PRICES
from ai_wm.data.provider_names import BUILT_IN_PROVIDERS, check_provider
from ai_wm.data.sdk_options import with_own_names

__all__ = [
    "MASK",
    "STATELESS_PREFIX",
    "ZERO_TIME",
    "AIWorkerDefinition",
    "AIWorkerDefinitionStatus",
    "AIWorkerInstance",
    "AIWorkerInstanceStatus",
    "AIWorkerPerformanceSummary",
    "AIWorkerProvider",
    "APIKeySource",
    "APIKeySourceMethod",
    "APIKeyStatus",
    "InteractionModelType",
    "LLMCallMetrics",
    "Model",
    "PerformanceRecord",
    "RateLimitPolicy",
    "RetiredInstanceInfo",
    "SupervisorFeedback",
    "Timestamp",
    "TokenUsageMetrics",
]

STATELESS_PREFIX = "stateless-"
"""How the ``instance_id`` of a stateless task's record begins."""


def _read_provider(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise PydanticCustomError("provider", "the name of a provider, such as openai")
    return BUILT_IN_PROVIDERS.get(value, value)


ProviderName = Annotated[str, plain_validator(_read_provider)]
"""The name of a provider; a built-in one is a member of `AIWorkerProvider`."""


_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def is_variable_name(text: str) -> bool:
    """Whether a text has the form of an environment variable's name, and thus is probably not a key."""
    return _VARIABLE.fullmatch(text) is not None


class APIKeySource(Model):
    """The source of a worker's API key: a method and its value.

    ``value`` is the environment variable's name (``env_var``), the key itself (``inline``), ``path#dotted.key``
    (``config_path``), ``mount/path#field`` (``vault``), ``service/user`` (``keyring``), an identity at a cloud
    (``entra``: a client id; ``aws``: a profile; ``google``: a file; mostly empty), or nothing (``none``).  The
    value of an inline source is shown as ``***`` by everything but `to_file` and the attribute itself.
    """

    called = "key source"
    keys_checked = True
    keys_shown = False
    always_written = frozenset({"method"})

    method: APIKeySourceMethod = Field(
        description="`env_var`, `config_path`, `vault`, `keyring`, `entra`, `aws`, `google`, `inline`, `none`."
    )
    value: Text = Field(
        default="",
        repr=False,
        description="The variable's name, `path#dotted.key`, `mount/path#field`, `service/user` or the key itself.",
    )

    @property
    def shown_value(self) -> str:
        """The value for display: ``***`` if it is a key, or may be one given in place of a variable's name."""
        secret = self.method is APIKeySourceMethod.INLINE or (
            self.method is APIKeySourceMethod.ENV_VAR and not is_variable_name(self.value.strip())
        )
        return MASK if secret and self.value else self.value

    @field_serializer("value")
    def _mask(self, value: str) -> str:
        return self.shown_value

    def to_script(self) -> dict[str, Any]:
        """Converts to a map of method and value only, since other fields might hold a key; an inline key is masked."""
        return {"method": self.method.value, "value": self.shown_value}

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        yield "method", self.method.value
        yield "value", self.shown_value


class RateLimitPolicy(Model):
    """The rate limits and the budget of a worker; 0 means no limit.  Tokens are input and output together."""

    called = "rate limits"
    keys_checked = True
    max_requests_per_minute: Count = file_field(
        "max_requests_per_minute", default=0, description="Requests in any minute."
    )
    max_requests_per_day: Count = file_field("max_requests_per_day", default=0, description="Requests in any 24 hours.")
    max_tokens_per_minute: Count = file_field(
        "max_tokens_per_minute", default=0, description="Tokens in any minute, input and output together."
    )
    max_tokens_per_day: Count = file_field(
        "max_tokens_per_day", default=0, description="Tokens in any 24 hours, input and output together."
    )
    max_concurrent_active_instances: Count = file_field(
        "max_concurrent_active_instances", default=0, description="Instances at a time."
    )
    max_cost_per_day: PositiveNumber = file_field("max_cost_per_day", default=0, description="Cost in any 24 hours.")

    max_concurrent_calls: ClassVar[None] = None
    """Only definitions together have this limit: see `ai_wm.calls.ceilings`."""


class TokenUsageMetrics(Model):
    """The tokens used by an instance's session."""

    called = "token usage"
    always_written = frozenset({"input_tokens", "output_tokens", "total_tokens"})

    input_tokens: Count = file_field("input_tokens", default=0, description="Tokens of input.")
    output_tokens: Count = file_field("output_tokens", default=0, description="Tokens of output.")
    total_tokens: Count = file_field("total_tokens", default=0, description="Both together.")

    def plus(self, input_tokens: int, output_tokens: int) -> TokenUsageMetrics:
        """Returns the usage with more tokens added."""
        return TokenUsageMetrics(
            input_tokens=self.input_tokens + input_tokens,
            output_tokens=self.output_tokens + output_tokens,
            total_tokens=self.total_tokens + input_tokens + output_tokens,
        )


class LLMCallMetrics(Model):
    """The metrics of one call of a model, stored in a record's ``llm_metrics``."""

    called = "call metrics"
    input_tokens: Count = file_field("input_tokens", default=0, description="Tokens of input.")
    output_tokens: Count = file_field("output_tokens", default=0, description="Tokens of output.")
    total_tokens: Count = file_field("total_tokens", default=0, description="Both together.")
    finish_reason: Text = file_field("finish_reason", default="", description="Why the reply ended.")
    model_used: Text = file_field("model_used", default="", description="The model that answered.")


class SupervisorFeedback(Model):
    """A supervisor's rating of one task's output, with comments."""

    called = "feedback"
    always_written = frozenset({"rating"})

    rating: Number = file_field("rating", default=0, description="How good it was.")
    comments: Text = file_field("comments", default="", description="Why.")
    correction_instructions: Text = file_field("correction_instructions", default="", description="What to do better.")
    supervisor_agent_id: Text = file_field("supervisor_agent_id", default="", description="Who judged.")
    feedback_timestamp: Timestamp = file_field(
        "feedback_timestamp", default=ZERO_TIME, description="When, in RFC 3339."
    )


class PerformanceRecord(Model):
    """The record of one task: a turn of an instance, or a stateless task."""

    called = "performance record"
    always_written = frozenset(
        {"task_id", "instance_id", "definition_id", "timestamp_start", "timestamp_end", "duration_ms", "success"}
    )
    hidden_from_scripts = frozenset({"owner"})

    task_id: Text = file_field(
        "task_id", default_factory=lambda: str(uuid.uuid4()), min_length=1, description="The task."
    )
    instance_id: Text = file_field(
        "instance_id", default="", description="The instance that did it, `stateless-…` for a one-shot task."
    )
    definition_id: Text = file_field("definition_id", default="", description="The definition of the worker.")
    timestamp_start: Timestamp = file_field(
        "timestamp_start", default=ZERO_TIME, description="When it began, in RFC 3339."
    )
    timestamp_end: Timestamp = file_field("timestamp_end", default=ZERO_TIME, description="When it ended, in RFC 3339.")
    duration_ms: Count = file_field("duration_ms", default=0, description="How long it took, in milliseconds.")
    success: Flag = file_field("success", default=False, description="Whether it succeeded.")
    input_context: JsonMap = file_field(
        "input_context", default_factory=dict, description="What is known of the input, which itself is not kept."
    )
    llm_metrics: JsonMap = file_field(
        "llm_metrics", default_factory=dict, description="What is known of the model's work."
    )
    cost_incurred: PositiveNumber = file_field("cost_incurred", default=0, description="What it cost.")
    output_summary: Text = file_field("output_summary", default="", description="The beginning of the output.")
    error_details: Text = file_field("error_details", default="", description="What went wrong.")
    supervisor_feedback: SupervisorFeedback | None = file_field(
        "supervisor_feedback", default=None, description="The judgement of it; nil if there is none."
    )
    owner: Text = file_field("owner", default="")
    """The owner of the scripts that caused the task; empty for the host's own tasks, and in older files."""

    @property
    def is_stateless(self) -> bool:
        """Whether the task belonged to no instance."""
        return self.instance_id.startswith(STATELESS_PREFIX)


class AIWorkerPerformanceSummary(Model):
    """The summary of all tasks of a definition."""

    called = "performance summary"
    always_written = frozenset(
        {
            "total_tasks_attempted",
            "successful_tasks",
            "failed_tasks",
            "average_success_rate",
            "average_duration_ms",
            "total_tokens_processed",
            "total_cost_incurred",
            "last_activity_timestamp",
        }
    )
    hidden_from_scripts = frozenset({"counted"})

    total_tasks_attempted: Count = file_field("total_tasks_attempted", default=0, description="Tasks in all.")
    successful_tasks: Count = file_field("successful_tasks", default=0, description="Tasks that succeeded.")
    failed_tasks: Count = file_field("failed_tasks", default=0, description="Tasks that failed.")
    average_success_rate: Number = file_field(
        "average_success_rate", default=0, description="The share that succeeded, 0 to 1."
    )
    average_duration_ms: Number = file_field(
        "average_duration_ms", default=0, description="The mean duration in milliseconds."
    )
    total_tokens_processed: Count = file_field("total_tokens_processed", default=0, description="Tokens of all tasks.")
    total_cost_incurred: Number = file_field("total_cost_incurred", default=0, description="The cost of all tasks.")
    average_quality_score: Number = file_field(
        "average_quality_score", default=0, description="The mean rating of the rated tasks."
    )
    last_activity_timestamp: Timestamp = file_field(
        "last_activity_timestamp", default=ZERO_TIME, description="When it last did something, in RFC 3339."
    )
    total_instances_spawned: Count = file_field(
        "total_instances_spawned", default=0, description="Instances that were ever spawned."
    )
    active_instances_count: Count = file_field(
        "active_instances_count", default=0, description="Instances that are active."
    )
    counted: JsonMap = file_field("counted", default_factory=dict, repr=False)
    """The mark: the stored records that the summary counts, and its totals beyond them; see `ai_wm.data.totals`."""


class RetiredInstanceInfo(Model):
    """An entry of the performance data: a retired instance with all its records, or one stateless task."""

    called = "retired instance"
    always_written = frozenset(
        {
            "instance_id",
            "definition_id",
            "creation_timestamp",
            "retirement_timestamp",
            "final_status",
            "session_token_usage",
            "performance_records",
        }
    )
    hidden_from_scripts = frozenset({"owner"})

    instance_id: Text = file_field("instance_id", min_length=1)
    definition_id: Text = file_field("definition_id", default="")
    creation_timestamp: Timestamp = file_field("creation_timestamp", default=ZERO_TIME)
    retirement_timestamp: Timestamp = file_field("retirement_timestamp", default=ZERO_TIME)
    final_status: AIWorkerInstanceStatus = file_field("final_status", default=AIWorkerInstanceStatus.RETIRED_COMPLETED)
    retirement_reason: Text = file_field("retirement_reason", default="")
    session_token_usage: TokenUsageMetrics = file_field("session_token_usage", default_factory=TokenUsageMetrics)
    initial_file_contexts: Texts = file_field("initial_file_contexts", default_factory=list)
    performance_records: Annotated[list[PerformanceRecord], or_empty(list)] = file_field(
        "performance_records", default_factory=list
    )
    owner: Text = file_field("owner", default="")

    @property
    def is_stateless(self) -> bool:
        """Whether this entry holds a stateless task's record rather than an instance."""
        return self.instance_id.startswith(STATELESS_PREFIX)


class AIWorkerInstance(Model):
    """A snapshot of a live instance, without its conversation, which is never stored."""

    called = "worker instance"
    named_in_repr = frozenset({"current_config"})
    hidden_from_scripts = frozenset({"owner"})

    instance_id: Text = file_field(
        "instance_id", default_factory=lambda: str(uuid.uuid4()), min_length=1, description="Its id."
    )
    definition_id: Text = file_field("definition_id", description="The definition that it was spawned from.")
    status: AIWorkerInstanceStatus = file_field(
        "status",
        default=AIWorkerInstanceStatus.INITIALIZING,
        description="`initializing`, `idle`, `busy`, `context_full`, `rate_limited`, `token_limit_reached` or `error`.",
    )
    creation_timestamp: Timestamp = file_field(
        "creation_timestamp", default=ZERO_TIME, description="When it was spawned, in RFC 3339."
    )
    last_activity_timestamp: Timestamp = file_field(
        "last_activity_timestamp", default=ZERO_TIME, description="When it last did something, in RFC 3339."
    )
    session_token_usage: TokenUsageMetrics = file_field(
        "session_token_usage", default_factory=TokenUsageMetrics, description="The tokens that it has used."
    )
    current_config: dict[str, Any] = file_field(
        "current_config", default_factory=dict, description="The settings of its calls."
    )
    active_file_contexts: Texts = file_field(
        "active_file_contexts", default_factory=list, description="The files that go ahead of the conversation."
    )
    last_error: Text = file_field("last_error", default="", description="What went wrong last.")
    retirement_reason: Text = file_field("retirement_reason", default="", description="Why it was retired.")
    owner: Text = file_field("owner", default="")

    @field_serializer("current_config")
    def _mask(self, value: dict[str, Any]) -> dict[str, Any]:
        return shown_config(value)

    def to_script(self) -> dict[str, Any]:
        """Converts to the form for scripts, with the values of headers masked."""
        shown = super().to_script()
        return {**shown, "current_config": shown_config(shown["current_config"])}


class AIWorkerDefinition(Model):
    """The definition of a worker: model, key source, settings, prices, limits, and its summary."""

    called = "worker definition"
    keys_checked = True
    map_keys: ClassVar = {"cost_metrics": PRICES}
    named_in_repr = frozenset({"base_config", "metadata"})
    always_written = frozenset(
        {
            "definition_id",
            "name",
            "provider",
            "model_name",
            "auth",
            "rate_limits",
            "status",
            "created_timestamp",
            "modified_timestamp",
        }
    )
    hidden_from_scripts = frozenset({"owner", "host_mark"})

    definition_id: Text = file_field(
        "definitionID", default_factory=lambda: str(uuid.uuid4()), min_length=1, description="Its id."
    )
    name: Text = file_field("name", default="", description="Its name, which no other definition has.")
    provider: ProviderName = file_field("provider", description="Who serves the model.")
    model_name: Text = file_field("modelName", min_length=1, description="The model as the provider calls it.")
    auth: APIKeySource = file_field("auth", description="Where the key comes from.")
    interaction_models: Annotated[list[InteractionModelType], or_empty(list)] = file_field(
        "interaction_models",
        default_factory=lambda: [InteractionModelType.CONVERSATIONAL],
        description="How it may be used: `conversational`, `stateless_task`, `both`.",
    )
    capabilities: Texts = file_field("capabilities", default_factory=list, description="Words for what it can do.")
    base_config: JsonMap = file_field("baseConfig", default_factory=dict, description="The settings of its calls.")
    cost_metrics: Annotated[dict[str, PositiveNumber], or_empty(dict)] = file_field(
        "costMetrics", default_factory=dict, description="Its prices."
    )
    rate_limits: Annotated[RateLimitPolicy, or_empty(dict)] = file_field(
        "rateLimits", default_factory=RateLimitPolicy, description="Its limits; 0 is none."
    )
    status: AIWorkerDefinitionStatus = file_field(
        "status", default=AIWorkerDefinitionStatus.ACTIVE, description="`active`, `disabled` or `archived`."
    )
    default_file_contexts: Texts = file_field(
        "defaultFileContexts", default_factory=list, description="Files of the sandbox that a conversation starts with."
    )
    data_source_refs: Texts = file_field("dataSourceRefs", default_factory=list, description="Names of data sources.")
    tool_allowlist: Texts = file_field(
        "toolAllowlist", default_factory=list, description="Patterns of the tools that the model may call."
    )
    tool_denylist: Texts = file_field(
        "toolDenylist", default_factory=list, description="Patterns of the tools that it may not call."
    )
    default_supervisory_ai_ref: Text = file_field(
        "defaultSupervisoryAIRef", default="", description="The name of the worker that supervises it."
    )
    aggregate_performance_summary: Annotated[AIWorkerPerformanceSummary, or_empty(dict)] = file_field(
        "aggregatePerformanceSummary",
        default_factory=AIWorkerPerformanceSummary,
        description="What its tasks so far add up to.",
    )
    metadata: JsonMap = file_field("metadata", default_factory=dict, description="Data of your own.")
    created_timestamp: Timestamp = file_field(
        "createdTimestamp", default=ZERO_TIME, description="When it was added, in RFC 3339."
    )
    modified_timestamp: Timestamp = file_field(
        "modifiedTimestamp", default=ZERO_TIME, description="When it was last changed, in RFC 3339."
    )
    owner: Text = file_field("owner", default="")
    """The owner of the scripts that made it; empty for the host's own definitions, and in older files."""
    host_mark: Text = file_field("hostMark", default="", repr=False)
    """The host's mark, by which its own definitions are known: see `ai_wm.keys.marks`."""

    @model_validator(mode="wrap")
    @classmethod
    def _usual_key_source(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        usual = default_auth(data.get("provider")) if isinstance(data, Mapping) and "auth" not in data else None
        if usual is None:
            return handler(data)
        made = handler({**data, "auth": usual})
        made.__pydantic_fields_set__.discard("auth")
        return made

    @model_validator(mode="after")
    def _headers_have_one_name(self) -> Self:
        self.__dict__["base_config"] = with_own_names(self.base_config)
        return self

    @model_validator(mode="after")
    def _empty_means_conversational(self) -> Self:
        if not self.interaction_models:
            # Not an assignment: that would validate again, and mark a key as read that the file may not hold.
            self.__dict__["interaction_models"] = [InteractionModelType.CONVERSATIONAL]
            self.__pydantic_fields_set__.discard("interaction_models")
        return self

    def check_provider(self, known: Callable[[], Iterable[str]], name: str = "") -> None:
        """Raises an error for a provider that is neither built in nor known otherwise.

        Args:
            known: returns the names of further providers; called only if the provider is not a built-in one.
            name: the definition's name in the error.

        Raises:
            NeuroScriptError: 4, with the names to choose from and the nearest of them.
        """
        check_provider(self.provider, known, name or self.called)

    @field_serializer("base_config")
    def _mask(self, value: dict[str, Any]) -> dict[str, Any]:
        return shown_config(value)

    @property
    def auth_is_implied(self) -> bool:
        """Whether ``auth`` was left out, so that the provider's usual key is meant, for its usual address alone."""
        return "auth" not in self.model_fields_set

    def to_file(self) -> dict[str, Any]:
        """Converts to the format of the files; ``auth`` is left out where it was."""
        written = super().to_file()
        if self.auth_is_implied:
            del written["auth"]
        return written

    def to_script(self) -> dict[str, Any]:
        """Converts to the form for scripts, with an inline key and the values of headers masked."""
        shown = super().to_script()
        return {**shown, "base_config": shown_config(shown["base_config"])}

    @property
    def limits_id(self) -> str:
        """The id under which limits count its use; a script's definition keeps it when removed and added again."""
        if not self.owner:
            return self.definition_id
        named = json.dumps([self.owner, self.name]).encode()
        return f"script-{hashlib.blake2b(named, digest_size=16).hexdigest()}"

    @property
    def can_chat(self) -> bool:
        """Whether instances for conversations may be made from it."""
        models = self.interaction_models
        return InteractionModelType.CONVERSATIONAL in models or InteractionModelType.BOTH in models

    @property
    def can_run_stateless(self) -> bool:
        """Whether one-shot tasks may be run with it."""
        models = self.interaction_models  # a list: an enumeration's members are compared faster than hashed
        return InteractionModelType.STATELESS_TASK in models or InteractionModelType.BOTH in models

    @property
    def holds_inline_key(self) -> bool:
        """Whether the definition contains a key, so that writing it writes the key."""
        return self.auth.method is APIKeySourceMethod.INLINE and bool(self.auth.value)
