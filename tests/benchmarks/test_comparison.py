"""The programs of the comparison give the same result in every language, and the tables say what was measured."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import Any

import language
import performance
import pytest
import tables
from comparison import measure as measuring
from comparison.runtimes import RUNTIMES, Runtime
from comparison.work import GROUPS, HOST_CALLS, MICRO, PROGRAMS, Work

WORKS = [work for works in GROUPS.values() for work in works]
CPYTHON, NEUROSCRIPT, *OTHERS = RUNTIMES


def result(runtime: Runtime, work: Work, argument: Any) -> Any:
    with ExitStack() as stack:
        return work.same(runtime.runner(work, stack)(argument))


@pytest.mark.parametrize("work", WORKS, ids=str)
def test_neuroscript_gives_what_python_gives(work: Work) -> None:
    for argument in (work.small, work.full):
        assert result(NEUROSCRIPT, work, argument) == result(CPYTHON, work, argument)


@pytest.mark.parametrize("runtime", OTHERS, ids=lambda runtime: runtime.name)
def test_others_give_what_python_gives(runtime: Runtime) -> None:
    pytest.importorskip(runtime.module)
    for work in WORKS:
        assert result(runtime, work, work.small) == result(CPYTHON, work, work.small)


@pytest.mark.parametrize("work", WORKS, ids=str)
def test_every_language_has_every_program(work: Work) -> None:
    suffixes = {path.suffix for path in PROGRAMS.glob(f"{work.name}.*")}
    assert suffixes == {runtime.suffix for runtime in RUNTIMES}


def test_no_program_is_left_out() -> None:
    assert {path.stem for path in PROGRAMS.iterdir() if path.is_file()} == {work.name for work in WORKS}


def fake(name: str, result: Any, calls: list[str]) -> Runtime:
    def load(work: Work, source: str, stack: ExitStack) -> Any:
        def run(argument: Any) -> Any:
            calls.append(name)
            return result

        return run

    return Runtime(name, "neuroscript", "neuroscript", ".ns", load)


def test_runtimes_take_turns_and_begin_with_another_one_each_round() -> None:
    calls: list[str] = []
    cells = measuring.measure(MICRO[0], [fake("a", 1, calls), fake("b", 1, calls)], rounds=3, budget=60)
    rounds = calls[2 * measuring.WARM_UP + 1 :]
    assert rounds == ["a", "b", "b", "a", "a", "b"]
    assert [len(cell.times) for cell in cells.values()] == [3, 3]


def test_who_has_used_up_its_time_sits_out_the_later_rounds() -> None:
    cells = measuring.measure(MICRO[0], [fake("a", 1, [])], rounds=9, budget=0)
    assert len(cells["a"].times) == measuring.LEAST


def test_different_results_end_the_measurement() -> None:
    with pytest.raises(measuring.Different, match="loop: b gives 2, a 1"):
        measuring.measure(MICRO[0], [fake("a", 1, []), fake("b", 2, [])], rounds=1, budget=1)


def test_the_command_prints_a_table_for_each_group(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["language.py", "--rounds", "1", "--markdown"])
    monkeypatch.setattr(language, "RUNTIMES", (CPYTHON, NEUROSCRIPT))
    language.main()
    printed = capsys.readouterr().out
    for work in WORKS:
        assert f"| {work.name} |" in printed
    assert printed.count("| program | CPython | NeuroScript |") == len(GROUPS)
    assert "| ns a call | CPython | NeuroScript |" in printed
    assert all(work.calls for work in HOST_CALLS)


def test_figures_are_readable() -> None:
    assert [tables.ratio(value) for value in (0.031, 1.54, 99.9, 3809.2)] == ["0.03", "1.5", "99.9", "3809"]
    assert [tables.seconds(value) for value in (2.5, 0.0123, 0.9996e-3, 4e-8)] == ["2.5 s", "12.3 ms", "1 ms", "40 ns"]
    assert [tables.size(value) for value in (0.07, 12, 12_345, 3.2e6)] == ["0.1 B", "12 B", "12.3 KB", "3.2 MB"]
    rows = [["a", "1"], ["bb", "22"]]
    assert tables.table(["x", "n"], rows, markdown=False) == "x    n\na    1\nbb  22"
    assert tables.table(["x", "n"], rows, markdown=True).splitlines()[1] == "| --- | ---: |"


def test_the_machine_is_named_without_its_host() -> None:
    import platform

    shown = tables.machine()
    assert platform.python_version() in shown
    assert platform.node() not in shown


def test_the_page_has_a_place_for_the_tables_of_each_benchmark() -> None:
    page = performance.PAGE.read_text(encoding="utf-8")
    names = [found[2] for found in performance.SECTION.finditer(page)]
    assert {"embedding", "language", "scale", "startup", "parse"} == set(names)
    assert all((performance.HERE / f"{name}.py").exists() for name in names)


def test_tables_are_put_between_their_marks() -> None:
    page = "a\n<!-- begin one -->\nold\n<!-- end one -->\nb\n<!-- begin two -->\n<!-- end two -->\n"
    filled = performance.filled(page, {"one": "1\\1", "two": "2"})
    assert filled == (
        "a\n<!-- begin one -->\n\n1\\1\n\n<!-- end one -->\nb\n<!-- begin two -->\n\n2\n\n<!-- end two -->\n"
    )
    assert performance.filled(filled, {"one": "1\\1", "two": "2"}) == filled
