"""Masks secrets in what is shown of a run.

A value is masked where its name says that it is a key, a text where it has the value of a variable of the environment
whose name says so, or the form that providers give their keys.  Masking is best effort: a key can always be written in
ways that are not recognised.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping

MASK = "***"
_SHORTEST = 6  # characters of a secret that is looked for in texts
LONGEST = 8192
"""Characters of the longest secret that is looked for in texts."""

_NAMES = re.compile(
    r"(?:^|[^a-z])(?:keys?$|passw(?:or)?d|passphrase|secrets?|credentials?|authorization|tokens?$)"
    r"|(?:api|access|auth|private|signing|account)[-_]?key|(?:access|auth|bearer|api|refresh|id|session)[-_]?token",
    re.IGNORECASE,
)
"""Names of variables of the environment that hold secrets."""

_STRICT = re.compile(
    r"passw(?:or)?d|passphrase|(?:^|[-_])secrets?(?:[-_]|$)|credentials?|^authorization$|^cookie$"
    r"|(?:api|access|auth|private|signing|account)[-_]?key|(?:access|auth|bearer|api|refresh|session)[-_]?token",
    re.IGNORECASE,
)
"""Names of variables and keys of maps that hold secrets; ``key`` and ``token`` alone are words of any program."""

_FORMS = re.compile(
    r"\b(?:sk|pk|rk)-[A-Za-z0-9_-]{12,}|\bgsk_[A-Za-z0-9]{12,}|\bgh[opsur]_[A-Za-z0-9]{16,}|\bgithub_pat_\w{16,}"
    r"|\bAKIA[A-Z0-9]{12,}|\bAIza[A-Za-z0-9_-]{20,}|\bxox[abprs]-[A-Za-z0-9-]{10,}|\bhf_[A-Za-z0-9]{16,}"
    r"|(?<=Bearer )[A-Za-z0-9._~+/=-]{8,}|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"
)
"""The forms of well-known keys."""

_IN_SOURCE = re.compile(
    r"""(?P<name>["']?[\w-]+["']?)(?P<between>\s*[:=]\s*)(?P<value>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""
)
"""What gives a name a text, in a line of a program."""


class Mask:
    """Masks secrets.

    Args:
        environments: whose variables may hold secrets.
    """

    def __init__(self, *environments: Mapping[str, str]) -> None:
        values = {
            value
            for environment in (os.environ, *environments)
            for name, value in environment.items()
            if _NAMES.search(name) and _SHORTEST <= len(value) <= LONGEST
        }
        self._values = _any_of(values)

    @staticmethod
    def hides(name: str) -> bool:
        """Whether what has this name in a program is a secret."""
        return _STRICT.search(name) is not None

    @classmethod
    def hidden_keys(cls, value: dict[str, object]) -> frozenset[str]:
        """The keys of a map whose values are secrets."""
        found = {key for key in value if cls.hides(key)}
        if value.get("method") == "inline":  # how a worker's definition holds a key
            found.add("value")
        return frozenset(found)

    def text(self, text: str) -> str:
        """A text without the secrets in it."""
        if self._values is not None:
            text = self._values.sub(MASK, text)
        return _FORMS.sub(MASK, text)

    def source(self, line: str) -> str:
        """A line of a program without the secrets in it."""
        inline = "inline" in line

        def masked(found: re.Match[str]) -> str:
            name = found["name"].strip("\"'")
            hidden = self.hides(name) or (inline and name == "value")
            return f'{found["name"]}{found["between"]}"{MASK}"' if hidden else found[0]

        return self.text(_IN_SOURCE.sub(masked, line))


def _any_of(values: Iterable[str]) -> re.Pattern[str] | None:
    longest_first = sorted(values, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first))) if longest_first else None
