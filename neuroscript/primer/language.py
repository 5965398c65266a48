"""The part of the primer that is about the language: prose with keywords, built-ins and types from the tables."""

from __future__ import annotations

from importlib.resources import files

from neuroscript.runtime.operators import BUILTINS
from neuroscript.syntax.tables import BUILTIN_WORDS, KEYWORDS, SOFT_WORDS
from neuroscript.values import TYPE_NAMES


def language_part(*, models: bool) -> str:
    """Returns the text about the language, with the paragraph on ``ask`` only where programs may ask models."""
    text = _read("language.md") + (_read("models.md") if models else "")
    for name, fact in _facts().items():
        text = text.replace(f"{{{name}}}", fact)
    return text


def _read(name: str) -> str:
    return files("neuroscript.primer").joinpath(name).read_text(encoding="utf-8")


def _facts() -> dict[str, str]:
    """What is filled in for a name in braces."""
    builtins = ["len", *BUILTINS]
    return {
        "builtins": " ".join(builtins),
        "types": " ".join(TYPE_NAMES[:7]),
        "reserved": " ".join(sorted(word for word in KEYWORDS.keys() - SOFT_WORDS if not word.startswith("end"))),
        "soft": " ".join(sorted((BUILTIN_WORDS | SOFT_WORDS) - set(builtins))),
    }
