"""Hooks of MkDocs: put every page into the navigation, and what pages link to outside of docs/ into the site."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

DOCS = Path(__file__).resolve().parent.parent
ROOT = DOCS.parent
LINK = re.compile(r"(\]\()([^)#:\s]+)((?:#[^)]*)?\))")
FENCED = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
OTHERS = "Guides"
"""The section of pages that stand in no other."""

LANGUAGES = {".ns": "neuroscript", ".py": "python", ".json": "json", ".toml": "toml"}
_linked: set[Path] = set()


def on_config(config: Any) -> Any:
    """Replaces the folders in the navigation by their pages, and adds the pages that are in no section."""
    pages = [path.relative_to(DOCS).as_posix() for path in sorted(DOCS.rglob("*.md"))]
    named = set(_pages_of(config["nav"]))
    config["nav"] = _expanded(config["nav"], [page for page in pages if page not in named])
    missing = sorted(set(pages) - set(_pages_of(config["nav"])))
    next(entry[OTHERS] for entry in config["nav"] if OTHERS in entry).extend(missing)
    return config


def _expanded(entries: Any, pages: list[str]) -> Any:
    """Entries of the navigation, in which a path that ends with a slash stands for the pages in that folder."""
    if isinstance(entries, str):
        return _folder(entries, pages) if entries.endswith("/") else entries
    if isinstance(entries, dict):
        return {title: _expanded(value, pages) for title, value in entries.items()}
    found: list[Any] = []
    for entry in entries:
        inner = _expanded(entry, pages)
        found.extend(inner) if isinstance(inner, list) else found.append(inner)
    return found


def _folder(folder: str, pages: list[str]) -> list[str]:
    """The pages of a folder, its first page in front."""
    own = [page for page in pages if page.startswith(folder)]
    return sorted(own, key=lambda page: (not page.endswith(("/index.md", "/README.md")), page))


def _pages_of(entries: Any) -> list[str]:
    if isinstance(entries, str):
        return [entries]
    values = entries.values() if isinstance(entries, dict) else entries
    return [page for value in values for page in _pages_of(value)]


def on_files(files: Files, config: Any) -> Files:
    """Adds a page for each file or folder of the repository that a page links to."""
    _linked.clear()
    waiting = [DOCS / file.src_uri for file in files.documentation_pages()]
    while waiting:
        page = waiting.pop()
        if page.suffix != ".md":
            continue
        for target in _links_of(page):
            if target not in _linked:
                _linked.add(target)
                waiting.append(target)
                files.append(File.generated(config, _page_of(target), content=_content(target)))
    return files


def _links_of(page: Path) -> list[Path]:
    """What a page links to that lies in the repository and not in docs/."""
    text = FENCED.sub("", page.read_text(encoding="utf-8"))
    targets = [(page.parent / match[2]).resolve() for match in LINK.finditer(text)]
    return [path for path in targets if path.exists() and path.is_relative_to(ROOT) and not path.is_relative_to(DOCS)]


def _page_of(target: Path) -> str:
    name = target.relative_to(ROOT).as_posix()
    return f"repository/{name}" if target.suffix == ".md" else f"repository/{name}.md"


def _content(target: Path) -> str:
    name = target.relative_to(ROOT).as_posix()
    hidden = "---\nsearch:\n  exclude: true\n---\n\n"
    if target.is_dir():
        names = sorted(f"{path.name}{'/' * path.is_dir()}" for path in target.iterdir() if path.name != "__pycache__")
        return f"{hidden}# {name}/\n\nThis folder of the repository has\n\n" + "".join(f"* `{one}`\n" for one in names)
    text = target.read_text(encoding="utf-8")
    if target.suffix == ".md":
        return _redirected(text, target, _page_of(target))
    return f"{hidden}# {name}\n\n~~~~ {LANGUAGES.get(target.suffix, 'text')}\n{text}\n~~~~\n"


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Points links to what is outside of docs/ at its page in the site."""
    source = DOCS / page.file.src_uri
    return _redirected(markdown, source, page.file.src_uri) if source.exists() else markdown


def on_page_content(html: str, page: Any, config: Any, files: Files) -> str:
    """Shortens the names of methods in the table of contents, where their class stands above them."""
    for entry in page.toc:
        for inner in entry.children:
            for member in inner.children:
                member.title = member.title.removeprefix(f"{inner.title}.")
    return html


def _redirected(text: str, source: Path, uri: str) -> str:
    def changed(match: re.Match[str]) -> str:
        target = (source.parent / match[2]).resolve()
        if target in _linked:
            place = _page_of(target)
        elif target.is_relative_to(DOCS) and (target / "README.md").exists():  # a folder, as code hosts show it
            place = (target / "README.md").relative_to(DOCS).as_posix()
        elif target.is_relative_to(DOCS) and target.exists():
            place = target.relative_to(DOCS).as_posix()
        else:
            return match[0]
        return f"{match[1]}{posixpath.relpath(place, posixpath.dirname(uri) or '.')}{match[3]}"

    parts = re.split(r"(^```.*?^```)", text, flags=re.MULTILINE | re.DOTALL)
    return "".join(part if part.startswith("```") else LINK.sub(changed, part) for part in parts)
