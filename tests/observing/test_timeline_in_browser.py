"""The timeline in a real browser: without a network, in light and dark, wide and narrow, zoomed and moved."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from neuroscript.observing.masking import Mask
from neuroscript.observing.timeline import Timeline
from neuroscript.observing.timeline_page import page_of
from tests.browser import browser as browser

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"


def made_page() -> str:
    timeline = Timeline("<b>a.ns</b>", Mask())
    timeline.begin_run(lambda name: True)
    for number in range(12):
        begin = timeline.began + number * 0.5
        instance = f"i{number}"
        worker = ("writer", "reviewer", EVIL)[number % 3]
        timeline.told("asked", {"time": begin + 0.3, "instance_id": instance})
        if number == 4:
            timeline.told("retry", {"time": begin + 0.5, "instance_id": instance, "message": "status 529"})
        timeline.told(
            "call",
            {
                "time": begin, "duration_ms": 1200, "instance_id": instance, "worker": worker, "model": "local/echo",
                "prompt": f"prompt {number} {EVIL}", "reply": EVIL * 3, "error": "error 16: no" if number == 7 else "",
                "input_tokens": 100, "output_tokens": 50, "cost": 0.01,
            },
        )  # fmt: skip
    timeline.end_run(timeline._start + 8)
    return page_of(timeline)


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Iterator[Any]:
    """Opens the page in a window; it asks for nothing but the file, and nothing goes wrong."""
    path = tmp_path / "timeline.html"
    path.write_text(made_page(), encoding="utf-8")
    contexts: list[Any] = []
    asked: list[str] = []
    wrong: list[str] = []

    def show(scheme: str = "light", width: int = 1280) -> Any:
        context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900}, offline=True)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", lambda dialog: wrong.append(dialog.message))
        page.goto(path.as_uri())
        return page

    yield show
    assert set(asked) == {path.as_uri()}
    assert wrong == []
    for context in contexts:
        context.close()


def bars(page: Any) -> list[tuple[float, float]]:
    found: list[tuple[float, float]] = page.eval_on_selector_all(
        "#picture .bar", "all => all.map(one => { const b = one.getBoundingClientRect(); return [b.x, b.width]; })"
    )
    return found


def test_every_call_has_a_bar_and_a_row(opened: Any) -> None:
    page = opened()
    assert len(bars(page)) == 12
    assert page.locator("tbody tr").count() == 12
    assert page.locator("#picture .failed").count() == 1
    assert page.locator("#picture .wait").count() == 12
    assert page.locator("#picture .mark").count() == 1
    assert page.locator("img").count() == 0


def test_zooming_and_moving(opened: Any) -> None:
    page = opened()
    before = bars(page)
    page.click("#in")
    assert bars(page)[0][1] > before[0][1] * 1.4 or len(bars(page)) < 12
    page.click("#all")
    assert bars(page) == before
    place = page.locator("#picture").bounding_box()
    page.mouse.move(place["x"] + place["width"] / 2, place["y"] + 30)
    page.mouse.wheel(0, -300)
    page.wait_for_function(f"document.querySelectorAll('#picture .bar').length != {len(before)}")
    zoomed = bars(page)
    page.mouse.down()
    page.mouse.move(place["x"] + place["width"] / 2 + 120, place["y"] + 30, steps=4)
    page.mouse.up()
    assert bars(page) != zoomed
    page.locator("#picture").press("0")
    assert bars(page) == before


def test_a_click_opens_the_call(opened: Any) -> None:
    page = opened()
    page.locator("#picture .bar").nth(5).click()
    assert page.locator("tr.found details[open]").count() == 1
    assert "prompt" in page.locator("tr.found pre").first.inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_it_fits_the_window_and_can_be_read(opened: Any, scheme: str, width: int) -> None:
    page = opened(scheme, width)
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    colours = page.evaluate(
        "() => [getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
    )
    ink, ground = (sum(map(int, colour[4:-1].split(",")[:3])) for colour in colours)
    assert (ink < ground) is (scheme == "light")
    assert abs(ink - ground) > 450
