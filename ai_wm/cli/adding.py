"""``neuroscript workers add NAME --model PROVIDER/MODEL``: a definition from a name and flags."""

from __future__ import annotations

import argparse
import math
import os
import re
import shlex
import sys
from typing import TYPE_CHECKING, Any

from ai_wm.data.presets import PRESETS, default_auth
from neuroscript import Address
from neuroscript.cli import UsageError, WorkersPlace, complain, write_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ai_wm.data.types import AIWorkerDefinition
    from ai_wm.manager import AIWorkerManager

_METHODS = {
    "env": "env_var",
    "config": "config_path",
    "vault": "vault",
    "keyring": "keyring",
    "entra": "entra",
    "aws": "aws",
    "google": "google",
}
"""The methods of key sources by the words that name them on the command line."""

_NAME = re.compile(r"\w[\w-]*")
_MODEL = re.compile(r"[^\s/]+/\S(.*\S)?")
_LIMIT = re.compile(r"([0-9]+) ?(requests?|tokens?)?/(min|minute|day)")
_BUDGET = re.compile(r"([0-9]+(?:\.[0-9]+)?)/day")
_FLAGS = ("base_url", "key", "limit", "budget", "system")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the flags that describe a definition."""
    parser.add_argument(
        "--model",
        metavar="PROVIDER/MODEL",
        type=_model,
        help="whom it asks: openai/gpt-4o, anthropic/…, google/…, ollama/…, groq/…",
    )
    parser.add_argument(
        "--base-url", metavar="URL", type=_address, help="the address of the server, if not the provider's own"
    )
    parser.add_argument(
        "--key",
        metavar="SOURCE",
        type=_key_source,
        help="where its key is, if not in the provider's usual variable or stored by `neuroscript keys set`: env:NAME, "
        "keyring:SERVICE/USER, config:FILE#KEY, vault:PATH#FIELD, or none",
    )
    parser.add_argument(
        "--limit",
        metavar="N/min",
        action="append",
        default=[],
        type=_limit,
        help="most requests: 60/min, 1000/day; or most tokens: 90000tokens/min; may be given several times",
    )
    parser.add_argument("--budget", metavar="AMOUNT/day", type=_budget, help="most that it may cost in 24 hours: 5/day")
    parser.add_argument("--system", metavar="TEXT", type=_text, help="the system prompt")


def definition_of(options: argparse.Namespace) -> dict[str, Any]:
    """Makes the definition that the flags describe.

    Raises:
        UsageError: for a name that is none.
    """
    provider, model = options.model
    name = options.definition.strip()
    if not name or name.startswith(("{", "-")):
        raise UsageError("with --model the worker's name is wanted, such as: workers add fast --model openai/gpt-4o")
    config = {"base_url": options.base_url, "system_prompt": options.system}
    auth = options.key if options.key is not None else _usual_auth(provider)
    limits = dict(options.limit)
    if options.budget is not None:
        limits["max_cost_per_day"] = options.budget
    return {
        "name": name,
        "provider": provider,
        "model_name": model,
        **({"auth": auth} if auth is not None else {}),
        "interaction_models": ["both"],
        "base_config": {key: value for key, value in config.items() if value is not None},
        "rate_limits": limits,
    }


def check_json_form(options: argparse.Namespace) -> None:
    """Refuses flags that describe a definition beside one in JSON, and a name without a model.

    Raises:
        UsageError: saying what to write.
    """
    given = [f"--{name.replace('_', '-')}" for name in _FLAGS if getattr(options, name)]
    text = options.definition
    if given:
        raise UsageError(f"{given[0]} goes with --model PROVIDER/MODEL; a definition in JSON says it itself")
    if _NAME.fullmatch(text) and not os.path.lexists(text):
        raise UsageError(
            f"{text!r} is neither JSON nor a file; for a worker of that name, say whom it asks: "
            f"neuroscript workers add {text} --model openai/gpt-4o"
        )


def tell_added(manager: AIWorkerManager, name: str, place: WorkersPlace) -> None:
    """Prints what was added, where its key is to be put if there is none, and whether its budget can be kept."""
    definition = manager.get_worker_definition(name)
    write_line(sys.stdout, f"added {definition.name}: {definition.provider}/{definition.model_name}, in {place.path}")
    status = str(manager.key_status(name))
    if definition.auth.method != "none" and status != "Found":
        from ai_wm.keys.stored import provider_of

        provider = provider_of(definition.auth)
        source = f"{definition.auth.method} {definition.auth.shown_value}".strip()
        how = f"; store one with: neuroscript keys set {provider}" if provider is not None else ""
        write_line(sys.stderr, f"neuroscript: there is no key for it yet ({source}){how}")
    if definition.rate_limits.max_cost_per_day and not _has_known_cost(definition):
        complain(
            f"nobody knows the price of {definition.provider}/{definition.model_name}, so no budget can be kept, and "
            f"{definition.name} will not be asked; install the published prices (pip install 'neuroscript[prices]'), "
            f"or name its own: neuroscript workers update {shlex.quote(definition.name)} "
            """'{"cost_metrics": {"input_cost_per_token": …, "output_cost_per_token": …}}'"""
        )


def _has_known_cost(definition: AIWorkerDefinition) -> bool:
    """Whether the price of a worker is known, or it may run on this machine, where nothing is paid."""
    from ai_wm.calls.pricing import is_priced

    provider = str(definition.provider)
    is_own = provider in ("local", "ollama") or (provider in PRESETS and PRESETS[provider].is_local)
    return is_own or is_priced(definition, definition.model_name)


def _usual_auth(provider: str) -> Mapping[str, str] | None:
    """Returns the key source to write where none is named; None to leave it out.

    A definition without one means the provider's usual key, which goes to that provider's own addresses alone.
    """
    from ai_wm.keys.stored import variables_of

    if default_auth(provider) is not None:
        return None
    variables = variables_of(provider)
    if not variables:
        return {"method": "none"}
    value = next((name for name in variables if os.environ.get(name, "").strip()), variables[0])
    return {"method": "env_var", "value": value}


# --- reading values ---


def _model(text: str) -> tuple[str, str]:
    if not _MODEL.fullmatch(text):
        raise argparse.ArgumentTypeError(f"PROVIDER/MODEL is wanted, such as openai/gpt-4o, not {text!r}")
    provider, _, model = text.partition("/")
    return provider, model


def _address(text: str) -> str:
    try:
        Address.parse(text.strip())
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"an address such as https://gateway.example/v1 is wanted: {error}") from None
    return text.strip()


def _text(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("a text that is not empty is wanted")
    return text


def _key_source(text: str) -> dict[str, str]:
    if text == "none":
        return {"method": "none"}
    method, colon, value = text.partition(":")
    if not colon or method not in _METHODS:
        # The text is not shown: it may be a key.
        raise argparse.ArgumentTypeError(
            "the place of the key is wanted, such as env:MY_KEY or keyring:SERVICE/USER, or none; the key itself is no "
            "argument, since other users of the machine see those"
        )
    return {"method": _METHODS[method], "value": "" if value == "default" else value}


def _limit(text: str) -> tuple[str, int]:
    found = _LIMIT.fullmatch(text.strip())
    if found is None or int(found[1]) == 0:
        raise argparse.ArgumentTypeError(f"a limit such as 60/min, 1000/day or 90000tokens/min is wanted, not {text!r}")
    counted = "tokens" if (found[2] or "").startswith("token") else "requests"
    return f"max_{counted}_per_{'day' if found[3] == 'day' else 'minute'}", int(found[1])


def _budget(text: str) -> float:
    found = _BUDGET.fullmatch(text.strip())
    amount = float(found[1]) if found is not None else math.inf
    if not 0 < amount < math.inf:
        raise argparse.ArgumentTypeError(f"an amount in a day such as 5/day or 0.50/day is wanted, not {text!r}")
    return amount
