"""``neuroscript workers report``."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from tests.ai_wm.cli.test_workers import Workers, busy, workers

__all__ = ["busy", "workers"]


def test_a_page_is_written_for_its_user_alone(busy: Workers, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    status, output, error = busy("report", "--html", str(path))
    assert (status, error) == (0, "")
    assert output.startswith(f"{path}: 3 tasks of 2 workers, ")
    made = path.read_text(encoding="utf-8")
    assert made.startswith("<!doctype html>")
    assert made.endswith("</html>\n")
    assert sorted(os.listdir(tmp_path)) == ["report.html", "sandbox"]
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_page_goes_to_standard_output(busy: Workers) -> None:
    status, output, error = busy("report", "--html", "-", "helper")
    assert (status, error) == (0, "")
    assert output.startswith("<!doctype html>")
    assert ">helper<" in output
    assert ">broken<" not in output


def test_an_old_page_is_replaced_and_a_link_to_it_stays(busy: Workers, tmp_path: Path) -> None:
    path, link = tmp_path / "report.html", tmp_path / "link.html"
    path.write_text("old", encoding="utf-8")
    link.symlink_to(path)
    assert busy("report", "--html", str(link))[0] == 0
    assert link.is_symlink()
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_period_without_tasks_says_what_to_do(busy: Workers, tmp_path: Path) -> None:
    status, output, error = busy("report", "--html", str(tmp_path / "r.html"), "--until", "2020-01-31")
    assert status == 0
    assert "0 tasks of 0 workers, 2020-01-02 to 2020-01-31" in output
    assert "no tasks were recorded in that period" in error


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--html", "/dev/null"), "is no regular file; - is the standard output"),
        (("--html", "{tmp}"), "is a directory; name a file in it"),
        (("--html", "{tmp}/missing/r.html"), "cannot be written: No such file or directory"),
        (("--html", "-", "--since", "2026-02-01", "--until", "2026-01-01"), "the period would end (2026-01-01 00:00)"),
        (("--html", "-", "--since", "soon"), "a time like 2025-06-15"),
        ((), "the following arguments are required: --html"),
    ],
)
def test_wrong_arguments_say_what_to_do(busy: Workers, tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    status, output, error = busy("report", *(each.replace("{tmp}", str(tmp_path)) for each in arguments))
    assert (status, output) == (2, "")
    assert said in error


def test_an_unknown_worker_has_its_error_with_the_nearest_name(busy: Workers) -> None:
    status, output, error = busy("report", "--html", "-", "helpr")
    assert (status, output) == (1, "")
    assert "did you mean 'helper'?" in error
