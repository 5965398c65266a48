"""The report as a page: what it says, and that it holds nothing that others wrote as anything but text."""

from __future__ import annotations

import re
from datetime import timedelta
from html.parser import HTMLParser

import pytest

from ai_wm import AIWorkerManager
from ai_wm.reporting.figures import failures, workers_with_rows
from ai_wm.reporting.page import COLOURS, Report, page
from ai_wm.reporting.style import DARK, GROUNDS, LIGHT

from .records import NOW, add_worker, busy_manager, log

VOID = {"meta"}


class Outline(HTMLParser):
    """Reads a page strictly: every element is closed, in order."""

    def __init__(self, made: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.feed(made)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def made_page(manager: AIWorkerManager, days: int = 10) -> str:
    since = NOW - timedelta(days=days)
    workers = workers_with_rows(manager, (), since, NOW)
    said = failures(manager, workers, since, NOW, 20)
    return page(Report("/srv/<workers>", since, NOW, NOW, workers, said))


def plain(made: str) -> str:
    return " ".join(" ".join(Outline(made).texts).split())


def test_it_says_what_the_workers_did() -> None:
    with busy_manager() as manager:
        said = plain(made_page(manager))
    assert "Tasks 6 1 failed Success 83 % Cost 1.25 some prices are not known Tokens 3k" in said
    assert "Latency 300 ms median; 95 % within 1.02 min Quality 1.75 4 rated" in said
    assert "old removed 1 0 100 % 100 0.25 500 ms 500 ms – 2026-06-13 12:00 UTC" in said
    assert "<b>writer</b> price unknown 2 1 50 %" in said
    assert "5 Jun 2026 to 15 Jun 2026 (days in UTC)" in said


def test_what_others_wrote_is_text() -> None:
    with busy_manager() as manager:
        made = made_page(manager)
    outline = Outline(made)
    assert {"script", "img", "b"} & set(outline.tags) == {"b"}
    assert not [name for name, _ in outline.attributes if name.startswith("on") or name in ("src", "href")]
    assert "\x1b" not in made
    assert "\u202e" not in made
    assert r"<script>document.title = 'owned'</script><img src=x onerror=alert(1)> \x1b[31m\u202egnp" in plain(made)


def test_it_needs_nothing_but_itself() -> None:
    with busy_manager() as manager:
        made = made_page(manager)
    assert not re.search(r"https?:|url\(|@import|<link|<iframe|<object", made)
    assert "default-src 'none'" in made


def test_ids_are_unique_and_names_lead_to_them() -> None:
    with busy_manager() as manager:
        attributes = Outline(made_page(manager)).attributes
    ids = [value for name, value in attributes if name == "id"]
    assert len(ids) == len(set(ids))
    named = {each for name, value in attributes if name == "aria-labelledby" for each in (value or "").split()}
    assert named
    assert named <= set(ids)


def test_many_workers_share_the_last_colour() -> None:
    with AIWorkerManager(clock=NOW.timestamp) as manager:
        for number in range(COLOURS + 4):
            add_worker(manager, f"w{number:02}")
            log(manager, f"w{number:02}", cost_incurred=number)
        made = made_page(manager)
    assert f"{5} others" in plain(made)
    assert f"s{COLOURS - 1}" in made
    assert f's{COLOURS}"' not in made


def test_a_long_period_has_bins_of_several_days() -> None:
    with AIWorkerManager(clock=NOW.timestamp) as manager:
        add_worker(manager, "w")
        log(manager, "w")
        made = made_page(manager, days=200)
    assert "for each 7 days" in made
    assert "7 days from" in plain(made)


def test_an_empty_period_says_so() -> None:
    with AIWorkerManager(clock=NOW.timestamp) as manager:
        assert "There are no workers yet." in plain(made_page(manager))
        add_worker(manager, "w")
        said = plain(made_page(manager))
    assert "No tasks were recorded in this period, 5 Jun 2026 to 15 Jun 2026." in said


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize(("colours", "theme"), [(LIGHT, "light"), (DARK, "dark")])
def test_colours_can_be_seen(colours: tuple[str, ...], theme: str) -> None:
    """WCAG 2.2: 4.5 to 1 for text, 3 to 1 for what is drawn."""
    grounds = GROUNDS[theme]
    for ground in (grounds["ground"], grounds["card"]):
        for ink in ("ink", "soft", "bad"):
            assert contrast(grounds[ink], ground) >= 4.5, ink
        for colour in colours:
            assert contrast(colour, ground) >= 3, colour
    assert len(set(colours)) == COLOURS
