"""Filters of performance records: how they are read, and what is wrong with one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from ai_wm.data.record_filter import RecordFilter
from neuroscript.errors import ArgumentError


class TestFilters:
    def test_all_of_them(self) -> None:
        read = RecordFilter.parse(
            {
                "task_id": "t",
                "instance_id": "i",
                "success": True,
                "duration_ms_gt": 1,
                "duration_ms_lt": 2.5,
                "cost_incurred_gt": 0,
                "cost_incurred_lt": 1,
                "since": "2025-06-15T09:30:00Z",
                "until": datetime(2025, 6, 15, tzinfo=UTC),
                "limit": 5.0,
            }
        )
        assert (read.task_id, read.instance_id, read.success, read.limit) == ("t", "i", True, 5)
        assert read.since == 1749979800 * 10**9
        assert read.until == 1749945600 * 10**9

    def test_nothing_is_no_condition(self) -> None:
        assert RecordFilter.parse(None) == RecordFilter.parse({"success": None}) == RecordFilter()

    def test_the_instance_stateless_is_all_stateless_tasks(self) -> None:
        assert RecordFilter.parse({"instance_id": "stateless"}) == RecordFilter(stateless=True)
        assert RecordFilter.parse({"stateless": False}) == RecordFilter(stateless=False)

    @pytest.mark.parametrize(
        ("filters", "named"),
        [
            ({"colour": "red"}, "unknown filter 'colour'"),
            ({"success": "yes"}, "filter success of performance records: expected true or false, got 'yes'"),
            ({"limit": 0}, "filter limit of performance records: expected a whole number from 1 up, got 0"),
            ({"limit": True}, "filter limit"),
            ({"since": "noon"}, "filter since of performance records: expected a time such as"),
            ({"since": 5}, "filter since"),
            ({"duration_ms_gt": "5"}, "filter duration_ms_gt of performance records: expected a number"),
            ({"task_id": 5}, "filter task_id of performance records: expected a string, got 5"),
            ([], "filter filters of performance records: expected a map"),
        ],
    )
    def test_what_is_wrong_is_named(self, filters: Any, named: str) -> None:
        with pytest.raises(ArgumentError) as caught:
            RecordFilter.parse(filters)
        assert caught.value.code == 4
        assert named in caught.value.message
