"""Headers that the environment adds to requests, in the variables that the providers' own SDKs read.

``OPENAI_ORG_ID`` and ``OPENAI_PROJECT_ID`` name an organisation and a project, ``ANTHROPIC_CUSTOM_HEADERS`` holds
headers, one ``Name: value`` on a line, ``ANTHROPIC_AUTH_TOKEN`` a token that is sent where there is no key.  All of
them are the operator's secrets: they go to the provider's own address alone, as it is public or the operator's variable
names it, and only with calls that may carry them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from ai_wm.data.headers import headers_of
from neuroscript import ErrorCode, NeuroScriptError

TOKEN: Final = "ANTHROPIC_AUTH_TOKEN"
_OPENAI: Final = {"OPENAI_ORG_ID": "OpenAI-Organization", "OPENAI_PROJECT_ID": "OpenAI-Project"}
_HEADERS: Final = "ANTHROPIC_CUSTOM_HEADERS"


def environment_headers(provider: str, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Returns the headers that the environment adds to requests to a provider, by lower-case name.

    Args:
        provider: the provider's name.
        environ: the variables; by default the process's own.

    Raises:
        NeuroScriptError: 18 for a header that cannot be sent, without its value.
    """
    found = os.environ if environ is None else environ
    if provider == "openai":
        # Mostly neither is set, and `in` is the quickest question to the process's variables.
        given = {name: found[variable].strip() for variable, name in _OPENAI.items() if variable in found}
        given = {name: value for name, value in given.items() if value}
        return _checked(given, " or ".join(_OPENAI)) if given else {}
    if provider == "anthropic" and found.get(_HEADERS):
        lines = (line.partition(":") for line in found[_HEADERS].splitlines() if ":" in line)
        return _checked({name.strip(): value.strip() for name, _, value in lines}, _HEADERS)
    return {}


def environment_token(provider: str, environ: Mapping[str, str] | None = None) -> str:
    """Returns the token that stands for a key in the environment; empty if there is none."""
    found = os.environ if environ is None else environ
    return found.get(TOKEN, "").strip() if provider == "anthropic" else ""


def _checked(headers: dict[str, str], variables: str) -> dict[str, str]:
    try:
        return headers_of({"headers": headers})
    except NeuroScriptError as error:
        why = error.message.replace("the headers of base_config", "its headers")
        message = f"the variable {variables} cannot be used: {why}"
        raise NeuroScriptError(ErrorCode.CONFIGURATION, message) from None
