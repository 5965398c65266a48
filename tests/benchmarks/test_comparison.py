"""The programs of the comparison give the same result in every language, and the tables say what was measured."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import kinds
import language
import performance
import pytest
import tables
from comparison import clocks
from comparison import measure as measuring
from comparison.runtimes import RUNTIMES, Runtime
from comparison.work import HOST_CALLS, KINDS, MICRO, PROGRAMS, SCRIPTS, SUITES, Work, rounded

WORKS = [*MICRO, *HOST_CALLS, *SCRIPTS, *KINDS, *SUITES]
CPYTHON, NEUROSCRIPT, *OTHERS = RUNTIMES


def result(runtime: Runtime, work: Work, argument: Any) -> Any:
    with ExitStack() as stack:
        return work.same(runtime.plain(runtime.runner(work, stack)(argument)))


@pytest.mark.parametrize("work", WORKS, ids=str)
def test_neuroscript_gives_what_python_gives(work: Work) -> None:
    for argument in (work.small, work.full):
        assert result(NEUROSCRIPT, work, argument) == result(CPYTHON, work, argument)


@pytest.mark.parametrize("runtime", OTHERS, ids=lambda runtime: runtime.name)
def test_others_give_what_python_gives(runtime: Runtime) -> None:
    pytest.importorskip(runtime.module)
    for work in WORKS:
        if runtime.name not in work.beyond:
            assert result(runtime, work, work.small) == result(CPYTHON, work, work.small), work.name


@pytest.mark.parametrize("work", WORKS, ids=str)
def test_every_language_that_can_has_every_program(work: Work) -> None:
    suffixes = {path.suffix for path in PROGRAMS.glob(f"{work.name}.*")}
    assert suffixes == {runtime.suffix for runtime in RUNTIMES if runtime.name not in work.beyond}


def test_what_is_beyond_a_runtime_names_one_and_says_why() -> None:
    names = {runtime.name for runtime in OTHERS}
    assert all(work.beyond.keys() <= names and all(work.beyond.values()) for work in WORKS)


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("def loop(n):\n    try:\n        fail()\n    except:\n        pass\n", "Parse error"),
        ("def loop(n):\n    return re.search('a|b', n)\n", "`re` not found"),
    ],
)
def test_what_is_beyond_starlark_is(source: str, complaint: str) -> None:
    starlark = next(runtime for runtime in RUNTIMES if runtime.name == "starlark-pyo3")
    pytest.importorskip(starlark.module)
    with ExitStack() as stack, pytest.raises(Exception, match=complaint):
        starlark.load(MICRO[0], source, stack)


@pytest.mark.parametrize("name", ["Lua 5.4", "LuaJIT"])
def test_what_is_beyond_lua_is(name: str) -> None:
    lua = next(runtime for runtime in RUNTIMES if runtime.name == name)
    pytest.importorskip(lua.module)
    source = "function loop(n) return {2 ^ 64 == 2 ^ 64 + 1, ('ab'):find('b|c') == nil} end"
    with ExitStack() as stack:
        assert lua.plain(lua.load(MICRO[0], source, stack)(1)) == [True, True]


@pytest.mark.parametrize("runtime", OTHERS, ids=lambda runtime: runtime.name)
def test_lists_and_maps_come_back_as_those_of_python(runtime: Runtime) -> None:
    pytest.importorskip(runtime.module)
    states = next(work for work in KINDS if work.name == "states")
    assert result(runtime, states, 3) == [{"ready": 3}, 0.1875]


def test_the_last_bit_of_a_fraction_is_no_difference() -> None:
    assert rounded({"a": [0.1 + 0.2, 1, "x"]}) == {"a": [0.3, 1, "x"]}
    assert rounded(0.1) != rounded(0.1001)


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


def test_who_cannot_run_a_program_has_no_part_in_it() -> None:
    calls: list[str] = []
    work = Work("loop", "", 1, 1, beyond={"b": "no loops"})
    cells = measuring.measure(work, [fake("a", 1, calls), fake("b", 2, calls)], rounds=2, budget=60)
    assert set(calls) == set(cells) == {"a"}


def test_each_runtime_is_measured_by_its_own_clock() -> None:
    ticks = iter(range(0, 60, 10))
    own = replace(fake("a", 1, []), clock=lambda: next(ticks))
    cells = measuring.measure(MICRO[0], [own, fake("b", 1, [])], rounds=3, budget=60)
    assert cells["a"].times == [10, 10, 10]
    assert max(cells["b"].times) < 10


BUSY = """
import time
input()
start = time.process_time()
while time.process_time() < start + 0.05:
    pass
print(flush=True)
input()
"""


def test_the_time_of_other_processes_is_added() -> None:
    with subprocess.Popen([sys.executable, "-c", BUSY], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        before = clocks.with_children()
        process.stdin.write(b"\n")
        process.stdin.flush()
        process.stdout.readline()
        assert clocks.with_children() - before >= 0.05
        process.communicate(b"\n")


def test_different_results_end_the_measurement() -> None:
    with pytest.raises(measuring.Different, match="loop: b gives 2, a 1"):
        measuring.measure(MICRO[0], [fake("a", 1, []), fake("b", 2, [])], rounds=1, budget=1)


FEW = (
    Work("loop", "counts", 3, 3),
    Work("fib", "recurs", 3, 3, beyond={"Other": "no calls", "Another": "no calls"}),
    Work("sieve", "sifts", 3, 3, beyond={"Other": "no lists"}),
)
COMPARED = [CPYTHON, NEUROSCRIPT, replace(CPYTHON, name="Other"), replace(CPYTHON, name="Another")]
TIMES = {
    "loop": {"CPython": 1.0, "NeuroScript": 2.0, "Other": 3.0, "Another": 0.5},
    "fib": {"CPython": 2.0, "NeuroScript": 16.0},
    "sieve": {"CPython": 1.0, "NeuroScript": 4.0, "Another": 2.0},
}
RESULTS = {
    work: {name: measuring.Cell([seconds + 1, seconds]) for name, seconds in cells.items()}
    for work, cells in TIMES.items()
}


def test_figures_are_times_of_the_fastest_rounds_by_pythons() -> None:
    shown = language.ratios(FEW, COMPARED, RESULTS, markdown=True)
    assert shown.splitlines()[2:] == [
        "| loop | 1 s | 2.0 | 3.0 | 0.50 |",
        "| fib | 2 s | 8.0 | – | – |",
        "| sieve | 1 s | 4.0 | – | 2.0 |",
    ]


def test_means_are_over_what_each_can_run_and_over_what_all_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language, "SCRIPTS", FEW[:1])
    monkeypatch.setattr(language, "KINDS", ())
    monkeypatch.setattr(language, "SUITES", FEW[:2])
    assert language.means(FEW, COMPARED, RESULTS, markdown=True).splitlines()[2:] == [
        "| mean of the 3, or what it can | 1.0 | 4.0 | 3.0 | 1.0 |",
        "| mean of the 1 that all can | 1.0 | 2.0 | 3.0 | 0.50 |",
        "| mean of the first 1 | 1.0 | 2.0 | 3.0 | 0.50 |",
        "| mean of the last 2 | 1.0 | 4.0 | 3.0 | 0.50 |",
        "| worst | 1.0 | 8.0 | 3.0 | 2.0 |",
        "| how many it can | 3 | 3 | 1 | 2 |",
    ]


def test_what_is_beyond_a_runtime_stands_under_the_table() -> None:
    assert language.notes(FEW, COMPARED).splitlines() == [
        "* `loop` counts",
        "* `fib` recurs; – Other, Another: no calls",
        "* `sieve` sifts; – Other: no lists",
    ]


def test_the_paragraph_says_what_was_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language, "SUITES", FEW[2:])
    said = language.in_words(FEW, COMPARED, RESULTS)
    assert said.startswith("Measured over 3 programs of many kinds, every check on: 4.0 times the time")
    assert "8.0 times at worst (`fib`); 4.0 times over the 1 " in said
    assert said.endswith("NeuroScript takes 2.0 times Python's time; the others: 3.0 Other, 0.50 Another.")


def test_the_command_prints_a_table_for_each_group(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["language.py", "--rounds", "1", "--markdown"])
    monkeypatch.setattr(language, "RUNTIMES", (CPYTHON, NEUROSCRIPT))
    language.main()
    printed = capsys.readouterr().out
    for work in WORKS:
        assert f"| {work.name} |" in printed
    assert printed.count("| program | CPython | NeuroScript |") == 3
    assert "| ns a call | CPython | NeuroScript |" in printed
    assert all(work.calls for work in HOST_CALLS)
    assert "\n\n" not in printed[printed.index("Measured over") :]


def test_the_quick_command_prints_the_chosen_programs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["kinds.py", "--rounds", "1", "search", "stock"])
    kinds.main()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["search", "kinds:", "stock", "unseen:", "geometric"]


def test_the_quick_command_knows_its_programs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["kinds.py", "serch"])
    with pytest.raises(SystemExit):
        kinds.main()
    assert "no such program: serch" in capsys.readouterr().err


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
    assert {"embedding", "journal", "language", "parse", "providers", "scale", "startup", "versions"} == set(names)
    assert all((performance.HERE / f"{name}.py").exists() for name in names)


def test_the_readme_has_a_place_for_what_was_measured() -> None:
    found = performance.SECTION.findall(performance.README.read_text(encoding="utf-8"))
    assert [name for _, name, _ in found] == ["measured"]


def test_one_benchmark_fills_its_own_places_in_both_pages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    page, readme = tmp_path / "page.md", tmp_path / "readme.md"
    page.write_text("<!-- begin language -->\n<!-- end language -->\n<!-- begin scale -->\nold\n<!-- end scale -->\n")
    readme.write_text("<!-- begin measured -->\n<!-- end measured -->\n")
    monkeypatch.setattr(performance, "PAGE", page)
    monkeypatch.setattr(performance, "README", readme)
    monkeypatch.setattr(performance, "output", lambda name: f"table of {name}\n\nnotes\n\nin words")
    monkeypatch.setattr(sys, "argv", ["performance.py", "--write", "language"])
    performance.main()
    assert page.read_text() == (
        "<!-- begin language -->\n\ntable of language\n\nnotes\n\n<!-- end language -->\n"
        "<!-- begin scale -->\nold\n<!-- end scale -->\n"
    )
    assert readme.read_text() == "<!-- begin measured -->\n\nin words\n\n<!-- end measured -->\n"


def test_tables_are_put_between_their_marks() -> None:
    page = "a\n<!-- begin one -->\nold\n<!-- end one -->\nb\n<!-- begin two -->\n<!-- end two -->\n"
    filled = performance.filled(page, {"one": "1\\1", "two": "2"})
    assert filled == (
        "a\n<!-- begin one -->\n\n1\\1\n\n<!-- end one -->\nb\n<!-- begin two -->\n\n2\n\n<!-- end two -->\n"
    )
    assert performance.filled(filled, {"one": "1\\1", "two": "2"}) == filled
    assert performance.filled(filled, {"two": "2"}) == filled
