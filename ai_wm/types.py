"""The data of AI worker management: definitions, instances, records, and the enums they use.

The models read the files of the Go package of the same design and write them back: on reading every key may be
spelled as in the file (``modelName``) or as in scripts (``model_name``), unknown keys are kept at every level, and what
was read is written back value for value under the file's names.  Keys at their zero value that were not read are left
out, as Go's ``omitempty`` does.

A model offers three forms of itself: `Model.to_file` (the file's keys; the only form that holds an inline key),
`Model.to_script` (snake_case, plain values, the inline key masked) and pydantic's ``model_dump`` (masked as well).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_serializer, model_validator
from pydantic.fields import FieldInfo

from ai_wm.scalars import (
    ZERO_TIME,
    Count,
    Flag,
    JsonMap,
    Number,
    PositiveNumber,
    Text,
    Texts,
    Timestamp,
    both_spellings,
    explain,
    is_zero,
    or_empty,
    plain,
)

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

if TYPE_CHECKING:
    from pydantic._internal._model_construction import ModelMetaclass
else:
    ModelMetaclass = type(BaseModel)

MASK = "***"
"""What is shown in place of a key."""

STATELESS_PREFIX = "stateless-"
"""How the ``instance_id`` of a stateless task's record begins."""


def _key(file_key: str, **options: Any) -> Any:
    """A field whose name in the files is ``file_key``; any spelling of it is read."""
    return Field(validation_alias=both_spellings(file_key), serialization_alias=file_key, **options)


class AIWorkerProvider(StrEnum):
    """Who serves the model."""

    GOOGLE = "google"
    OPENAI = "openai"
    ANTHROPIC = "anthropic"
    OLLAMA = "ollama"
    LOCAL = "local"
    CUSTOM = "custom"


class InteractionModelType(StrEnum):
    """How a worker may be used: in conversations, for one-shot tasks, or both."""

    CONVERSATIONAL = "conversational"
    STATELESS_TASK = "stateless_task"
    BOTH = "both"


class AIWorkerDefinitionStatus(StrEnum):
    """Whether a definition may be used; only active ones make instances and run tasks."""

    ACTIVE = "active"
    DISABLED = "disabled"
    ARCHIVED = "archived"


class AIWorkerInstanceStatus(StrEnum):
    """The states of an instance."""

    INITIALIZING = "initializing"
    IDLE = "idle"
    BUSY = "busy"
    CONTEXT_FULL = "context_full"
    RATE_LIMITED = "rate_limited"
    TOKEN_LIMIT_REACHED = "token_limit_reached"
    ERROR = "error"
    RETIRED_COMPLETED = "retired_completed"
    RETIRED_EXHAUSTED = "retired_exhausted"
    RETIRED_ERROR = "retired_error"

    @property
    def is_retired(self) -> bool:
        """Whether this is one of the three retired states."""
        return self.value.startswith("retired_")


class APIKeySourceMethod(StrEnum):
    """Where a worker's key comes from."""

    ENV_VAR = "env_var"
    INLINE = "inline"
    CONFIG_PATH = "config_path"
    VAULT = "vault"
    KEYRING = "keyring"
    NONE = "none"


class APIKeyStatus(StrEnum):
    """What is known of a definition's key without showing it."""

    FOUND = "Found"
    NOT_FOUND = "Not Found"
    NOT_CONFIGURED = "Not Configured"
    ERROR_RESOLVING = "Error Resolving"


class _ModelType(ModelMetaclass):
    """Makes ``Model(...)`` raise the package's own error, as `Model.parse` does."""

    if not TYPE_CHECKING:

        def __call__(cls, *args: Any, **kwargs: Any) -> Any:
            try:
                return super().__call__(*args, **kwargs)
            except ValidationError as error:
                raise explain(cls, error) from None


class Model(BaseModel, metaclass=_ModelType):
    """What the models of this module share: both spellings in, the file's names out, unknown keys kept.

    Assignments are validated like arguments.  A value that does not fit is error 4, naming the field and what was
    expected.
    """

    model_config = ConfigDict(
        extra="allow",
        populate_by_name=True,
        validate_assignment=True,
        hide_input_in_errors=True,  # the input may be a key
        protected_namespaces=(),  # ``model_name`` is the design's own word
        ser_json_inf_nan="constants",
    )

    always_written: ClassVar[frozenset[str]] = frozenset()
    """Fields that the Go package writes even when they are zero."""

    hidden_from_scripts: ClassVar[frozenset[str]] = frozenset()
    called: ClassVar[str] = "value"
    """What an error calls a thing of this class."""

    @classmethod
    def parse(cls, data: Any, name: str = "") -> Self:
        """Make an instance from a mapping in either spelling.

        Args:
            data: the mapping; an instance of this class is returned as a copy.
            name: what to call the thing in an error, such as ``definition "reviewer"``.

        Raises:
            NeuroScriptError: 4, naming the field, the value and what was expected.
        """
        if isinstance(data, cls):
            return data.model_copy(deep=True)
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise explain(cls, error, name) from None

    @classmethod
    def parse_json(cls, text: str | bytes | bytearray, name: str = "") -> Self:
        """`parse` for JSON text."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise explain(cls, error, name) from None

    @classmethod
    def file_key(cls, field: str) -> str:
        """The name that ``field`` has in the files."""
        alias = cls.model_fields[field].serialization_alias
        return alias or field

    def to_file(self) -> dict[str, Any]:
        """The form written to the files: the Go package's keys, plain JSON values, zeros left out unless read."""
        result: dict[str, Any] = {}
        given = self.model_fields_set
        for field, info in type(self).model_fields.items():
            if info.exclude:
                continue
            value = getattr(self, field)
            if field in self.always_written or field in given or not self.is_default(field, value, info):
                result[info.serialization_alias or field] = plain(value, "to_file")
        for key, value in self._unknown():
            result[key] = plain(value, "to_file")
        return result

    def to_script(self) -> dict[str, Any]:
        """The form that scripts see: snake_case keys, plain values, every field present, no key in clear."""
        result: dict[str, Any] = {}
        for field, info in type(self).model_fields.items():
            if not info.exclude and field not in self.hidden_from_scripts:
                result[field] = plain(getattr(self, field), "to_script")
        for key, value in self._unknown():
            result.setdefault(key, plain(value, "to_script"))
        return result

    def is_default(self, field: str, value: Any, info: FieldInfo) -> bool:
        """Whether ``value`` need not be written: it is what a reader assumes when the key is missing."""
        return is_zero(value) or (
            info.default_factory is not None and value == info.get_default(call_default_factory=True)
        )

    def __setattr__(self, name: str, value: Any) -> None:
        try:
            super().__setattr__(name, value)
        except ValidationError as error:
            raise explain(type(self), error) from None

    def _unknown(self) -> Iterator[tuple[str, Any]]:
        yield from (self.__pydantic_extra__ or {}).items()


class APIKeySource(Model):
    """Where a worker's key comes from.

    ``value`` is the environment variable's name (``env_var``), the key itself (``inline``), ``path#dotted.key``
    (``config_path``), ``mount/path#field`` (``vault``), ``service/user`` (``keyring``), or nothing (``none``).  The
    value of an inline source is shown as ``***`` by everything but `to_file` and the attribute itself.
    """

    called = "key source"
    always_written = frozenset({"method"})

    method: APIKeySourceMethod
    value: Text = Field(default="", repr=False)

    @property
    def shown_value(self) -> str:
        """The value, or ``***`` if it is a key."""
        return MASK if self.method is APIKeySourceMethod.INLINE and self.value else self.value

    @field_serializer("value")
    def _mask(self, value: str) -> str:
        return self.shown_value

    def to_script(self) -> dict[str, Any]:
        """Method and value, an inline key masked; keys this program does not know might hold one and are left out."""
        return {"method": self.method.value, "value": self.shown_value}

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        yield "method", self.method.value
        yield "value", self.shown_value


class RateLimitPolicy(Model):
    """How much a worker may be used; 0 is no limit.  Tokens are input and output together."""

    called = "rate limits"
    max_requests_per_minute: Count = _key("max_requests_per_minute", default=0)
    max_requests_per_day: Count = _key("max_requests_per_day", default=0)
    max_tokens_per_minute: Count = _key("max_tokens_per_minute", default=0)
    max_tokens_per_day: Count = _key("max_tokens_per_day", default=0)
    max_concurrent_active_instances: Count = _key("max_concurrent_active_instances", default=0)
    max_cost_per_day: PositiveNumber = _key("max_cost_per_day", default=0)


class TokenUsageMetrics(Model):
    """Tokens of a session."""

    called = "token usage"
    always_written = frozenset({"input_tokens", "output_tokens", "total_tokens"})

    input_tokens: Count = _key("input_tokens", default=0)
    output_tokens: Count = _key("output_tokens", default=0)
    total_tokens: Count = _key("total_tokens", default=0)

    def plus(self, input_tokens: int, output_tokens: int) -> TokenUsageMetrics:
        """This usage with more tokens added."""
        return TokenUsageMetrics(
            input_tokens=self.input_tokens + input_tokens,
            output_tokens=self.output_tokens + output_tokens,
            total_tokens=self.total_tokens + input_tokens + output_tokens,
        )


class LLMCallMetrics(Model):
    """What one call of a model used; ends up as a record's ``llm_metrics``."""

    called = "call metrics"
    input_tokens: Count = _key("input_tokens", default=0)
    output_tokens: Count = _key("output_tokens", default=0)
    total_tokens: Count = _key("total_tokens", default=0)
    finish_reason: Text = _key("finish_reason", default="")
    model_used: Text = _key("model_used", default="")


class SupervisorFeedback(Model):
    """A judgement of one task's output."""

    called = "feedback"
    always_written = frozenset({"rating"})

    rating: Number = _key("rating", default=0)
    comments: Text = _key("comments", default="")
    correction_instructions: Text = _key("correction_instructions", default="")
    supervisor_agent_id: Text = _key("supervisor_agent_id", default="")
    feedback_timestamp: Timestamp = _key("feedback_timestamp", default=ZERO_TIME)


class PerformanceRecord(Model):
    """One task: one call of a model, by an instance or stateless."""

    called = "performance record"
    always_written = frozenset(
        {"task_id", "instance_id", "definition_id", "timestamp_start", "timestamp_end", "duration_ms", "success"}
    )

    task_id: Text = _key("task_id", default_factory=lambda: str(uuid.uuid4()), min_length=1)
    instance_id: Text = _key("instance_id", default="")
    definition_id: Text = _key("definition_id", default="")
    timestamp_start: Timestamp = _key("timestamp_start", default=ZERO_TIME)
    timestamp_end: Timestamp = _key("timestamp_end", default=ZERO_TIME)
    duration_ms: Count = _key("duration_ms", default=0)
    success: Flag = _key("success", default=False)
    input_context: JsonMap = _key("input_context", default_factory=dict)
    llm_metrics: JsonMap = _key("llm_metrics", default_factory=dict)
    cost_incurred: PositiveNumber = _key("cost_incurred", default=0)
    output_summary: Text = _key("output_summary", default="")
    error_details: Text = _key("error_details", default="")
    supervisor_feedback: SupervisorFeedback | None = _key("supervisor_feedback", default=None)

    @property
    def is_stateless(self) -> bool:
        """Whether the task belonged to no instance."""
        return self.instance_id.startswith(STATELESS_PREFIX)


class AIWorkerPerformanceSummary(Model):
    """What all tasks of a definition add up to."""

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

    total_tasks_attempted: Count = _key("total_tasks_attempted", default=0)
    successful_tasks: Count = _key("successful_tasks", default=0)
    failed_tasks: Count = _key("failed_tasks", default=0)
    average_success_rate: Number = _key("average_success_rate", default=0)
    average_duration_ms: Number = _key("average_duration_ms", default=0)
    total_tokens_processed: Count = _key("total_tokens_processed", default=0)
    total_cost_incurred: Number = _key("total_cost_incurred", default=0)
    average_quality_score: Number = _key("average_quality_score", default=0)
    last_activity_timestamp: Timestamp = _key("last_activity_timestamp", default=ZERO_TIME)
    total_instances_spawned: Count = _key("total_instances_spawned", default=0)
    active_instances_count: Count = _key("active_instances_count", default=0)
    counted: JsonMap = _key("counted", default_factory=dict, repr=False)
    """The mark: which stored records the summary counts, and what it counts beside them; see `ai_wm.performance`."""


class RetiredInstanceInfo(Model):
    """One entry of the performance data: an instance at its end with all its records, or one stateless record."""

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

    instance_id: Text = _key("instance_id", min_length=1)
    definition_id: Text = _key("definition_id", default="")
    creation_timestamp: Timestamp = _key("creation_timestamp", default=ZERO_TIME)
    retirement_timestamp: Timestamp = _key("retirement_timestamp", default=ZERO_TIME)
    final_status: AIWorkerInstanceStatus = _key("final_status", default=AIWorkerInstanceStatus.RETIRED_COMPLETED)
    retirement_reason: Text = _key("retirement_reason", default="")
    session_token_usage: TokenUsageMetrics = _key("session_token_usage", default_factory=TokenUsageMetrics)
    initial_file_contexts: Texts = _key("initial_file_contexts", default_factory=list)
    performance_records: Annotated[list[PerformanceRecord], or_empty(list)] = _key(
        "performance_records", default_factory=list
    )

    @property
    def is_stateless(self) -> bool:
        """Whether this entry stands for a stateless task's record and not for an instance."""
        return self.instance_id.startswith(STATELESS_PREFIX)


class AIWorkerInstance(Model):
    """A live session with a worker.  The conversation itself is held beside it and is never stored."""

    called = "worker instance"
    instance_id: Text = _key("instance_id", default_factory=lambda: str(uuid.uuid4()), min_length=1)
    definition_id: Text = _key("definition_id")
    status: AIWorkerInstanceStatus = _key("status", default=AIWorkerInstanceStatus.INITIALIZING)
    creation_timestamp: Timestamp = _key("creation_timestamp", default=ZERO_TIME)
    last_activity_timestamp: Timestamp = _key("last_activity_timestamp", default=ZERO_TIME)
    session_token_usage: TokenUsageMetrics = _key("session_token_usage", default_factory=TokenUsageMetrics)
    current_config: dict[str, Any] = _key("current_config", default_factory=dict)
    active_file_contexts: Texts = _key("active_file_contexts", default_factory=list)
    last_error: Text = _key("last_error", default="")
    retirement_reason: Text = _key("retirement_reason", default="")


class AIWorkerDefinition(Model):
    """The blueprint of a worker."""

    called = "worker definition"
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

    definition_id: Text = _key("definitionID", default_factory=lambda: str(uuid.uuid4()), min_length=1)
    name: Text = _key("name", default="")
    provider: AIWorkerProvider = _key("provider")
    model_name: Text = _key("modelName", min_length=1)
    auth: APIKeySource = _key("auth")
    interaction_models: Annotated[list[InteractionModelType], or_empty(list)] = _key(
        "interaction_models", default_factory=lambda: [InteractionModelType.CONVERSATIONAL]
    )
    capabilities: Texts = _key("capabilities", default_factory=list)
    base_config: JsonMap = _key("baseConfig", default_factory=dict)
    cost_metrics: Annotated[dict[str, PositiveNumber], or_empty(dict)] = _key("costMetrics", default_factory=dict)
    rate_limits: Annotated[RateLimitPolicy, or_empty(dict)] = _key("rateLimits", default_factory=RateLimitPolicy)
    status: AIWorkerDefinitionStatus = _key("status", default=AIWorkerDefinitionStatus.ACTIVE)
    default_file_contexts: Texts = _key("defaultFileContexts", default_factory=list)
    data_source_refs: Texts = _key("dataSourceRefs", default_factory=list)
    tool_allowlist: Texts = _key("toolAllowlist", default_factory=list)
    tool_denylist: Texts = _key("toolDenylist", default_factory=list)
    default_supervisory_ai_ref: Text = _key("defaultSupervisoryAIRef", default="")
    aggregate_performance_summary: Annotated[AIWorkerPerformanceSummary, or_empty(dict)] = _key(
        "aggregatePerformanceSummary", default_factory=AIWorkerPerformanceSummary
    )
    metadata: JsonMap = _key("metadata", default_factory=dict)
    created_timestamp: Timestamp = _key("createdTimestamp", default=ZERO_TIME)
    modified_timestamp: Timestamp = _key("modifiedTimestamp", default=ZERO_TIME)

    @model_validator(mode="after")
    def _empty_means_conversational(self) -> Self:
        if not self.interaction_models:
            # Not an assignment: that would validate again, and mark a key as read that the file may not hold.
            self.__dict__["interaction_models"] = [InteractionModelType.CONVERSATIONAL]
            self.__pydantic_fields_set__.discard("interaction_models")
        return self

    @property
    def can_chat(self) -> bool:
        """Whether instances may be made of it for conversations."""
        return bool({InteractionModelType.CONVERSATIONAL, InteractionModelType.BOTH} & set(self.interaction_models))

    @property
    def can_run_stateless(self) -> bool:
        """Whether one-shot tasks may be run with it."""
        return bool({InteractionModelType.STATELESS_TASK, InteractionModelType.BOTH} & set(self.interaction_models))

    @property
    def holds_inline_key(self) -> bool:
        """Whether writing this definition writes a key."""
        return self.auth.method is APIKeySourceMethod.INLINE and bool(self.auth.value)
