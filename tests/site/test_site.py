"""The site has every page in its navigation, works without a network, and a wrong link stops its build."""

from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from .conftest import ROOT, build

DOCS = ROOT / "docs"


class Page(HTMLParser):
    """What a page refers to, and what it can be referred to by."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.ids.update(found[name] for name in ("id", "name") if name in found)
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        if tag == "link" and found.get("rel") in ("stylesheet", "icon", "preconnect", "preload"):
            self.loaded.append(found["href"])
        if "src" in found:
            self.loaded.append(found["src"])


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}


def test_each_page_is_in_the_navigation(site: Path) -> None:
    home = Page((site / "index.html").read_text(encoding="utf-8"))
    for source in sorted(DOCS.rglob("*.md")):
        name = source.relative_to(DOCS).with_suffix(".html").as_posix()
        assert re.sub(r"README\.html$", "index.html", name) in home.links, name


def test_a_new_page_gets_into_the_navigation(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason="the extra docs is not installed")
    shutil.copytree(DOCS, tmp_path / "docs")
    (tmp_path / "docs" / "new.md").write_text("# A new page\n", encoding="utf-8")
    (tmp_path / "docs" / "howto" / "new.md").write_text("# A new guide\n", encoding="utf-8")
    outside = ("README.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md", "editors", "grammars", "benchmarks")
    for name in outside:
        (tmp_path / name).symlink_to(ROOT / name)
    build(tmp_path / "docs" / "site" / "mkdocs.yml", tmp_path / "site")
    page = (tmp_path / "site" / "cli.html").read_text(encoding="utf-8")
    assert 'href="new.html"' in page
    assert 'href="howto/new.html"' in (tmp_path / "site" / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("link", ["missing.md", "cli.md#missing"])
def test_a_wrong_link_stops_the_build(link: str, tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason="the extra docs is not installed")
    (tmp_path / "docs").mkdir()
    shutil.copytree(DOCS / "site", tmp_path / "docs" / "site")
    config = tmp_path / "docs" / "site" / "mkdocs.yml"
    text = config.read_text(encoding="utf-8")
    text = re.sub(
        r"^nav:\n.*?^exclude_docs", "nav:\n  - Guides:\n      - cli.md\nexclude_docs", text, flags=re.M | re.S
    )
    config.write_text(text, encoding="utf-8")
    (tmp_path / "docs" / "cli.md").write_text("# Commands\n\n[here](cli.md#commands)\n", encoding="utf-8")
    assert build(config, tmp_path / "site").returncode == 0
    (tmp_path / "docs" / "new.md").write_text(f"# A page\n\n[there]({link})\n", encoding="utf-8")
    done = build(config, tmp_path / "site")
    assert done.returncode != 0
    assert link.partition("#")[0] in done.stderr


def test_links_lead_to_pages_and_places(pages: dict[Path, Page], site: Path) -> None:
    for path, page in pages.items():
        for link in page.links:
            target, _, place = link.partition("#")
            if re.match(r"\w+:", target) or path.name == "404.html":
                continue
            file = (path.parent / unquote(target)).resolve() if target else path
            assert file.is_file(), f"{path.relative_to(site)}: {link}"
            if place and file in pages:
                assert unquote(place) in pages[file].ids, f"{path.relative_to(site)}: {link}"


def test_markdown_is_read_as_on_code_hosts(site: Path) -> None:
    """Such as lists that follow a paragraph at once, which are no lists here, and braces, which can be attributes."""
    for path in site.rglob("*.html"):
        article = re.search(r"<article.*?</article>", path.read_text(encoding="utf-8"), re.DOTALL)
        if article is not None:
            prose = re.sub(r"<(pre|code)\b.*?</\1>", "", article[0], flags=re.DOTALL)
            prose = re.sub(r"<[^>]+>", "", prose)
            assert not re.search(r"\*\*|\]\(|```|^\s*(\* |\| )", prose, re.MULTILINE), path.relative_to(site)


def test_no_page_loads_anything_from_the_network(pages: dict[Path, Page], site: Path) -> None:
    for path, page in pages.items():
        for loaded in page.loaded:
            assert not re.match(r"(\w+:)?//", loaded), f"{path.relative_to(site)}: {loaded}"


def test_the_search_knows_every_page(site: Path) -> None:
    index = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))
    known = {entry["location"].partition("#")[0] for entry in index["docs"]}
    for source in DOCS.rglob("*.md"):
        name = source.relative_to(DOCS).with_suffix(".html").as_posix()
        assert re.sub(r"README\.html$", "index.html", name) in known, name


def test_the_page_for_models_is_there_as_text(site: Path) -> None:
    assert (site / "llms.txt").read_bytes() == (DOCS / "llms.txt").read_bytes()
