"""The models: what they read, what they write, what they refuse, and what they never show."""

from __future__ import annotations

import copy
import json
import pickle
import traceback
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_wm.data.fields import snake_case
from ai_wm.data.types import (
    ZERO_TIME,
    AIWorkerDefinition,
    AIWorkerInstance,
    AIWorkerInstanceStatus,
    AIWorkerProvider,
    APIKeySource,
    InteractionModelType,
    PerformanceRecord,
    RetiredInstanceInfo,
    SupervisorFeedback,
    Timestamp,
    TokenUsageMetrics,
)
from neuroscript.errors import ArgumentError

MINIMAL = {"name": "w", "provider": "local", "model_name": "echo", "auth": {"method": "none"}}
KEY = "sk-very-secret-0123456789"


def raises_code(model: Any, data: Any) -> str:
    """The message with which some data is refused."""
    with pytest.raises(ArgumentError) as caught:
        model.parse(data)
    assert caught.value.code == 4
    return caught.value.message


class TestSpellings:
    def test_every_key_is_read_in_the_files_spelling_and_in_snake_case(self) -> None:
        for field, info in AIWorkerDefinition.model_fields.items():
            alias = str(info.serialization_alias)
            assert snake_case(alias) == field
        for id_key in ("definitionID", "definitionId", "definition_id"):
            assert AIWorkerDefinition.parse(MINIMAL | {id_key: "d"}).definition_id == "d"
        for ref_key in ("defaultSupervisoryAIRef", "defaultSupervisoryAiRef", "default_supervisory_ai_ref"):
            assert AIWorkerDefinition.parse(MINIMAL | {ref_key: "boss"}).default_supervisory_ai_ref == "boss"

    def test_nested_keys_too(self) -> None:
        definition = AIWorkerDefinition.parse(MINIMAL | {"rateLimits": {"maxRequestsPerMinute": 5}})
        assert definition.rate_limits.max_requests_per_minute == 5
        record = PerformanceRecord.parse({"taskId": "t", "supervisorFeedback": {"supervisorAgentId": "a", "rating": 1}})
        assert record.supervisor_feedback is not None
        assert record.supervisor_feedback.supervisor_agent_id == "a"

    def test_the_files_spelling_is_written(self) -> None:
        written = AIWorkerDefinition.parse(
            MINIMAL | {"base_config": {"a": 1}, "default_file_contexts": ["f"]}
        ).to_file()
        assert written["modelName"] == "echo"
        assert written["baseConfig"] == {"a": 1}
        assert written["defaultFileContexts"] == ["f"]

    def test_scripts_see_snake_case_and_every_field_but_whose_it_is(self) -> None:
        given = {"baseConfig": {"topP": 1}, "owner": "/home/ada/project", "hostMark": "f00"}
        seen = AIWorkerDefinition.parse(MINIMAL | given).to_script()
        assert set(AIWorkerDefinition.model_fields) == {*seen, "owner", "host_mark"}
        assert seen["base_config"] == {"topP": 1}
        assert "counted" not in seen["aggregate_performance_summary"]


class TestDefaults:
    def test_a_missing_id_is_a_new_one(self) -> None:
        first, second = AIWorkerDefinition.parse(MINIMAL), AIWorkerDefinition.parse(MINIMAL)
        assert len(first.definition_id) == 36
        assert first.definition_id != second.definition_id

    def test_a_missing_status_is_active(self) -> None:
        assert AIWorkerDefinition.parse(MINIMAL).status == "active"

    @pytest.mark.parametrize("given", [{}, {"interaction_models": []}, {"interaction_models": None}])
    def test_no_interaction_model_means_conversational_and_is_not_written(self, given: dict[str, Any]) -> None:
        definition = AIWorkerDefinition.parse(MINIMAL | given)
        assert definition.interaction_models == [InteractionModelType.CONVERSATIONAL]
        assert definition.can_chat
        assert not definition.can_run_stateless
        assert "interaction_models" not in definition.to_file()

    def test_null_is_an_empty_list_or_map_as_go_writes_it(self) -> None:
        entry = RetiredInstanceInfo.parse({"instance_id": "i", "performance_records": None})
        assert entry.performance_records == []
        assert AIWorkerDefinition.parse(MINIMAL | {"capabilities": None, "metadata": None}).capabilities == []


class TestWritingBack:
    def test_unknown_keys_are_kept_at_every_level(self) -> None:
        data = MINIMAL | {
            "definitionID": "d",
            "future": {"a": [1, None]},
            "auth": {"method": "none", "rotation": 7},
            "rateLimits": {"burst": 2},
            "aggregatePerformanceSummary": {"total_tasks_attempted": 0, "median": 1.5},
        }
        written = AIWorkerDefinition.parse(data).to_file()
        assert written["future"] == {"a": [1, None]}
        assert written["auth"] == {"method": "none", "rotation": 7}
        assert written["rateLimits"] == {"burst": 2}
        assert written["aggregatePerformanceSummary"]["median"] == 1.5
        record = {"task_id": "t", "llm_metrics": {"x": 1}, "shard": 3, "supervisor_feedback": {"rating": 1, "by": "me"}}
        assert record.items() <= PerformanceRecord.parse(record).to_file().items()

    def test_zeros_are_left_out_unless_they_were_read(self) -> None:
        assert "cost_incurred" not in PerformanceRecord.parse({"task_id": "t"}).to_file()
        assert PerformanceRecord.parse({"task_id": "t", "cost_incurred": 0}).to_file()["cost_incurred"] == 0
        assert PerformanceRecord.parse({"task_id": "t"}).to_file()["duration_ms"] == 0  # Go writes this one always

    @pytest.mark.parametrize("number", [1, 1.0, 0, 0.1, 1e-06, 12345678901234567890, True])
    def test_numbers_keep_their_value_and_their_kind(self, number: Any) -> None:
        written = AIWorkerDefinition.parse(MINIMAL | {"base_config": {"n": number}}).to_file()["baseConfig"]["n"]
        assert written == number
        assert type(written) is type(number)

    def test_a_whole_rating_stays_whole(self) -> None:
        assert json.dumps(SupervisorFeedback.parse({"rating": 4}).to_file()) == '{"rating": 4}'
        assert json.dumps(SupervisorFeedback.parse({"rating": 4.5}).to_file()) == '{"rating": 4.5}'

    def test_containers_are_copied_in_and_out(self) -> None:
        config = {"stop": ["END"]}
        definition = AIWorkerDefinition.parse(MINIMAL | {"base_config": config})
        config["stop"].append("X")
        definition.to_script()["base_config"]["stop"].append("Y")
        definition.to_file()["baseConfig"]["stop"].append("Z")
        assert definition.base_config == {"stop": ["END"]}

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
            max_leaves=8,
        )
    )
    def test_any_json_value_survives(self, value: Any) -> None:
        record = PerformanceRecord.parse({"task_id": "t", "input_context": {"v": value}})
        assert record.to_file()["input_context"] == {"v": value}


class TestRefusals:
    @pytest.mark.parametrize(
        ("data", "named", "expected"),
        [
            ({"provider": 7}, "provider", "the name of a provider, such as openai, got 7"),
            ({"provider": " "}, "provider", "the name of a provider"),
            ({"status": "asleep"}, "status", "one of active, disabled, archived"),
            ({"interaction_models": ["chat"]}, "interaction_models[0]", "one of conversational, stateless_task, both"),
            ({"rate_limits": {"max_requests_per_day": -1}}, "rate_limits.max_requests_per_day", "whole number from 0"),
            ({"rateLimits": {"max_tokens_per_day": "x"}}, "rate_limits.max_tokens_per_day", "whole number from 0"),
            ({"rate_limits": {"max_requests_per_day": 1.5}}, "rate_limits.max_requests_per_day", "whole number"),
            (
                {"rate_limits": {"max_cost_per_day": -0.5}},
                "rate_limits.max_cost_per_day",
                "a number from 0 up, got -0.5",
            ),
            ({"cost_metrics": {"cost_per_call": -1}}, "cost_metrics.cost_per_call", "a number from 0 up, got -1"),
            ({"cost_metrics": {"cost_per_call": "1"}}, "cost_metrics.cost_per_call", "a number from 0 up, got '1'"),
            ({"capabilities": "x"}, "capabilities", "a list, got 'x'"),
            ({"capabilities": [1]}, "capabilities[0]", "a string, got 1"),
            ({"base_config": [1]}, "base_config", "a map, got a list"),
            ({"base_config": {"a": {"b": float("nan")}}}, "base_config", "only JSON values; at a.b it has nan"),
            ({"base_config": {"a": [{1}]}}, "base_config", "only JSON values; at a[0] it has a set"),
            ({"metadata": {1: 2}}, "metadata", "only text as keys"),
            ({"model_name": ""}, "model_name", "text that is not empty"),
            ({"name": 5}, "name", "a string, got 5"),
            ({"created_timestamp": "yesterday"}, "created_timestamp", "an RFC 3339 time"),
        ],
    )
    def test_what_does_not_fit_is_named(self, data: dict[str, Any], named: str, expected: str) -> None:
        message = raises_code(AIWorkerDefinition, MINIMAL | data)
        assert f"field {named}" in message
        assert expected in message

    @pytest.mark.parametrize("missing", ["provider", "model_name", "auth"])
    def test_required_fields(self, missing: str) -> None:
        data = {key: value for key, value in MINIMAL.items() if key != missing}
        assert f"field {missing}" in raises_code(AIWorkerDefinition, data)

    def test_a_field_is_named_in_both_spellings_where_they_differ(self) -> None:
        message = raises_code(AIWorkerDefinition, MINIMAL | {"rateLimits": {"maxRequestsPerDay": -1}})
        assert "field rate_limits.max_requests_per_day (rateLimits.maxRequestsPerDay)" in message

    def test_constructors_and_assignments_refuse_alike(self) -> None:
        with pytest.raises(ArgumentError):
            TokenUsageMetrics(input_tokens=-1)
        instance = AIWorkerInstance(definition_id="d")
        with pytest.raises(ArgumentError):
            instance.status = "asleep"  # type: ignore[assignment]
        assert instance.status is AIWorkerInstanceStatus.INITIALIZING

    def test_numbers_beyond_gos_are_refused(self) -> None:
        assert "9223372036854775807" in raises_code(TokenUsageMetrics, {"input_tokens": 2**63})

    def test_something_that_is_no_map(self) -> None:
        assert raises_code(AIWorkerDefinition, 5).startswith("worker definition: expected a map, got 5")


class TestKeys:
    def definition(self) -> AIWorkerDefinition:
        return AIWorkerDefinition.parse(MINIMAL | {"auth": {"method": "inline", "value": KEY, "backup": KEY}})

    def test_an_inline_key_is_in_the_file_form_and_nowhere_else(self) -> None:
        definition = self.definition()
        assert definition.to_file()["auth"]["value"] == KEY
        assert definition.auth.value == KEY
        assert definition.to_script()["auth"] == {"method": "inline", "value": "***"}
        shown = [repr(definition), str(definition), repr(definition.auth), f"{definition.auth}", repr([definition])]
        shown += [str(definition.to_script()), definition.model_dump_json(include={"auth": {"method", "value"}})]
        assert not [text for text in shown if KEY in text]

    @pytest.mark.parametrize("data", [{"method": "in-line", "value": KEY}, {"method": "inline", "value": [KEY]}, KEY])
    def test_an_error_about_a_key_source_does_not_show_it(self, data: Any) -> None:
        try:
            AIWorkerDefinition.parse(MINIMAL | {"auth": data})
        except ArgumentError:
            assert KEY not in traceback.format_exc().replace(f'"value": "{KEY}"', "")
        else:
            pytest.fail("it was accepted")

    def test_other_sources_are_shown(self) -> None:
        assert APIKeySource(method="env_var", value="OPENAI_API_KEY").to_script()["value"] == "OPENAI_API_KEY"  # type: ignore[arg-type]


class TestTimestamps:
    @pytest.mark.parametrize(
        "text",
        [
            "2025-06-15T09:30:00.123456789Z",
            "0001-01-01T00:00:00Z",
            "2025-06-15T09:30:00.100Z",
            "2025-06-15T09:30:00+02:00",
            "9999-12-31T23:59:59.999999999Z",
        ],
    )
    def test_what_was_read_is_written(self, text: str) -> None:
        moment = Timestamp.parse(text)
        assert str(moment) == text
        assert str(copy.deepcopy(moment)) == text
        assert pickle.loads(pickle.dumps(moment)) == moment

    def test_it_is_a_datetime_in_utc_with_nanoseconds(self) -> None:
        moment = Timestamp.parse("2025-06-15T09:30:00.123456789+02:00")
        assert moment > datetime(2025, 6, 15, 7, 30, 0, 123456, UTC)
        assert (moment.hour, moment.microsecond, moment.nanosecond) == (7, 123456, 789)
        assert moment.unix_nanoseconds == 1749972600_123456789
        assert moment - timedelta(hours=1) < moment
        assert str(moment.astimezone(timezone(timedelta(hours=5))))[:19] == "2025-06-15T07:30:00"

    def test_order_is_by_the_nanosecond(self) -> None:
        early, late = Timestamp.parse("2025-06-15T09:30:00.1Z"), Timestamp.parse("2025-06-15T09:30:00.100000001Z")
        assert early < late
        assert late > early
        assert early != late
        assert early == Timestamp.parse("2025-06-15T09:30:00.100Z")
        assert hash(early) == hash(Timestamp.parse("2025-06-15T09:30:00.100Z"))
        assert early <= datetime(2025, 6, 15, 9, 30, 0, 100000, UTC) <= late

    def test_now_is_in_utc_wherever_it_is_asked(self) -> None:
        assert abs(Timestamp.now() - datetime.now(UTC)) < timedelta(seconds=5)
        assert str(Timestamp.fromtimestamp(0)) == str(Timestamp.from_unix(0)) == "1970-01-01T00:00:00Z"

    def test_never(self) -> None:
        assert ZERO_TIME.is_zero
        assert Timestamp.parse("0001-01-01T00:00:00.000Z").is_zero
        assert not Timestamp.from_unix(0).is_zero

    @pytest.mark.parametrize("text", ["", "2025-06-15", "2025-06-15T09:30:00", "2025-13-15T09:30:00Z", "9:30"])
    def test_what_is_no_rfc_3339_time_is_refused(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"month|RFC 3339"):
            Timestamp.parse(text)

    @given(st.datetimes(timezones=st.just(UTC)), st.integers(0, 999))
    def test_its_own_text_reads_back(self, moment: datetime, nanosecond: int) -> None:
        stamp = Timestamp.of(moment)
        stamp = Timestamp(*stamp.timetuple()[:6], stamp.microsecond, nanosecond=nanosecond)
        again = Timestamp.parse(str(stamp))
        assert again == stamp
        assert again.unix_nanoseconds == stamp.unix_nanoseconds


class TestProviders:
    @pytest.mark.parametrize("provider", AIWorkerProvider)
    def test_a_built_in_one_is_a_member_of_the_enumeration(self, provider: AIWorkerProvider) -> None:
        made = AIWorkerDefinition.parse(MINIMAL | {"provider": provider.value})
        assert made.provider is provider
        made.check_provider(lambda: pytest.fail("nobody need be asked for a built-in name"))
        again = AIWorkerDefinition.parse(json.loads(json.dumps(made.to_file())))
        assert again.provider is provider
        assert json.loads(made.model_dump_json())["provider"] == made.to_script()["provider"] == provider.value

    def test_another_one_is_a_string_that_whoever_knows_it_accepts(self) -> None:
        made = AIWorkerDefinition.parse(MINIMAL | {"provider": "house-model"})
        assert type(made.provider) is str
        assert made.to_file()["provider"] == made.to_script()["provider"] == made.model_dump()["provider"]
        made.check_provider(lambda: ["other", "house-model"])
        with pytest.raises(ArgumentError) as caught:
            made.check_provider(lambda: ["other", "horse-model"], "the worker")
        assert caught.value.message == (
            "the worker: field provider: expected one of google, openai, anthropic, ollama, local, custom, "
            "azure, bedrock, vertex, horse-model, other, got 'house-model'; did you mean 'horse-model'?"
        )
        assert caught.value.details == {"field": "provider"}
