"""The enumerations of the data models: providers, uses, states, and where a key comes from."""

from __future__ import annotations

from enum import StrEnum


class AIWorkerProvider(StrEnum):
    """The names of the built-in providers.

    The names of other providers, from installed packages (entry-point group ``ai_wm.providers``) or with a client from
    the host, are plain strings; the manager checks which of them a definition may name.
    """

    GOOGLE = "google"
    OPENAI = "openai"
    ANTHROPIC = "anthropic"
    OLLAMA = "ollama"
    LOCAL = "local"
    CUSTOM = "custom"
    AZURE = "azure"
    BEDROCK = "bedrock"
    VERTEX = "vertex"


class InteractionModelType(StrEnum):
    """How a worker may be used: in conversations, for one-shot tasks, or both."""

    CONVERSATIONAL = "conversational"
    STATELESS_TASK = "stateless_task"
    BOTH = "both"


class AIWorkerDefinitionStatus(StrEnum):
    """The status of a definition; only active ones make instances and run tasks."""

    ACTIVE = "active"
    DISABLED = "disabled"
    ARCHIVED = "archived"


class AIWorkerInstanceStatus(StrEnum):
    """The state of an instance."""

    INITIALIZING = "initializing"
    IDLE = "idle"
    BUSY = "busy"
    CONTEXT_FULL = "context_full"
    RATE_LIMITED = "rate_limited"
    TOKEN_LIMIT_REACHED = "token_limit_reached"
    ERROR = "error"
    SUSPENDED = "suspended"
    RETIRED_COMPLETED = "retired_completed"
    RETIRED_EXHAUSTED = "retired_exhausted"
    RETIRED_ERROR = "retired_error"

    @property
    def is_retired(self) -> bool:
        """Whether this is one of the three retired states."""
        return self.value.startswith("retired_")


class APIKeySourceMethod(StrEnum):
    """The kind of a worker's key source: an environment variable, a file, a vault and so on."""

    ENV_VAR = "env_var"
    INLINE = "inline"
    CONFIG_PATH = "config_path"
    VAULT = "vault"
    KEYRING = "keyring"
    ENTRA = "entra"
    AWS = "aws"
    GOOGLE = "google"
    NONE = "none"


class APIKeyStatus(StrEnum):
    """The result of looking for a definition's key, without showing the key.

    ``Not Approved``: it may not be looked for.
    """

    FOUND = "Found"
    NOT_FOUND = "Not Found"
    NOT_CONFIGURED = "Not Configured"
    NOT_APPROVED = "Not Approved"
    ERROR_RESOLVING = "Error Resolving"
