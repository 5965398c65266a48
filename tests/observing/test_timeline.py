"""The timeline of a run, by the command line, with workers that run on this machine."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from neuroscript.observing.masking import Mask
from neuroscript.observing.timeline import Timeline
from neuroscript.observing.timeline_page import cost, page_of, seconds
from tests.cli.conftest import Command, neuroscript, script

__all__ = ["neuroscript", "script"]

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\\u001b[31m"
PROGRAM = f"""\
func main() means
  on error do
    clear_error
  endon
  call tool.AIWorkerDefinition.Add(name: "writer<b>", provider: "local", model_name: "scripted", \\
    auth: {{"method": "none"}}, interaction_models: ["both"], base_config: {{"replies": ["{EVIL}"]}})
  call tool.AIWorkerDefinition.Add(name: "echo", provider: "local", model_name: "echo", \\
    auth: {{"method": "none"}}, interaction_models: ["both"], rate_limits: {{"max_requests_per_minute": 4}})
  ask "writer<b>", "a <i>line</i> & more" into a
  call tool.time.Sleep(0.05)
  ask "echo", "with sk-abcdefghijklmnopqrstu in it" into b
  call tool.AIWorker.ExecuteBatch("echo", ["one", "two", "three"])
  ask "echo", "too many" into c
  ask "nobody", "?" into d
  emit b
endfunc
"""


@pytest.fixture
def page(neuroscript: Command, script: Callable[..., str], tmp_path: Path) -> str:
    ended = neuroscript("run", script(PROGRAM), "--timeline", "out.html")
    assert ended.status == 0
    assert (tmp_path / "out.html").stat().st_mode & 0o077 == 0
    return (tmp_path / "out.html").read_text(encoding="utf-8")


def data_of(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


def test_what_was_asked_is_there(page: str) -> None:
    assert page.count('<tr id="c') == 5
    assert "a &lt;i&gt;line&lt;/i&gt; &amp; more" in page
    lanes = data_of(page)["lanes"]
    bars = [bar for lane in lanes for bar in lane["bars"]]
    assert [lane["name"] for lane in lanes if lane["name"]] == ["script", "writer<b>", "echo"]
    assert all(bar["b"] <= bar["e"] for bar in bars)
    assert any(bar["t"] == "tool.time.Sleep" and bar["e"] - bar["b"] >= 0.05 for bar in bars)
    asks = [bar for bar in bars if bar["k"] == "ask"]
    assert [bar["f"] for bar in asks] == [False, False, True, True]
    for bar in bars:
        assert f'<tr id="{bar["r"]}"' in page
    assert "RATE_LIMITED" in page


def test_texts_are_text(page: str) -> None:
    assert page.count("<script") == 2  # the data, and the page's own
    assert "<img" not in page
    assert "<i>line" not in page
    assert "\x1b" not in page
    assert "<b>&" not in page


def test_no_key_is_there(page: str) -> None:
    assert "sk-abcdefghijklmnopqrstu" not in page
    assert "with *** in it" in page


def test_it_needs_nothing_else(page: str) -> None:
    assert not re.search(r"<[^>]*\s(?:src|href)\s*=|url\((?!#)|@import|https?://(?!www\.w3\.org)", page)
    assert "default-src 'none'" in page


def test_a_program_that_asks_nobody(neuroscript: Command, script: Callable[..., str], tmp_path: Path) -> None:
    ended = neuroscript(
        "run", script("func main() means\n  emit 1\nendfunc\n"), "--timeline", "out.html", "--no-plugins"
    )
    assert ended.status == 0
    page = (tmp_path / "out.html").read_text(encoding="utf-8")
    assert "No model was asked" in page
    assert 'id="picture"' not in page


def test_a_program_that_fails_has_its_page(neuroscript: Command, script: Callable[..., str], tmp_path: Path) -> None:
    ended = neuroscript(
        "run", script('func main() means\n  ask "nobody", "x" into y\nendfunc\n'), "--timeline", "o.html"
    )
    assert ended.status == 1
    assert "there is no worker definition" in (tmp_path / "o.html").read_text(encoding="utf-8")


def test_waits_and_notes_belong_to_their_calls() -> None:
    timeline = Timeline("a.ns", Mask())
    timeline.begin_run(lambda name: True)
    began = timeline.began
    call = {
        "duration_ms": 900, "worker": "w", "model": "openai/m", "prompt": "p", "reply": "r", "error": "",
        "input_tokens": 3, "output_tokens": 4, "cost": 0.5,
    }  # fmt: skip
    for instance, at in (("i1", 1.0), ("i2", 1.2)):
        timeline.told("asked", {"time": began + at + 0.4, "instance_id": instance})
        timeline.told("retry", {"time": began + at + 0.6, "instance_id": instance, "message": f"again {instance}"})
        timeline.told("call", {**call, "time": began + at, "instance_id": instance})
    timeline.told("refused", {"time": began + 3, "instance_id": "i3", "worker": "w", "message": "too many"})
    timeline.end_run(timeline._start + 4)
    assert [round(one.waited, 3) for one in timeline.calls] == [0.4, 0.4]
    assert [[text for _, text in one.notes] for one in timeline.calls] == [["retry: again i1"], ["retry: again i2"]]
    assert [event.message for event in timeline.events] == ["too many"]
    page = page_of(timeline)
    lanes = data_of(page)["lanes"]
    assert len(lanes) == 2  # they overlap
    assert lanes[0]["bars"][0]["w"] == pytest.approx(0.4)
    assert "1.0000" in page


def test_figures_for_people() -> None:
    assert [seconds(value) for value in (0.0004, 0.25, 2.5, 90)] == ["0 ms", "250 ms", "2.50 s", "1 min 30 s"]
    assert [cost(value) for value in (0, 0.00001234, 0.25)] == ["0", "1.2e-05", "0.2500"]
