"""Sums, rates and percentiles of records, and their days."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_wm import AIWorkerManager
from ai_wm.reporting.figures import DAY, MOST_BINS, Bins, figures_of, first_moment, percentile, workers_with_rows
from ai_wm.store.rows import Row
from neuroscript import NeuroScriptError

from .records import NOW, add_worker, busy_manager, log

PERIOD = (NOW - timedelta(days=10), NOW)


def row(start: int = 0, **more: object) -> Row:
    fields = {"duration_ms": 10, "tokens": 5, "cost": 0.1, "rating": None, "success": True} | more
    return Row(task_id="t", definition_id="d", start=start, end=start, **fields)  # type: ignore[arg-type]


def test_figures_of_records() -> None:
    some = [row(duration_ms=each) for each in (10, 20, 30)] + [row(9, duration_ms=400, success=False, rating=3.0)]
    found = figures_of(some)
    assert (found.tasks, found.failed, found.success, found.tokens, found.cost) == (4, 1, 0.75, 20, 0.4)
    assert (found.median_ms, found.slow_ms, found.quality, found.rated, found.last) == (20, 400, 3.0, 1, 9)


def test_figures_of_nothing() -> None:
    nothing = figures_of([])
    assert (nothing.tasks, nothing.success, nothing.median_ms, nothing.quality) == (0, None, None, None)


@given(st.lists(st.integers(0, 10**9), min_size=1), st.floats(0.01, 1))
def test_a_percentile_is_the_smallest_value_that_the_share_does_not_exceed(values: list[int], share: float) -> None:
    found = percentile(sorted(values), share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9
    assert sum(value < found for value in values) < share * len(values) + 1e-9


@given(
    st.datetimes(datetime(1, 1, 2), datetime(9998, 12, 30), timezones=st.just(UTC)),
    st.integers(0, 400_000),
    st.lists(st.floats(0, 1)),
)
def test_every_record_is_in_one_bin_and_there_are_few(since: datetime, days: int, places: list[float]) -> None:
    until = since + min(timedelta(days=days), datetime(9999, 12, 31, tzinfo=UTC) - since)
    bins = Bins.of(since, until)
    assert 1 <= bins.count <= MOST_BINS
    assert bins.first == since.date()
    last = bins.first + timedelta(days=bins.days * (bins.count - 1))
    assert last <= until.date()
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    moments = [since + (until - since) * place for place in places]
    rows = [row(((moment - epoch) // timedelta(microseconds=1)) * 1000) for moment in moments]
    split = bins.split(rows)
    assert sum(map(len, split)) == len(rows)
    for day, some in zip(bins, split, strict=True):
        for each in some:
            began = date(1970, 1, 1) + timedelta(days=each.start // DAY)
            assert timedelta() <= began - day < timedelta(days=bins.days)


def test_removed_workers_are_there_with_their_records() -> None:
    with busy_manager() as manager:
        found = workers_with_rows(manager, (), *PERIOD)
        assert [(each.label, len(each.rows), each.is_removed, each.has_unknown_prices) for each in found] == [
            ("<b>writer</b>", 2, False, True),
            ("fast", 3, False, False),
            ("old", 1, True, False),
        ]
        assert first_moment(found, PERIOD[0]) == NOW - timedelta(days=2)
        late = workers_with_rows(manager, (), NOW - timedelta(hours=1), NOW)
        assert [(each.label, len(each.rows)) for each in late] == [("<b>writer</b>", 0), ("fast", 1)]
        (old,) = workers_with_rows(manager, ["old"], *PERIOD)
        assert old.is_removed
        with pytest.raises(NeuroScriptError, match="did you mean 'fast'"):
            workers_with_rows(manager, ["fats"], *PERIOD)


def test_workers_of_one_name_are_told_apart_by_their_ids() -> None:
    with AIWorkerManager(clock=NOW.timestamp) as manager:
        for _ in range(2):
            add_worker(manager, "twin")
            log(manager, "twin", task_id=f"t{len(manager.removed_worker_definitions())}")
            manager.remove_worker_definition("twin")
        found = workers_with_rows(manager, (), *PERIOD)
        assert sorted(each.label for each in found) == sorted(f"twin ({each.definition_id[:8]})" for each in found)
        with pytest.raises(NeuroScriptError, match="2 removed workers were named 'twin'; name the one you mean"):
            manager.performance_rows("twin")
        for each in found:
            assert len(manager.get_performance_records_for_definition(each.definition_id)) == 1
