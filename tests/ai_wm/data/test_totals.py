"""Summaries: exact sums, what they count, and the marks in the file."""

from __future__ import annotations

import json
import math
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_wm.data.totals import (
    NEVER,
    ExactSum,
    Totals,
    beyond_records,
    from_nanoseconds,
    mark_of,
    output_summary,
    to_nanoseconds,
    tokens_of,
)
from ai_wm.data.types import ZERO_TIME, AIWorkerPerformanceSummary, Timestamp

finite = st.floats(allow_nan=False, allow_infinity=False, width=64)
costs = st.floats(min_value=0, max_value=1e6)


class TestExactSum:
    @given(st.lists(finite, max_size=30))
    def test_it_is_what_fsum_gives(self, terms: list[float]) -> None:
        try:
            expected = math.fsum(terms)
        except OverflowError:
            return
        assert float(ExactSum(terms)) == expected

    @given(st.lists(finite, max_size=15), st.randoms())
    def test_the_order_does_not_matter_nor_what_came_and_went(self, terms: list[float], random: Any) -> None:
        total = ExactSum(terms)
        shuffled = ExactSum([1e300, 5e-324])
        for term in random.sample(terms, len(terms)):
            shuffled.add(term)
        shuffled.remove(5e-324)
        shuffled.remove(1e300)
        assert shuffled == total

    @given(st.lists(finite, max_size=10))
    def test_its_terms_add_up_to_it_exactly(self, terms: list[float]) -> None:
        total = ExactSum(terms)
        again = ExactSum(json.loads(json.dumps(total.terms())))
        if abs(total._units) >> 1127 < 2**1023:
            assert again == total
        else:
            assert float(again) == float(total)

    @given(st.lists(finite.map(abs) | st.integers(0), max_size=10), st.integers(1, 2**70))
    def test_it_stays_at_the_largest_float(self, terms: list[float], factor: int) -> None:
        total = ExactSum([*terms, 1e308, 1e308, 10**4300]).times(factor)
        for value in (float(total), total.over(3), total.terms()[0]):
            assert 0 < value <= sys.float_info.max
        for value in (float(total.times(-1)), total.times(-1).terms()[0]):
            assert -sys.float_info.max <= value < 0
        assert all(abs(value) <= sys.float_info.max for value in total.terms())

    @given(st.lists(costs, min_size=1, max_size=30))
    def test_a_mean_is_rounded_once(self, terms: list[float]) -> None:
        from fractions import Fraction

        exact = sum(map(Fraction, terms)) / len(terms)
        assert ExactSum(terms).over(len(terms)) == float(exact)

    def test_ints_of_any_size(self) -> None:
        assert float(ExactSum([2**53, 1, 1])) == 2**53 + 2

    def test_nothing_over_nothing_is_zero(self) -> None:
        assert ExactSum().over(0) == 0


class TestTotals:
    @given(
        st.builds(
            Totals,
            tasks=st.integers(0, 99),
            successes=st.integers(0, 99),
            duration_ms=st.lists(costs, max_size=3).map(ExactSum),
            tokens=st.integers(0, 10**12),
            cost=st.lists(costs, max_size=5).map(ExactSum),
            rated=st.integers(0, 9),
            rating=st.lists(costs, max_size=3).map(ExactSum),
            spawned=st.integers(0, 9),
            last=st.just(NEVER) | st.integers(0, 2**62),
        )
    )
    def test_a_mark_holds_them_exactly(self, totals: Totals) -> None:
        assert Totals.from_mark(json.loads(json.dumps(totals.to_mark()))) == totals

    def test_a_summary_of_nothing_is_all_zeros(self) -> None:
        assert Totals().summary() == AIWorkerPerformanceSummary.parse(
            {"average_success_rate": 0, "total_cost_incurred": 0}
        )


def summary(**fields: Any) -> AIWorkerPerformanceSummary:
    return AIWorkerPerformanceSummary.parse(fields)


RECORDS = Totals(tasks=4, successes=3, duration_ms=ExactSum([40]), tokens=12, cost=ExactSum([0.1] * 4), last=5)


class TestWhatASummaryCountsBeyondTheRecords:
    def test_written_elsewhere_with_more_tasks_than_records_it_holds(self) -> None:
        written = summary(
            total_tasks_attempted=10,
            successful_tasks=8,
            failed_tasks=2,
            average_success_rate=0.8,
            average_duration_ms=12.3,
            total_tokens_processed=1000,
            total_cost_incurred=0.7,
            average_quality_score=4.25,
            last_activity_timestamp="2025-06-15T09:30:00.5Z",
            total_instances_spawned=6,
        )
        beyond = beyond_records(written, 4, RECORDS)
        assert beyond.plus(RECORDS).summary() == written

    def test_written_elsewhere_with_fewer_the_records_count(self) -> None:
        assert beyond_records(summary(total_tasks_attempted=3), 4, RECORDS) == Totals()

    def test_written_elsewhere_and_blank(self) -> None:
        assert beyond_records(summary(), 0, Totals()) == Totals()

    def test_with_a_mark_records_stored_since_are_counted_once_each(self) -> None:
        beyond = Totals(tasks=6, successes=6)
        written = summary(total_tasks_attempted=8, counted=mark_of(2, beyond))
        assert beyond_records(written, 4, RECORDS) == beyond

    def test_with_a_mark_and_nothing_beyond_the_total_in_the_file_does_not_matter(self) -> None:
        written = summary(total_tasks_attempted=99, counted=mark_of(2, Totals()))
        assert beyond_records(written, 4, RECORDS) == Totals()

    def test_with_a_mark_that_covers_records_that_are_gone_the_summary_holds(self) -> None:
        written = summary(total_tasks_attempted=10, successful_tasks=9, counted=mark_of(10, Totals()))
        beyond = beyond_records(written, 4, RECORDS)
        assert beyond.plus(RECORDS).tasks == 10
        assert beyond.plus(RECORDS).successes == 9


class TestTokens:
    @pytest.mark.parametrize(
        ("metrics", "tokens"),
        [
            ({}, 0),
            ({"total_tokens": 7, "input_tokens": 1}, 7),
            ({"input_tokens": 3, "output_tokens": 4}, 7),
            ({"input_tokens": 3.0}, 3),
            ({"total_tokens": "many", "output_tokens": 2}, 2),
            ({"total_tokens": -1}, 0),
            ({"total_tokens": True}, 0),
            ({"total_tokens": 2**70}, 0),
        ],
    )
    def test_tokens_of_a_call(self, metrics: dict[str, Any], tokens: int) -> None:
        assert tokens_of(metrics) == tokens


def test_moments_as_nanoseconds() -> None:
    moment = Timestamp.parse("2025-06-15T09:30:00.123456789Z")
    assert from_nanoseconds(to_nanoseconds(moment)) == moment
    assert to_nanoseconds(ZERO_TIME) == NEVER
    assert from_nanoseconds(NEVER).is_zero
    assert from_nanoseconds(-1) < Timestamp.from_unix(0)


def test_an_output_summary_is_the_first_256_characters() -> None:
    assert output_summary("ü" * 300) == "ü" * 256
