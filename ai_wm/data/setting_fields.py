"""The settings of calls, each with its type and a sentence: the keys of ``base_config`` and of overrides."""

from __future__ import annotations

from ai_wm.data.script_settings import WIRE_NAMES
from neuroscript import ArgType, Shape, ShapeField

_REPLY = Shape(
    "scripted reply",
    [
        ShapeField("text", ArgType.STRING, "What the model says."),
        ShapeField("tool_calls", ArgType.SLICE_MAP, "The tools that it calls, each with `name` and `arguments`."),
        ShapeField("finish_reason", ArgType.STRING, "Why it ends, `stop` unless there are tool calls."),
        ShapeField("usage", ArgType.MAP, "The tokens that it counts."),
        ShapeField("model", ArgType.STRING, "The model that it says to be."),
        ShapeField("error", ArgType.ANY, "The failure in place of a reply."),
    ],
)

_S, _I, _N, _B = ArgType.STRING, ArgType.INT, ArgType.NUMBER, ArgType.BOOL
_SETTINGS: tuple[tuple[str, ArgType, str], ...] = (
    ("temperature", _N, "How freely tokens are chosen; 0 is the most predictable."),
    ("top_p", _N, "The share of probability that tokens are chosen from."),
    ("top_k", _I, "The number of tokens that are chosen from."),
    ("min_p", _N, "The least probability of a token, as a share of the most probable one's."),
    ("presence_penalty", _N, "How much a token is avoided that has been used."),
    ("frequency_penalty", _N, "How much a token is avoided for each use of it."),
    ("repetition_penalty", _N, "By how much the probability of a token that has been used is divided."),
    ("logit_bias", ArgType.MAP, "What is added to the score of tokens."),
    ("logprobs", ArgType.ANY, "Whether probabilities of tokens are asked for."),
    ("seed", _I, "The seed of the choice of tokens."),
    ("stop", ArgType.ANY, "A text, or a list of texts, that ends the reply."),
    ("max_output_tokens", _I, "The most tokens of a reply."),
    ("system_prompt", _S, "Instructions ahead of the conversation."),
    ("response_format", ArgType.ANY, "`text`, `json`, or a map with the type `json_schema` and a schema."),
    ("schema", ArgType.MAP, "The JSON Schema that the reply has to fit."),
    ("schema_repairs", _I, "How often a reply that does not fit `schema` is sent back."),
    ("tool_choice", _S, "`auto`, `none`, `required` or the name of a tool that is offered."),
    ("reasoning_effort", _S, "How long the model may think, in the provider's words."),
    ("thinking", ArgType.ANY, "Whether and how the model thinks, in the provider's form."),
    ("attach", ArgType.ANY, "Images, PDFs or audio with one prompt: paths in the sandbox, bytes, or maps of these."),
    ("cache", _S, "`auto` or `1h` has the provider keep what a conversation repeats, `off` does not."),
    ("timeout_seconds", _N, "Seconds that a call may take."),
    ("stall_seconds", _N, "Seconds that a stream may be silent."),
    ("max_retries", _I, "How often a failed request is sent again."),
    ("on_limit", _S, "`refuse` fails at a limit, `wait` waits for room."),
    ("limit_wait_seconds", _N, "Seconds that a call waits for room under its limits."),
    ("max_tool_rounds", _I, "How often results of tools are sent back in one turn."),
    ("fallbacks", ArgType.SLICE_STRING, "Definitions to try next, in order, where this one fails."),
    ("base_url", _S, "The address of the server."),
    ("api", _S, "The API of OpenAI that is spoken: `responses` or `chat`."),
    ("api_version", _S, "The version of Azure OpenAI's API; none for the API without versions."),
    ("deployment", _S, "The deployment at Azure OpenAI, where it is not the model's name."),
    ("aws_region", _S, "The region of AWS in which Bedrock is asked."),
    ("project", _S, "The project of Google Cloud in which Vertex AI is asked."),
    ("location", _S, "The location of Google Cloud in which Vertex AI is asked."),
    ("headers", ArgType.MAP, "Further HTTP headers."),
    ("auth_header", _S, "The header that the key is sent in, perhaps with a scheme: `Authorization: Token`."),
    ("extra_body", ArgType.MAP, "Further options of the request, which go to the provider as they are."),
    ("betas", ArgType.ANY, "The names of Anthropic's features to switch on, a text or a list."),
    ("allow_http", _B, "Whether a key may be sent without encryption."),
    ("allow_unknown_price", _B, "Whether a model of unknown price may be called under a budget."),
    ("locked", ArgType.SLICE_STRING, "Settings that scripts may not change."),
)


def _fields() -> list[ShapeField]:
    others = {name: tuple(wire for wire, usual in WIRE_NAMES.items() if usual == name) for name, _, _ in _SETTINGS}
    replies = "What the model `scripted` says, in order: texts, or maps."
    return [
        *(ShapeField(name, kind, text, spellings=others[name]) for name, kind, text in _SETTINGS),
        ShapeField("replies", ArgType.SLICE_ANY, replies, shape=_REPLY),
    ]


CONFIGURATION = Shape("configuration", _fields, open=True)
"""The settings of calls; other keys go to the provider as they are."""
