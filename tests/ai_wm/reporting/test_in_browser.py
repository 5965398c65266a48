"""The report in a real browser: without a network, in light and dark, narrow and wide."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser import browser as browser

from .records import busy_manager
from .test_page import made_page


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Iterator[Any]:
    """Opens the report in a window of a width and a theme; it asks for nothing but the file, and nothing goes wrong."""
    path = tmp_path / "report.html"
    with busy_manager() as manager:
        path.write_text(made_page(manager), encoding="utf-8")
    contexts, asked, wrong = [], [], []

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


def test_charts_and_tables_have_names(opened: Any) -> None:
    page = opened()
    for name in ("Cost", "Tokens", "Tasks", "Latency (median)", "Success", "Quality (mean rating)"):
        found = page.get_by_role("img", name=name, exact=True)
        assert found.count() == 1, name
        assert found.bounding_box()["height"] > 100
    assert page.get_by_role("rowheader", name="<b>writer</b> price unknown").count() == 1
    assert page.get_by_role("list", name="Workers in the charts").get_by_role("listitem").count() == 3


def test_the_numbers_of_a_chart_open_by_the_keyboard(opened: Any) -> None:
    page = opened()
    summary = page.locator("summary").first
    assert not page.locator("details td").first.is_visible()
    summary.focus()
    page.keyboard.press("Enter")
    assert page.locator("details").first.get_attribute("open") is not None
    assert page.locator("details td").first.is_visible()


def test_it_follows_light_and_dark(opened: Any) -> None:
    def colours(page: Any) -> tuple[str, str, str]:
        look = "getComputedStyle(document.body)"
        bar = "getComputedStyle(document.querySelector('rect.bar')).fill"
        return tuple(page.evaluate(f"[{look}.backgroundColor, {look}.color, {bar}]"))  # type: ignore[return-value]

    light, dark = colours(opened("light")), colours(opened("dark"))
    assert light[0] == "rgb(245, 246, 248)"
    assert dark[0] == "rgb(16, 19, 24)"
    assert all(one != other for one, other in zip(light, dark, strict=True))


@pytest.mark.parametrize("width", [320, 390, 860, 1280, 2000])
def test_only_its_parts_scroll_sideways(opened: Any, width: int) -> None:
    page = opened(width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_what_others_wrote_does_nothing(opened: Any) -> None:
    page = opened()
    assert page.title().startswith("AI workers")
    assert page.locator("script, img").count() == 0
    assert "<script>" in page.locator(".failures").inner_text()
