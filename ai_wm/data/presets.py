"""The presets: providers that speak OpenAI's chat completions, each with its address, key variable and deviations.

A preset is `custom` with these facts filled in.  Written after the services' own API references; what none of them
settles is answered by the server's refusal, which amends the request (`ai_wm.providers.amend`).
"""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple

REASONING: Final = ("reasoning_details", "thinking_blocks", "reasoning_content", "reasoning")
"""The fields in which compatible servers give the reasoning of a reply, and may want it back."""


class Preset(NamedTuple):
    """The facts about a service of chat completions.

    Args:
        base_url: its address.
        variable: the usual environment variable of its key; empty for a server of one's own, which needs no key.
        prices: the service's id in genai-prices; empty where that has no prices for it.
        output_limit: its name for the limit of output.
        seed: its name for the seed.
        schemas: whether it takes a JSON Schema with ``strict``, without it, or none, so that the schema goes into the
            system prompt.
        reasoning: the fields of a reply's reasoning that it takes back in turns with tools.
        stream_options: whether it takes ``stream_options``; one that does not reports usage in streams all the same.
        advice: for the documentation: a setting or header of its own worth knowing; empty for none.
    """

    base_url: str
    variable: str = ""
    prices: str = ""
    output_limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    seed: Literal["seed", "random_seed"] = "seed"
    schemas: Literal["strict", "plain", "none"] = "strict"
    reasoning: tuple[str, ...] = REASONING
    stream_options: bool = True
    advice: str = ""

    @property
    def is_local(self) -> bool:
        """Whether it is a server on this machine, which needs no key."""
        return not self.variable


COMPATIBLE: Final = Preset("")
"""What is assumed of a compatible server of which nothing is known."""

PRESETS: Final = {
    "deepseek": Preset(
        "https://api.deepseek.com/v1",
        "DEEPSEEK_API_KEY",
        "deepseek",
        schemas="none",
        reasoning=("reasoning_content",),
        advice='`thinking`: `{"type": "enabled"}` or `{"type": "disabled"}`',
    ),
    "fireworks": Preset(
        "https://api.fireworks.ai/inference/v1",
        "FIREWORKS_API_KEY",
        "fireworks",
        schemas="plain",
        reasoning=("reasoning_content",),
        advice="models are named `accounts/fireworks/models/…`",
    ),
    "groq": Preset(
        "https://api.groq.com/openai/v1",
        "GROQ_API_KEY",
        "groq",
        output_limit="max_completion_tokens",
        reasoning=("reasoning",),
        advice="`reasoning_format`, `service_tier`",
    ),
    "llamacpp": Preset("http://127.0.0.1:8080/v1", reasoning=("reasoning_content",), advice="`cache_prompt`"),
    "lmstudio": Preset("http://127.0.0.1:1234/v1", advice="`ttl`: seconds after which an idle model is unloaded"),
    "mistral": Preset(
        "https://api.mistral.ai/v1",
        "MISTRAL_API_KEY",
        "mistral",
        seed="random_seed",
        reasoning=(),
        stream_options=False,
        advice="`safe_prompt`, `prompt_mode`",
    ),
    "openrouter": Preset(
        "https://openrouter.ai/api/v1",
        "OPENROUTER_API_KEY",
        "openrouter",
        reasoning=("reasoning_details", "reasoning"),
        advice='`headers`: `{"HTTP-Referer": "https://…", "X-Title": "…"}` name your program in its rankings',
    ),
    "together": Preset(
        "https://api.together.xyz/v1",
        "TOGETHER_API_KEY",
        "together",
        schemas="plain",
        reasoning=("reasoning",),
    ),
    "vllm": Preset(
        "http://127.0.0.1:8000/v1",
        reasoning=("reasoning_content", "reasoning"),
        advice="`chat_template_kwargs`, `structured_outputs`",
    ),
    "xai": Preset(
        "https://api.x.ai/v1",
        "XAI_API_KEY",
        "x-ai",
        output_limit="max_completion_tokens",
        reasoning=("reasoning_content",),
        advice="`search_parameters`",
    ),
}
"""The presets by the name that a definition has as its provider."""


KEY_VARIABLES: Final = {
    "ANTHROPIC_API_KEY": "anthropic",
    "ANTHROPIC_AUTH_TOKEN": "anthropic",
    "AWS_BEARER_TOKEN_BEDROCK": "bedrock",
    "AZURE_OPENAI_API_KEY": "azure",
    "GEMINI_API_KEY": "google",
    "GOOGLE_API_KEY": "google",
    "OPENAI_API_KEY": "openai",
    **{preset.variable: name for name, preset in PRESETS.items() if preset.variable},
}
"""The environment variables that hold keys by convention, each with its provider."""


def preset_of(provider: str) -> Preset:
    """Returns the preset of a provider, or what is assumed of a server of which nothing is known."""
    return PRESETS.get(provider, COMPATIBLE)


_CLOUD_AUTH: Final = {
    "azure": {"method": "env_var", "value": "AZURE_OPENAI_API_KEY"},
    "bedrock": {"method": "aws"},
    "vertex": {"method": "google"},
}


_CLOUD_HOSTS: Final = {
    "azure": r"[a-z0-9-]+\.(openai\.azure|cognitiveservices\.azure|services\.ai\.azure)\.(com|us|cn)",
    "bedrock": r"([a-z0-9-]+\.)?bedrock-runtime(-fips)?\.[a-z0-9-]+\.(vpce\.)?amazonaws\.com(\.cn)?",
    "vertex": r"([a-z0-9-]+-)?aiplatform\.googleapis\.com|aiplatform\.[a-z]+\.rep\.googleapis\.com",
}


def is_cloud_host(provider: str, host: str) -> bool:
    """Whether a host is one of a cloud's own, where the usual key of that cloud may be sent."""
    return provider in _CLOUD_HOSTS and re.fullmatch(_CLOUD_HOSTS[provider], host) is not None


def default_auth(provider: object) -> dict[str, str] | None:
    """Returns the key source of a definition that names none; None if its provider has no usual one."""
    if isinstance(provider, str) and provider in _CLOUD_AUTH:
        return _CLOUD_AUTH[provider]
    preset = PRESETS.get(provider) if isinstance(provider, str) else None
    if preset is None:
        return None
    return {"method": "env_var", "value": preset.variable} if preset.variable else {"method": "none"}
