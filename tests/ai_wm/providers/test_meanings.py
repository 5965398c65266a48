"""What failures mean: in the words of each provider, whatever status it puts them under."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ai_wm.providers import Clients
from ai_wm.providers.adapter import ErrorReply
from ai_wm.providers.errors import from_reply
from ai_wm.providers.meanings import CONTEXT_FULL, Meaning, meaning_of
from tests.ai_wm.helpers import raises_code
from tests.ai_wm.providers.loopback import Loopback, reply, streamed
from tests.ai_wm.providers.support import at, body_of, collect, stream_of


def meaning(status: int, message: str, kind: str = "", **more: Any) -> Meaning:
    return meaning_of(status, ErrorReply(message=message, kind=kind, **more), message)


NO_CREDIT = [
    "Your newly created team doesn't have any credits or licenses yet. You can purchase those on https://console.x.ai",
    "Sorry, your account balance is insufficient",
    "The request failed because your account has an overdue balance.",
    "Your account is in arrears, please recharge",
    "Insufficient balance. Manage your billing here",
    "Insufficient account balance",
    "You are out of credits",
    "You have run out of credits",
    "Your credits are exhausted",
    "user quota is not enough",
    "This request requires more credits. You requested up to 65535 tokens, but can only afford 9421",
    "Payment required",
    "余额不足",
    "用户额度不足",
]


@pytest.mark.parametrize("message", NO_CREDIT)
@pytest.mark.parametrize("status", [0, 400, 401, 402, 403, 404, 422, 500, 503])
def test_an_account_without_credit_is_one_whatever_the_status_but_429(status: int, message: str) -> None:
    found = meaning(status, message, "permission_error")
    assert (found.code, found.retry) == (16, False)
    assert found.text.startswith("the account has no credit")


@pytest.mark.parametrize("message", NO_CREDIT)
def test_no_credit_told_as_a_limit_is_a_spent_one(message: str) -> None:
    assert meaning(429, message)[:3] == (20, f"the provider's quota is spent (status 429): {message}", False)


# In the order of the table: one message for each of its lines.
MESSAGES = [
    "This model's maximum context length is 8192 tokens (context_length_exceeded)",
    "Your input exceeds the context window of this model. Please adjust your input and try again.",
    "prompt is too long: 210000 tokens > 200000 maximum",
    "input length and `max_tokens` exceed context limit: 199759 + 8192 > 200000, decrease input length or `max_tokens`",
    "request_too_large",
    "The input token count (2845475) exceeds the maximum number of tokens allowed (1048576).",
    "Input is too long for requested model.",
    "This model's maximum context length is 16384 tokens. However, you requested 122946 tokens",
    "The prompt (total length 25938) is too long to fit into the model (context length 4096).",
    "The input (85050 tokens) is longer than the model's context length (32768 tokens).",
    "Input length (265330) exceeds the maximum allowed length (262144 tokens).",
    "the request exceeds the available context size, try increasing it",
    "input (12290 tokens) is too large to process. increase the physical batch size (current batch size: 512)",
    "The number of tokens to keep from the initial prompt is greater than the context length.",
    "the model is loaded with context length of only 7866 tokens, which is not enough",
    "the input length exceeds the context length",
    "prompt too long; exceeded max context length by 512 tokens",
    "Prompt contains 66385 tokens, too large for model with 32768 maximum context length",
    "This model's maximum prompt length is 131072 but the request contains 136973 tokens.",
    "Invalid request: Your request exceeded model token limit: 262144 (requested: 271827)",
    "Please reduce the length of the messages or completion. Current length is 42328 while limit is 40000",
    "<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 204800]",
    "length of prompt_tokens (57535) must be less than max_seq_len (32768).",
    "Prompt 超长",
    "invalid params, context window exceeds limit",
    "Total tokens of image and text exceed max message tokens.",
    "prompt token count of 93854 exceeds the limit of 90000",
    "Request body too large for gpt-4o model. Max size: 8000 tokens.",
    "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 2048. Given: 1244 `inputs` tokens and 1000",
    "too many tokens: total number of tokens in the prompt cannot exceed 4081 - received 5000.",
    "Input length exceeds this endpoint's maximum of 4096 tokens",
    "litellm.ContextWindowExceededError: BadRequestError",
    "larger than the available context size",
    "exceeds the model's maximum context",
    "token limit exceeded for this model",
    "Unable to submit request because the input token count is 40000 but model only supports up to 32768.",
    "prompt has 9,000 tokens, but the configured context size is 8,192 tokens",
    "Input tokens exceed the configured limit of 272000 tokens.",
    "The engine prompt length 9000 exceeds what it was started with.",
    "输入的上下文长度超过模型限制",
    "The total length of all messages is too long.",
    "the max input characters is 516096",
    "Total message token length exceed model limit (10000000 tokens).",
    "Invalid 'messages[1].content': string too long. Expected a string with maximum length 1048576, but got 5000000.",
    "Context Window exceeded for given call. No models have context window large enough for this call.",
    "the number of input tokens 9000 cannot exceed the total tokens limit 8192 for this model",
    "The estimated number of input and maximum output tokens (40000) exceeded this model context window limit (24000).",
    "the prompt (5000 tokens) exceeds n_ctx (4096)",
    "max_tokens must be at least 1, got -808.",
    "total message size 600000 exceeds limit 524288",
    (
        "Requested generation length 100 is not possible! The provided prompt is 9000 tokens long, so generating 100 "
        "tokens requires a sequence length of 9100, but the maximum supported sequence length is just 8192!"
    ),
    "prompt has 9000 tokens, but the context window is 8192 tokens",
    "The text is too long: exceeds the limit of 8192 tokens",
    "输入内容过长，请减少 Prompt 中的 token 数量后重试",
]
REWORDED = [
    "max_tokens or max_completion_tokens must be at least 1, got -808.",
    (
        "Reached context length of 4096 tokens with model (arch: qwen3) that does not currently support mid-generation "
        "context overflow."
    ),
    "Please reduce your prompt; or completion length.",
    "The input is longer than the context length of this model",
    "messages too long: 9000 tokens, limit 8192",
    "Input validation error: inputs must have less than 4096 tokens. Given: 5000",
]


@pytest.mark.parametrize("message", MESSAGES + REWORDED)
@pytest.mark.parametrize("status", [0, 400, 413, 422, 500])
def test_a_conversation_that_does_not_fit(message: str, status: int) -> None:
    assert meaning(status, message).code == 47


def test_each_line_of_the_table_has_a_message_and_a_source() -> None:
    for (words, who, source), message in zip(CONTEXT_FULL, MESSAGES, strict=True):
        assert re.search(words, message, re.IGNORECASE), (words, message)
        assert who
        assert source


@pytest.mark.parametrize(
    "message",
    [
        "temperature exceeds the maximum of 2",
        "max_tokens is too large: 99999. This model supports at most 8192 completion tokens",
        "`max_tokens` must be less than or equal to `16384`",
        "max_tokens exceeds the limit of 8192",
        "max_tokens must be at least 1, got 0.",
        "max_tokens exceeds the limit of 8192 tokens",
        "Please reduce your temperature",
        "messages[1].tool_call_id is too long",
        "stop is too long: at most 4",
        "messages.1: tool_use ids were found without tool_result blocks",
        "Unknown parameter: 'context'",
        "top_k exceeds the maximum",
        "Invalid 'messages[2].tool_calls[0].id': string too long. Expected a string with maximum length 40.",
        "Invalid 'input[3].call_id': string too long. Expected a string with maximum length 64.",
    ],
)
def test_what_is_no_matter_of_length(message: str) -> None:
    assert meaning(400, message)[:3] == (16, f"the provider refuses the request (status 400): {message}", False)


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (400, "The response was filtered", "content_filter ResponsibleAIPolicyViolation"),
        (400, "Your request was rejected as a result of our safety system.", "content_policy_violation"),
        (400, "Invalid prompt: your prompt was flagged as potentially violating our usage policy.", "invalid_prompt"),
        (400, "Content Exists Risk", "invalid_request_error"),
        (400, "Output blocked by content filtering policy", "invalid_request_error"),
        (400, "The request was rejected because it was considered high risk", "content_filter"),
        (0, "Output data may contain inappropriate content.", "data_inspection_failed"),
        (0, "Blocked.", "content_filter"),
        (
            403,
            "Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE_BIO",
            "The caller does not have permission to execute the specified operation",
        ),
    ],
)
def test_filters_are_told_by_fields_whatever_reports_them(status: int, message: str, kind: str) -> None:
    failure = from_reply(status or 200, ErrorReply(message=message, kind=kind), ())
    assert (failure.code, failure.retry) == (16, False)
    assert (failure.details["finish_reason"], failure.details["refusal"]) == ("content_filter", message)


@pytest.mark.parametrize("message", ["Invalid 'temperature'", "see our usage guidelines", "Overloaded"])
@pytest.mark.parametrize("status", [400, 401, 403, 429, 500])
def test_other_failures_are_no_filter(status: int, message: str) -> None:
    failure = from_reply(status, ErrorReply(message=message), ())
    assert failure.details.keys().isdisjoint({"finish_reason", "refusal"})


GROQ = "Request too large for model on tokens per minute (TPM): Limit 6000, Requested 7324, please reduce it"


@pytest.mark.parametrize(
    ("status", "message", "kind", "retry"),
    [
        (413, GROQ, "rate_limit_exceeded tokens", True),
        (400, "Rate limit exceeded, please try again later", "", True),
        (400, "Requests rate limit exceeded", "Throttling.RateQuota", True),
        (0, "Rate limit reached for requests", "429", True),
        (403, "Rate Limit Exceeded", "rateLimitExceeded", True),
        (429, "anything at all", "", True),
        (
            429,
            "You exceeded your current quota, please check your plan and billing details",
            "insufficient_quota",
            False,
        ),
        (429, "Rate limit reached on tokens per day (TPD): Limit 100000, Used 99500, Requested 1200", "", False),
        (429, "Rate limit reached on requests per day (RPD): Limit 200, Used 200", "", False),
        (429, "Quota exceeded for metric generate_requests_per_model_per_day", "", False),
        (429, "Rate limit exceeded: free-models-per-day", "", False),
        (429, "Rate limit exceeded: free-models-per-min", "", True),
        (403, "Key limit exceeded (daily limit).", "quota", False),
        (429, "Your credit balance is too low to access the API", "", False),
        (429, "账户余额不足，请充值", "1113", False),
        (429, "Your account is in arrears, please recharge", "1113", False),
        (429, "Sorry, your account balance is insufficient", "30001", False),
        (0, "Open api qps request limit reached", "18", True),
        (0, "Open api daily request limit reached", "17", False),
        (429, "ThrottlingException: Too many tokens, please wait before trying again.", "", True),
        (400, "ThrottlingException: Too many tokens, please wait before trying again.", "", True),
        (403, "Key limit exceeded (total limit). Manage it using https://openrouter.ai/settings/keys", "", False),
        (403, "Weekly limit exceeded for this key", "", False),
        (401, "quota exceeded", "", True),
        (401, "You exceeded your current quota", "insufficient_quota", False),
        (0, "Open api total request limit reached", "19", False),
    ],
)
def test_limits_of_the_minute_and_quotas_that_are_spent(status: int, message: str, kind: str, retry: bool) -> None:
    found = meaning(status, message, kind)
    assert (found.code, found.retry) == (20, retry)
    assert found.text.startswith("the provider's limit is reached" if retry else "the provider's quota is spent")


@pytest.mark.parametrize(
    ("status", "message", "kind", "code"),
    [
        (401, "no", "", 45),
        (403, "Your organization must be verified to use the model", "", 45),
        (400, "API key not valid. Please pass a valid API key.", "API_KEY_INVALID", 45),
        (400, "Incorrect API key provided: xa***.", "", 45),
        (0, "No auth credentials found", "", 45),
        (400, "No connected db.", "no_db_connection", 45),
        (404, "no", "", 40),
        (400, "Model Not Exist", "invalid_request_error", 40),
        (400, "deepseek/nothing is not a valid model ID", "", 40),
        (400, "Invalid model: mistral-huge", "invalid_model", 40),
        (400, "The requested model 'gpt-9' does not exist.", "model_not_found", 40),
        (400, "model `llama9` not found, try pulling it first", "", 40),
        (400, "Input data may contain inappropriate content.", "data_inspection_failed", 16),
        (400, "Content Exists Risk", "invalid_request_error", 16),
        (400, "系统检测到输入或生成内容可能包含不安全或敏感内容", "1301", 16),
        (
            400,
            "The response was filtered due to the prompt triggering content management policy.",
            "content_filter",
            16,
        ),
        (403, "Your chosen model requires moderation and your input was flagged for violence", "", 16),
        (403, "Country, region, or territory not supported", "unsupported_country_region_territory", 16),
        (402, "Insufficient Balance", "", 16),
        (401, "Invalid API key; sign in for a higher rate limit", "", 45),
        (409, "no", "", 16),
        (451, "no", "", 16),
        (307, "elsewhere", "", 16),
    ],
)
def test_what_cannot_succeed_by_itself(status: int, message: str, kind: str, code: int) -> None:
    found = meaning(status, message, kind)
    assert (found.code, found.retry) == (code, False)
    assert message in found.text


@pytest.mark.parametrize("status", [0, 400, 401, 402, 403, 409, 422, 424, 500, 502, 503, 504, 529])
@pytest.mark.parametrize(
    "message",
    [
        "Your credit balance is too low to access the API",
        "Insufficient Balance",
        "Insufficient account balance",
        "insufficient balance (1008)",
        "Sorry, your account balance is insufficient",
        "Your account balance is not enough",
        "Not enough credits",
        "All available credits are used up",
        "Your account is in arrears, please recharge",
        "Arrearage: Access denied",
        "Your account has an overdue balance",
        "账户余额不足，请充值",
    ],
)
def test_no_credit_whatever_the_status(message: str, status: int) -> None:
    found = meaning(status, message)
    assert (found.code, found.retry) == (16, False)
    assert found.text.startswith("the account has no credit")


@pytest.mark.parametrize("status", [0, 400, 409, 422, 424, 500, 502, 503, 504, 529])
@pytest.mark.parametrize(
    ("message", "kind", "code"),
    [
        ("Incorrect API key provided: xa***.", "", 45),
        ("invalid x-api-key", "authentication_error", 45),
        ("Request had invalid credentials.", "UNAUTHENTICATED", 45),
        ("The security token included in the request is expired", "ExpiredTokenException", 45),
        ("litellm.AuthenticationError: AnthropicException - no", "", 45),
        ("litellm.PermissionDeniedError: OpenAIException - no", "", 45),
        ("model: claude-9", "not_found_error", 40),
        ("The model 'gpt-9' does not exist", "model_not_found", 40),
        ("Invalid model: mistral-huge", "", 40),
        ("litellm.NotFoundError: OpenAIException - gpt-9", "", 40),
        ("Your credit balance is too low to access the API", "", 16),
        ("Insufficient Balance", "", 16),
        ("litellm.BudgetExceededError: Budget has been exceeded! Current cost: 2, Max budget: 1", "", 16),
    ],
)
def test_what_cannot_succeed_by_itself_whatever_the_status(message: str, kind: str, code: int, status: int) -> None:
    found = meaning(status, message, kind)
    assert (found.code, found.retry) == (code, False)


@pytest.mark.parametrize(
    "message",
    [
        "FileNotFoundError: [Errno 2] No such file or directory: '/tmp/x'",
        "Invalid model response",
        "the moderation service failed",
        "litellm.InternalServerError: AnthropicException - Overloaded",
        "litellm.ServiceUnavailableError: no",
    ],
)
def test_a_servers_own_failure_may_pass_whatever_words_it_has(message: str) -> None:
    assert meaning(500, message)[2]


@pytest.mark.parametrize("status", [0, 408, 500, 502, 503, 504, 529])
def test_what_may_pass(status: int) -> None:
    assert meaning(status, "Overloaded")[:3] == (
        16,
        f"the provider failed{f' (status {status})' if status else ''}: Overloaded",
        True,
    )


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (400, "Failed to call a function. Please adjust your prompt.", "tool_use_failed invalid_request_error"),
        (500, "error parsing tool call: raw='{', err=unexpected end of JSON input", ""),
    ],
)
def test_a_malformed_call_that_the_provider_itself_notices(status: int, message: str, kind: str) -> None:
    found = meaning(status, message, kind)
    assert (found.retry, found.once) == (True, True)


GROQ_TOOL_USE = {
    "error": {
        "message": "Failed to call a function. Please adjust your prompt. See 'failed_generation' for more details.",
        "type": "invalid_request_error",
        "code": "tool_use_failed",
        "failed_generation": '<function=look{"at": </function>',
    }
}


NO_JSON = {
    "message": "Failed to validate JSON. Please adjust your prompt. See 'failed_generation' for more details.",
    "type": "invalid_request_error",
    "code": "json_validate_failed",
    "failed_generation": '{"a": ',
}


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.usefixtures("quick")
def test_an_answer_that_is_not_the_json_asked_for_is_asked_for_once_more(
    stream: bool, status: int, clients: Clients, server: Loopback
) -> None:
    client = clients.for_provider("custom")
    good = streamed(stream_of("custom", "{}")) if stream else reply(body_of("custom", "{}"))
    asked = at(server.will(reply({"error": NO_JSON}, status), good), "custom", response_format="json")
    answer = collect(client.stream(asked))[1] if stream else client.complete(asked)
    assert (answer.text, answer.attempts) == ("{}", 2)
    server.will(reply({"error": NO_JSON}, status))
    with raises_code(16, "not the JSON asked for") as caught:
        collect(client.stream(asked)) if stream else client.complete(asked)
    assert caught.value.details["attempts"] == 2


@pytest.mark.usefixtures("quick")
def test_a_malformed_call_is_asked_for_once_more(clients: Clients, server: Loopback) -> None:
    client = clients.for_provider("custom")
    server.will(reply(GROQ_TOOL_USE, 400), reply(body_of("custom")))
    assert client.complete(at(server, "custom")).attempts == 2
    server.received.clear()
    with raises_code(16, "<function=look"):
        client.complete(at(server.will(reply(GROQ_TOOL_USE, 400)), "custom", max_retries=5))
    assert len(server.received) == 2


def test_one_request_that_asks_for_more_than_a_minute_allows_is_not_repeated(
    clients: Clients, server: Loopback
) -> None:
    message = (
        "Request too large for gpt-4o in organization org-1 on tokens per min (TPM): Limit 30000, Requested 132819. "
        "The input or output tokens must be reduced in order to run successfully."
    )
    error = {"message": message, "type": "tokens", "code": "rate_limit_exceeded"}
    with raises_code(20, "Requested 132819"):
        clients.for_provider("openai").complete(at(server.will(reply({"error": error}, 429)), "openai"))
    assert len(server.received) == 1


def test_the_wait_that_a_message_names(clients: Clients, server: Loopback) -> None:
    message = (
        "Rate limit reached on tokens per min (TPM): Limit 30000, Used 29000, Requested 2000. Please try again in 6m0s."
    )
    server.will(reply({"error": {"message": message, "code": "rate_limit_exceeded"}}, 429))
    with raises_code(20) as caught:
        clients.for_provider("custom").complete(at(server, "custom"))
    assert (caught.value.details["retry_after_seconds"], caught.value.details["attempts"]) == (360.0, 1)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("status", "body", "code", "times"),
    [
        (200, {"error_code": 18, "error_msg": "Open api qps request limit reached"}, 20, 2),
        (403, {"error": {"message": "Key limit exceeded (total limit). Manage it", "code": 403}}, 20, 1),
        (
            403,
            {"code": "The caller does not have permission", "error": "No team has any credits yet."},
            16,
            1,
        ),
        (403, {"error": {"code": "AccountOverdueError", "message": "your account has an overdue balance"}}, 16, 1),
        (401, {"type": "error", "error": {"type": "CreditsError", "message": "Insufficient balance."}}, 16, 1),
        (401, {"error": {"message": "Incorrect API key provided", "code": "invalid_api_key"}}, 45, 1),
    ],
)
@pytest.mark.parametrize("provider", ["anthropic", "custom", "google", "ollama"])
@pytest.mark.parametrize("stream", [False, True])
def test_limits_and_credit_are_told_from_bad_keys(
    status: int, body: Any, code: int, times: int, provider: str, stream: bool, clients: Clients, server: Loopback
) -> None:
    asked = at(server.will(reply(body, status)), provider, max_retries=1)
    client = clients.for_provider(provider)
    with raises_code(code):
        collect(client.stream(asked)) if stream else client.complete(asked)
    assert len(server.received) == times


@pytest.mark.parametrize("status", [404, 405])
def test_an_address_that_is_not_there_is_named(status: int, clients: Clients, server: Loopback) -> None:
    server.will(reply("404 page not found", status, content_type="text/plain"))
    code = 40 if status == 404 else 16
    with raises_code(code, f"asked at {server.url}/v1/chat/completions") as caught:
        clients.for_provider("custom").complete(at(server, "custom"))
    assert caught.value.details["address"] == f"{server.url}/v1/chat/completions"


CLOUDFLARE = """<!DOCTYPE html>
<html lang="en-US"><head><title>api.example.com | 502: Bad gateway</title>
<style>body { color: red }</style></head><body><h1>Bad gateway</h1></body></html>"""


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (502, CLOUDFLARE, r"an HTML page: api\.example\.com \| 502: Bad gateway"),
        (
            503,
            "<html><body><h1>503 Service&nbsp;Unavailable</h1>\nNo server.</body></html>",
            "503 Service Unavailable No",
        ),
        (502, "", "Bad Gateway"),
        (500, "upstream connect error or disconnect/reset before headers", "upstream connect error"),
        (504, '"just a text"', "just a text"),
        (200, CLOUDFLARE, "Bad gateway.*from http://127"),
        (200, "", r"it is empty \(from http://127"),
    ],
)
def test_pages_and_empty_bodies_say_what_can_be_said(
    status: int, body: str, said: str, clients: Clients, server: Loopback
) -> None:
    with raises_code(16, said) as caught:
        clients.for_provider("custom").complete(at(server.will(reply(body, status)), "custom", max_retries=0))
    assert "color: red" not in caught.value.message


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("provider", ["anthropic", "custom", "google", "openai", "responses"])
def test_a_key_that_a_proxy_without_a_database_does_not_know(
    provider: str, stream: bool, clients: Clients, server: Loopback
) -> None:
    """LiteLLM's proxy says so in one form, whatever format it is asked in."""
    said = {"message": "No connected db.", "type": "no_db_connection", "param": None, "code": "400"}
    server.will(reply({"error": said}, 400))
    api = {"api": "responses"} if provider == "responses" else {}
    asked = at(server, "custom" if api else provider, **api)
    client = clients.for_provider(asked.provider)
    with raises_code(45, "refuses the key"):
        list(client.stream(asked)) if stream else client.complete(asked)
    assert len(server.received) == 1
