"""Coverage by line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from neuroscript.testing.coverage import Coverage, ranges
from tests.testing.conftest import RunTests

LIBRARY = """\
:: title: what is tested
func grade(needs points) means
  on error do
    set failed = true
    clear_error
  endon
  if points > 90
    return "A"
  else if points > 50
    return "B"
  endif
  for each word in ["a",
                    "b"]
    continue
  endfor
  return "<C>"
endfunc
on event "go" do
  emit 1
endon
func unused() means
  return 1
  emit 2
endfunc
"""


@pytest.fixture
def coverage(outcomes: RunTests, tmp_path: Path) -> Coverage:
    """That of a test of the library."""
    (tmp_path / "lib.ns").write_text(LIBRARY)
    found = Coverage()
    text = ':: uses: lib.ns\nfunc test_a() means\n  must grade(95) == "A"\n  must grade(1) == "<C>"\nendfunc\n'
    assert outcomes(text, coverage=found)["test_a"].passed
    return found


def test_lines_on_which_statements_begin_count(coverage: Coverage) -> None:
    [file] = coverage.files()
    assert Path(file.file).name == "lib.ns"
    assert file.hits == {4: 0, 5: 0, 7: 2, 8: 1, 10: 0, 12: 1, 14: 2, 16: 1, 19: 0, 22: 0, 23: 0}
    assert (file.covered, round(file.percent)) == (5, 45)
    assert ranges(file.missing) == "4-5, 10, 19, 22-23"


def test_reports(coverage: Coverage) -> None:
    name = coverage.files()[0].file
    table = coverage.table()
    assert table[0].split() == ["file", "lines", "run", "not", "run"]
    assert table[1].split() == [name, "11", "45%", "4-5,", "10,", "19,", "22-23"]
    lcov = coverage.lcov().splitlines()
    assert lcov[:3] == ["TN:", f"SF:{name}", "DA:4,0"]
    assert lcov[-3:] == ["LF:11", "LH:5", "end_of_record"]
    told = json.loads(coverage.json())
    assert (told["lines"], told["covered"], told["percent"]) == (11, 5, 45.45)
    assert told["files"][name]["missing"] == [4, 5, 10, 19, 22, 23]
    page = coverage.html()
    assert '<span class="run"><i>    7      2×  </i>  if points &gt; 90</span>' in page
    assert '<span class="not"><i>    4          </i>    set failed = true</span>' in page
    assert "&quot;&lt;C&gt;&quot;" in page


def test_all_tests_add_up(outcomes: RunTests, tmp_path: Path) -> None:
    (tmp_path / "lib.ns").write_text(LIBRARY)
    found = Coverage()
    for points in (95, 60):
        outcomes(f":: uses: lib.ns\nfunc test_a() means\n  call grade({points})\nendfunc\n", coverage=found)
    [file] = found.files()
    assert (file.hits[8], file.hits[10]) == (1, 1)


def test_without_files_under_test(outcomes: RunTests) -> None:
    found = Coverage()
    outcomes("func test_a() means\nendfunc\n", coverage=found)
    assert found.files() == []
    assert found.table() == ["coverage: the tests use no file but themselves (:: uses: NAME.ns)"]


def test_a_name_cannot_forge_a_line() -> None:
    found = Coverage()
    found.add_lines("a\nDA:1,1", [1])
    assert "DA:1,1" not in found.lcov().splitlines()
    assert len(found.table()) == 2
