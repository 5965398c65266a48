"""Classifies provider failures by HTTP status, and by words of the message where the status is ambiguous or wrong.

Providers have no common codes.  A limit comes as 429, 413, 400 or within a successful reply, a conversation that does
not fit as 400, 413, 422 or 500, a model that is not there as 404 or 400.  The tables hold their own words.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from ai_wm.providers.adapter import ErrorReply
from neuroscript import ErrorCode

CONTEXT_FULL: Final[tuple[tuple[str, str, str], ...]] = (
    # pattern; whose words; where they are from
    (r"context_length_exceeded|context length exceeded", "OpenAI, Groq, Together", "platform.openai.com error codes"),
    (r"exceeds? (the |its )?(model'?s? )?context (window|length|limit)", "OpenAI", "its responses and chat APIs"),
    (r"prompt is too long", "Anthropic, Fireworks", "docs.claude.com, context windows"),
    (r"exceed context limit", "Anthropic", "continuedev/continue#6080"),
    (r"request_too_large", "Anthropic", "docs.claude.com, errors"),
    (r"input token count[^.]{0,40} exceeds the maximum", "Google", "google-gemini/gemini-cli#4692"),
    (r"(input|prompt) is too long|too many input tokens", "Bedrock", "docs.aws.amazon.com, Bedrock"),
    (r"maximum (context|model|sequence) length|max_model_len", "vLLM", "vllm-project/vllm#20409, #12165"),
    (r"too long to fit into the model", "vLLM", "vllm-project/vllm#12165"),
    (r"longer than the (model'?s )?context (length|window)", "SGLang", "sgl-project/sglang#8096"),
    (r"exceeds? the (maximum allowed|max) (input|sequence) length|maximum allowed (input )?length", "SGLang", "sglang"),
    (r"exceeds? the available context size|exceed_context_size", "llama.cpp", "its server's error types"),
    (r"input( \([\d,]+ tokens\))? is too large to process", "llama.cpp", "its server, embeddings"),
    (
        (
            r"greater than the context length|context (the )?overflows?\b|context size has been exceeded"
            r"|reached context length of [\d,]+ tokens"
        ),
        "LM Studio",
        "cline#3664",
    ),
    (r"context length of only [\d,]+ tokens|context length is only", "LM Studio", "cline/cline#3664"),
    (r"exceeds? (the )?(maximum |max )?context length", "Ollama", "ollama/ollama, server/prompt.go"),
    (r"prompt too long|exceeded max context", "Ollama", "ollama/ollama, cloud models"),
    (r"too large for model with [\d,]+ maximum context", "Mistral", "api.mistral.ai, error 3051"),
    (r"maximum prompt length is", "xAI", "cline/cline#3120"),
    (r"exceeded model token limit", "Moonshot", "MoonshotAI/kimi-code#207"),
    (r"reduce (the length of )?(the|your) (messages|input|prompt)", "Groq, Cerebras, DeepSeek", "cline/cline#5140"),
    (r"range of input length should be", "DashScope", "QwenLM/qwen-code#98"),
    (r"length of prompt_tokens|max_seq_len", "SiliconFlow", "langgenius/dify#19394"),
    (r"prompt 超长|超出最大长度|超过最大长度|输入长度超", "Zhipu, Baidu", "open.bigmodel.cn, error 1261"),
    (r"context window exceeds limit", "MiniMax", "platform.minimax.io, error 2013"),
    (r"exceeds? max message tokens|total tokens of image and text exceed", "Volcengine", "volcengine.com, Ark errors"),
    (r"(token count|prompt tokens?) of [\d,]+ exceeds the limit of", "GitHub Copilot", "jjleng/copilot-more#35"),
    (r"tokens_limit_reached|request body too large for .{1,80} model", "GitHub Models", "cline/cline#2115"),
    (
        r"inputs`? tokens \+ `?max_new_tokens|\binputs`? must have less than",
        "TGI",
        "text-generation-inference#628, #695",
    ),
    (r"number of tokens in the prompt cannot exceed|too many tokens", "Cohere", "docs.cohere.com, errors"),
    (r"(input|prompt)[^.]{0,60}exceeds?[^.]{0,40}(token|length|context|limit|maximum)", "gateways", "their rewordings"),
    (r"context_window_exceeded|contextwindowexceeded|context_window_limit", "LiteLLM", "docs.litellm.ai, exceptions"),
    (r"(maximum|available|model'?s?) (context|input) (length|size|window)", "gateways", "their rewordings"),
    (r"exceeds? (the )?(model'?s? )?(maximum |available )?(context|input token)", "gateways", "their rewordings"),
    (r"token limit exceeded", "gateways", "their rewordings"),
    (r"input token[^.]{0,40} but (the )?model only supports", "Vertex", "cloud.google.com, Gemini errors"),
    (r"(configured|model) context (size|window)[^.]{0,20} is [\d,]+|slot context:", "local servers", "pi, overflow.ts"),
    (r"input tokens exceed the configured limit", "OpenAI", "o3, letta-ai/letta error_utils"),
    (r"engine prompt length [\d,]+ exceeds", "vLLM", "vllm-project/vllm"),
    (r"上下文.{0,12}(超|过长)|(超出|超过).{0,12}上下文", "Zhipu, gateways", "their rewordings"),
    (
        r"length of all messages is too long|(conversation|messages?) ((is|are) )?too long",
        "Perplexity",
        "litellm#21558",
    ),
    (r"\bmax(imum)? input (characters|tokens) is|(characters|tokens)_too_long", "Baidu", "Qianfan, error 336007"),
    (r"total message token length exceeds? (the )?model limit", "DashScope", "help.aliyun.com, Model Studio errors"),
    (
        r"'(input|instructions|(messages|input)\[\d+\]\.content(\[\d+\]\.text)?)': string too long",
        "OpenAI",
        "its string_above_max_length",
    ),
    (
        r"context window (is )?(exceeded|full)|no models have context window large",
        "LiteLLM",
        "opencode#44889",
    ),
    (r"number of input tokens [\d,]+ cannot exceed|token_quantity_exceeded", "watsonx", "cloud.ibm.com, watsonx.ai"),
    (r"exceeded this model context window", "Cloudflare", "developers.cloudflare.com, Workers AI errors"),
    (r"exceeds? (the )?(token limit|n_ctx)", "gateways, llama.cpp", "crewAI, context_window_exceeding_exception.py"),
    (r"max_(completion_)?tokens must be at least 1, got -\d", "vLLM", "vllm-project/vllm, what is left of the context"),
    (r"total message size [\d,]+ exceeds limit", "Moonshot", "platform.moonshot.cn, errors"),
    (r"requested generation length [\d,]+ is not possible", "SambaNova", "docs.sambanova.ai, errors"),
    (
        r"(prompt|input|request|messages?) (has|have|is|are|contains?) [\d,]+ tokens[^.]{0,60}\bcontext",
        "gateways",
        "their rewordings",
    ),
    (r"\b(text|content|document) is too long\b[^.]{0,60}\btokens", "gateways", "their rewordings"),
    (r"(输入|prompt).{0,8}过长|\bprompt_limit\b", "gateways", "fengshao1227/ccg-workflow#69"),
)
"""How providers say that a conversation does not fit."""

_LIMIT: Final = (
    r"rate[_ -]?limit|ratelimit|too[_ ]many[_ ]requests|resource[_ ]?exhausted|throttl"
    r"|(tokens|requests|input tokens|output tokens)[_ ]per[_ ](minute|min|day|hour|second)|\b[TRQ]P[MDS]\b"
    r"|PerMinute|PerDay|quota|usage limit|limit_requests|concurrency limit|\bqps\b"
    r"|\b(key|hourly|daily|weekly|monthly|yearly|total) limit (was |is |has been )?(exceeded|reached)"
    r"|open api (\w+ )+limit reached"
    r"|请求频率|限流"
)
_NO_CREDIT: Final = (
    r"insufficient[_ ]?(\w+[_ ])?(balance|credits?|funds)|credit balance is too low|credits_?error"
    r"|\b(out of|not enough|no|any|all available|all your)[_ ](credits?|balance|funds)\b"
    r"|\b(balance|credits?|funds)\b[^.]{0,30} (insufficient|exhausted|depleted|negative|used up|not enough|too low)\b"
    r"|overdue[_ ]?balance|account_?overdue|\barrear|please (recharge|top up)|can only afford"
    r"|quota (is )?(not enough|insufficient)|insufficient_user_quota"
    r"|spending limit|payment required|billing_error|budget_?exceeded|budget has been exceeded"
    r"|(余额|额度)不足|欠费"
)
# Paying, or the next day, ends these; waiting does not.
_SPENT: Final = (
    r"insufficient_quota|exceeded_current_quota|billing_hard_limit|billing_not_active|usage limit"
    r"|\b(key|total) limit (was |is |has been )?(exceeded|reached)|open api total request limit reached"
    r"|monthly|weekly|daily|per[_ -]month"
    r"|per[_ -]day|PerDay|\b[TRQ]PD\b|quota exceeded for metric[^\n]{0,200}\blimit: 0\b(?!\.)|套餐"
    rf"|{_NO_CREDIT}"
)
# OpenAI's words for a quota that is spent; with Google, every message about a quota begins with them.
_MAYBE_SPENT: Final = r"exceeded your current quota"
_SHORT_WAIT: Final = 90.0
_BAD_KEY: Final = (
    r"API_KEY_INVALID|invalid[-_ ]?api[-_ ]?key|incorrect api key|invalid x-api-key|api key not valid|invalid bearer"
    r"|\bunauthori[sz]ed\b|\bunauthenticated\b|\bnot authenticated\b"
    r"|authentication_?error|no auth credentials|api key (is )?(missing|expired|invalid)|无效的令牌"
    r"|permission_(error|denied)|PermissionDeniedError|UnrecognizedClientException|AccessDeniedException"
    r"|ExpiredTokenException"
    # LiteLLM's proxy, of every key but its master key where no database holds others.
    r"|no_db_connection"
)
_NO_MODEL: Final = (
    r"decommissioned|model[^.]{0,80} (has been|was|is) (deprecated|retired|discontinued|removed|no longer \w+)|"
    r"model_not_found|model not exist|is not a valid model id|not a valid model"
    r"|invalid model\b(?! (output|reply|response|state))|unknown model|no such model"
    r"|model [`'\"]?[\w./:@-]+[`'\"]? (does not exist|(is |was )?not found|could not be found)"
    r"|the model [^.]{0,80}does not exist|no endpoints found for|model identifier is invalid|模型不存在"
    r"|not_found_error|(?<![a-z])(Proxy)?(Model)?NotFoundError|ResourceNotFoundException"
)
_FILTERED: Final = (
    r"content_filter|content_policy|ResponsibleAIPolicy|content management policy|data_inspection_failed"
    r"|DataInspectionFailed|content exists risk|sensitive content|不安全或敏感|flagged|moderation|invalid_prompt"
    r"|usage policy|safety (system|filter)|high_risk|input_moderation|prohibited_content"
    r"|content filtering policy|violates? (the |our )?usage guidelines|SAFETY_CHECK_TYPE|inappropriate content"
)
_MALFORMED_CALL: Final = r"tool_use_failed|failed to call a function|error parsing tool call|invalid_tool_call_format"

_MALFORMED_JSON: Final = r"json_validate_failed|failed to (validate|generate) json"


def _any(words: str) -> re.Pattern[str]:
    return re.compile(words, re.IGNORECASE)


_IS_CONTEXT = _any("|".join(f"(?:{words})" for words, _, _ in CONTEXT_FULL))
_IS_LIMIT, _IS_SPENT, _IS_MAYBE_SPENT = _any(_LIMIT), _any(_SPENT), _any(_MAYBE_SPENT)
_IS_BAD_KEY, _IS_NO_MODEL = _any(_BAD_KEY), _any(_NO_MODEL)
_IS_NO_CREDIT = _any(_NO_CREDIT)
_IS_FILTERED, _IS_MALFORMED_CALL = _any(_FILTERED), _any(_MALFORMED_CALL)
_IS_MALFORMED_JSON = _any(_MALFORMED_JSON)

_IS_PLACE = _any(r"unsupported_country|(country|region|territory|location)[^.]{0,40} not (supported|available|allowed)")
_IS_RATE = _any(r"per[_ ](minute|min|day|hour|second)|\b[TR]P[MD]\b|rate[_ -]?limit|throttl")
# Too long a reply was asked for: no matter of the conversation's length.
_IS_OPTION = _any(r"\bmax_(completion_|output_|new_)?tokens\b")
_IS_LENGTH = _any(r"context|prompt|input|messages|at least 1, got -")
# The status of failures that are reported in words, with a status that may mean anything; 0 is none.  So may each from
# 500 on: gateways give it for whatever the server behind them said.
_ANY_STATUS = frozenset({0, 400, 408, 409, 413, 422, 424})


class Meaning(NamedTuple):
    """The meaning of a failure.

    Args:
        code: of the error.
        text: of the error.
        retry: whether a retry can help.
        once: whether only one is worthwhile.
        filtered: whether the provider, or the model, refuses what was asked or answered for what it says.
    """

    code: ErrorCode
    text: str
    retry: bool = False
    once: bool = False
    filtered: bool = False


def meaning_of(status: int, reply: ErrorReply, said: str) -> Meaning:
    """Classifies a failure.

    Args:
        status: its HTTP status; 0 where it was reported within a successful reply and names none.
        reply: the provider's report of the failure.
        said: its message as it is shown.
    """
    shown = f" (status {status})" if status else ""
    words = f"{reply.kind} {reply.message}"
    if reply.cause == "content_filter":
        return Meaning(ErrorCode.LLM_ERROR, f"the reply was refused or filtered: {said}", filtered=True)
    if reply.cause == "context":
        return _context_full(said)
    if reply.cause == "empty":
        return Meaning(ErrorCode.LLM_ERROR, f"the model gave no answer: {said}", True, True)
    odd = status in _ANY_STATUS or status >= 500
    is_context = odd and _is_context(words)
    if status == 402 or (status != 429 and _IS_NO_CREDIT.search(words)):
        return Meaning(ErrorCode.LLM_ERROR, f"the account has no credit{shown}: {said}")
    limits_key = status == 403 or (status == 401 and not _IS_BAD_KEY.search(words))
    if status == 429 or ((odd or limits_key) and _IS_LIMIT.search(words)):
        if is_context and not _IS_RATE.search(words):
            return _context_full(said)
        spent = bool(_IS_SPENT.search(words)) or (bool(_IS_MAYBE_SPENT.search(words)) and not _is_soon_over(reply))
        what = "the provider's quota is spent" if spent else "the provider's limit is reached"
        return Meaning(ErrorCode.RATE_LIMITED, f"{what}{shown}: {said}", retry=not spent)
    if reply.once or (odd and _IS_MALFORMED_CALL.search(words)):
        return Meaning(ErrorCode.LLM_ERROR, f"the model made a malformed tool call{shown}: {said}", True, True)
    if odd and _IS_MALFORMED_JSON.search(words):
        return Meaning(ErrorCode.LLM_ERROR, f"the model's answer is not the JSON asked for{shown}: {said}", True, True)
    if status == 413 or is_context:
        return _context_full(said)
    if status in (0, 400, 403, 422) and _IS_FILTERED.search(words):
        return Meaning(ErrorCode.LLM_ERROR, f"the provider refuses the content{shown}: {said}", filtered=True)
    if status in (400, 403) and _IS_PLACE.search(words):
        return Meaning(ErrorCode.LLM_ERROR, f"the provider does not serve this place{shown}: {said}")
    if status in (401, 403) or (odd and _IS_BAD_KEY.search(words)):
        return Meaning(ErrorCode.AUTHENTICATION, f"the provider refuses the key{shown}: {said}")
    if status == 404 or (odd and _IS_NO_MODEL.search(words)):
        return Meaning(ErrorCode.PROVIDER_NOT_FOUND, f"no such model or address{shown}: {said}")
    if status in (0, 408, 424) or status >= 500:
        return Meaning(ErrorCode.LLM_ERROR, f"the provider failed{shown}: {said}", retry=True)
    if 300 <= status < 400:
        return Meaning(ErrorCode.LLM_ERROR, f"the server redirects{shown}, which is not followed: {said}")
    return Meaning(ErrorCode.LLM_ERROR, f"the provider refuses the request{shown}: {said}")


def _is_soon_over(reply: ErrorReply) -> bool:
    """Whether the provider tells that its limit is one of a short time."""
    return reply.of_minute or (reply.retry_after is not None and reply.retry_after <= _SHORT_WAIT)


def _is_context(words: str) -> bool:
    if not _IS_CONTEXT.search(words):
        return False
    return not _IS_OPTION.search(words) or bool(_IS_LENGTH.search(words))


def _context_full(said: str) -> Meaning:
    return Meaning(ErrorCode.CONTEXT_FULL, f"the conversation does not fit into the model's context: {said}")
