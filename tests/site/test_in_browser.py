"""The site in a real browser, opened as files and without a network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.browser import browser as browser


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_first_page_fits_on_one_screen(browser: Any, site: Path, scheme: str) -> None:
    page = browser.new_page(color_scheme=scheme, viewport={"width": 1280, "height": 860})
    page.goto((site / "index.html").as_uri())
    for text in ("Begin with the tutorial", "pip install neuroscript", "Limits that hold."):
        box = page.get_by_text(text).first.bounding_box()
        assert box["y"] + box["height"] < 860
    page.close()


def test_the_search_works_without_a_server(browser: Any, site: Path) -> None:
    wrong: list[str] = []
    context = browser.new_context(offline=True, viewport={"width": 1280, "height": 860})
    page = context.new_page()
    page.on("console", lambda message: wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto((site / "tutorial" / "1-hello.html").as_uri())
    page.get_by_placeholder("Search").click()
    page.get_by_text("Type to start searching").wait_for()  # the index is read
    page.get_by_placeholder("Search").press_sequentially("budget")
    result = page.locator(".md-search-result__link").first
    result.wait_for()
    result.click()
    page.wait_for_url("**/howto/limits-and-budgets.html*")
    assert page.locator("h1").inner_text().startswith("Stay within limits and budgets")
    context.close()
    assert wrong == []


@pytest.mark.parametrize("name", ["index", "errors", "reference/commands", "explanation/prompt", "cookbook"])
def test_a_narrow_window_does_not_scroll_sideways(browser: Any, site: Path, name: str) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 800})
    page.goto((site / f"{name}.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.close()
