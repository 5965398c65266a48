"""Misspelt names and the known ones that they stand for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ai_wm.data.prices import PRICES
from ai_wm.data.setting_names import PROVIDER_SETTINGS, SETTINGS, misspelt
from ai_wm.data.spelling import near_miss, nearest
from ai_wm.data.types import AIWorkerDefinition, RateLimitPolicy
from ai_wm.providers.base import COMMON_KEYS, MANAGEMENT_KEYS

KNOWN = {
    "rate_limits": frozenset(RateLimitPolicy.model_fields),
    "cost_metrics": PRICES,
    "definition": frozenset(AIWorkerDefinition.model_fields),
    "base_config": SETTINGS,
}
LETTERS = "abcdefghijklmnopqrstuvwxyz_0"


def slips(name: str) -> Iterator[str]:
    """Every text that a slip at one letter makes of a name."""
    for at in range(len(name)):
        head, letter, tail = name[:at], name[at], name[at + 1 :]
        yield head + tail
        yield head + letter * 2 + tail
        yield head + letter.upper() + tail
        yield head + tail[:1] + letter + tail[1:]
        for other in LETTERS:
            yield head + other + tail
            yield head + other + letter + tail
    yield from (name + letter for letter in LETTERS)


@pytest.mark.parametrize(("place", "name"), [(place, name) for place, known in KNOWN.items() for name in sorted(known)])
def test_every_slip_at_one_letter_is_found(place: str, name: str) -> None:
    known = KNOWN[place]
    for slip in set(slips(name)) - known:
        found = near_miss(slip, known)
        # A slip may be as near to another name: "top_x" to "top_k" and to "top_p".
        assert found == name or (found is not None and slip in set(slips(found))), (slip, found)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("temprature", "temperature"),
        ("Temperature", "temperature"),
        ("max-output-tokens", "max_output_tokens"),
        ("timeoutSeconds", "timeout_seconds"),
        ("timeout", "timeout_seconds"),
        ("retries", "max_retries"),
        ("max_ouput_token", "max_output_tokens"),
        ("baseURL", "base_url"),
    ],
)
def test_what_people_write_is_a_near_miss(written: str, meant: str) -> None:
    assert near_miss(written, SETTINGS) == meant
    assert misspelt({written: 1, meant: 2}) == {written: meant}


def test_the_settings_of_providers_are_no_misspelt_ones() -> None:
    theirs = """
        n user store metadata modalities audio prediction reasoning text truncation include top_logprobs service_tier
        parallel_tool_calls typical_p tfs_z mirostat mirostat_eta repeat_last_n num_ctx num_keep num_gpu num_thread
        keep_alive format raw options think suffix images template context shift truncate n_probs n_keep n_predict
        cache_prompt grammar json_schema candidateCount responseMimeType responseSchema thinkingConfig safetySettings
        cachedContent toolConfig labels stop_token_ids ignore_eos min_tokens best_of length_penalty early_stopping echo
        transforms models route plugins web_search safe_prompt random_seed prompt_mode reasoning_format effort
        output_config container mcp_servers betas top_a top_n top_n_sigma n_ctx n_gpu_layers n_parallel n_threads
        chat_template smoothing_factor mask api_version thinking_budget enable_thinking verbosity
    """
    assert misspelt(dict.fromkeys([*theirs.split(), *PROVIDER_SETTINGS, *SETTINGS])) == {}


def test_every_setting_that_the_package_reads_is_known() -> None:
    assert MANAGEMENT_KEYS | COMMON_KEYS <= SETTINGS


@pytest.mark.parametrize("name", ["", "x", "colour", "a" * 1000])
def test_a_name_like_no_other_has_no_nearest(name: str) -> None:
    assert near_miss(name, SETTINGS) is None
    assert nearest(name, SETTINGS) is None


def test_the_nearest_may_be_further_away_than_a_near_miss() -> None:
    assert near_miss("capacities", KNOWN["definition"]) is None
    assert nearest("capacities", KNOWN["definition"]) == "capabilities"
