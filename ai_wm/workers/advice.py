"""Advice on failed calls: what to do next, by the kind of failure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from shlex import quote
from typing import Final

from ai_wm.data.types import AIWorkerDefinition, APIKeySourceMethod, APIKeyStatus
from neuroscript import Address, ErrorCode, NeuroScriptError

_INSTALL: Final = re.compile(r"pip install '?(neuroscript\[[a-z-]+\])'?")
_OWN_LIMITS: Final = (ErrorCode.RATE_LIMITED, ErrorCode.BUDGET_EXCEEDED, ErrorCode.RESOURCE_EXHAUSTION)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a worker whose call has failed.

    Args:
        name: its name.
        definition: its definition.
        address: where it was asked; empty where nobody can tell.
        proxy: the proxy on the way; empty for none.
        key_source: where its key comes from.
        key_status: whether that is there.
        models: the names of the provider's models; empty where they are not known.
    """

    name: str
    definition: AIWorkerDefinition
    address: str
    proxy: str
    key_source: str
    key_status: str
    models: Sequence[str]


def advice_on(error: NeuroScriptError, facts: Facts) -> Iterator[str]:
    """Yields what to do next after a failed call, a sentence each; nothing where the message says it already."""
    status = error.details.get("status")
    match error.code:
        case ErrorCode.CONFIGURATION:
            yield from _on_configuration(error, facts)
        case ErrorCode.AUTHENTICATION:
            yield from _on_key(status, facts)
        case ErrorCode.PROVIDER_NOT_FOUND:
            yield from _on_model(facts)
        case ErrorCode.TIMEOUT:
            yield from _on_time(facts)
        case code if code in _OWN_LIMITS:
            yield from _on_limit(error, facts)
        case ErrorCode.CONTEXT_FULL:
            yield "even a short prompt does not fit: shorten the worker's system_prompt, or give it a larger model"
        case ErrorCode.PRECONDITION_FAILED:
            yield f"make it active: {_update(facts, {'status': 'active'})}"
        case ErrorCode.LLM_ERROR if "reason" in error.details:
            yield from _on_connection(str(error.details["reason"]), facts)
        case ErrorCode.LLM_ERROR if status == 402:
            yield "add credit to the account at the provider"
        case ErrorCode.LLM_ERROR if isinstance(status, int) and (status >= 500 or status == 407):
            if facts.proxy:
                yield _on_proxy(facts)
            yield f"the trouble is at {facts.address}: try again later, and look at the provider's status page"
        case ErrorCode.LLM_ERROR if status and "stream" in error.message.lower():
            yield "the test streams its reply, which this model or account may not; calls that do not stream may work"
        case ErrorCode.LLM_ERROR if status is None and "HTML page" in error.message:
            yield f"is {facts.address} the address of the API, and not of a web site or a log-in page?"


def _on_configuration(error: NeuroScriptError, facts: Facts) -> Iterator[str]:
    install = _INSTALL.search(error.message)
    if install is not None:
        yield f"install what is missing: pip install '{install[1]}'"
        return
    auth = facts.definition.auth
    if auth.method is APIKeySourceMethod.NONE or facts.key_status == APIKeyStatus.FOUND:
        return
    if facts.key_source.startswith("env:"):
        yield f"set the variable {facts.key_source.removeprefix('env:')} where this command runs"
    elif facts.key_status != APIKeyStatus.ERROR_RESOLVING:
        yield f"put the key at {facts.key_source}"
    yield f"or name another source: {_update(facts, {'auth': {'method': 'env_var', 'value': 'NAME_OF_THE_VARIABLE'}})}"


def _on_key(status: object, facts: Facts) -> Iterator[str]:
    if facts.definition.auth.method is APIKeySourceMethod.NONE:
        auth = {"auth": {"method": "env_var", "value": "NAME_OF_THE_VARIABLE"}}
        yield f"the server wants a key, and the worker has none: {_update(facts, auth)}"
        return
    if status == 403:
        yield f"the key of {facts.key_source} may not use {facts.definition.model_name} there: look at its rights"
    else:
        yield (
            f"is the key of {facts.key_source} one of this provider, whole, and neither expired nor revoked? "
            "make a new one if in doubt"
        )
    yield f"is {facts.address} the server that the key is for?"


def _on_model(facts: Facts) -> Iterator[str]:
    model, models = facts.definition.model_name, facts.models
    if model in models:
        yield f"{model} is in the provider's list of models, so look at the path of {facts.address or 'the address'}"
    elif models:
        yield f"{model} is not among the {len(models)} models there: neuroscript workers models {quote(facts.name)}"
    elif facts.definition.provider == "azure":
        deployment = facts.definition.base_config.get("deployment") or model
        yield f"is there a deployment named {deployment} at {facts.address}? base_config.deployment names another"
    elif facts.address:
        yield f"look at the name of the model, {model}, and at the path of {facts.address}"
        yield "the server gives no list of its models"
    if models and model not in models:
        yield f"then name another: {_update(facts, {'model_name': 'NAME'})}"


def _on_time(facts: Facts) -> Iterator[str]:
    if facts.proxy:
        yield _on_proxy(facts)
    yield (
        "a model that is being loaded, or that thinks, takes long: try again, or give it more time: "
        f"{_update(facts, {'base_config': {'timeout_seconds': 300}})}"
    )


def _on_limit(error: NeuroScriptError, facts: Facts) -> Iterator[str]:
    details = error.details
    wait = details.get("retry_after_seconds")
    later = f"wait {wait:g} s" if isinstance(wait, int | float) and not isinstance(wait, bool) else "try again later"
    limit = details.get("limit")
    if "status" in details:
        yield f"the limit is the account's at the provider: {later}, or raise it there"
    elif isinstance(limit, str) and limit in facts.definition.rate_limits.to_script():
        change = {"rate_limits": {limit: 0}}
        yield f"{limit} = {details.get('value')} is the worker's own limit: {later}, or change it (0: none):"
        yield _update(facts, change)
    elif limit == "price":
        prices = {"cost_metrics": {"input_cost_per_token": 0.000001, "output_cost_per_token": 0.000002}}
        yield f"name its prices: {_update(facts, prices)}"
    else:
        yield f"what the worker may use now: neuroscript workers show {quote(facts.name)}"


def _on_connection(reason: str, facts: Facts) -> Iterator[str]:
    if facts.proxy:
        yield _on_proxy(facts)
    where, local = facts.address, _is_loopback(facts.address)
    match reason:
        case "refused" if not facts.proxy:
            start = " (ollama serve)" if facts.definition.provider == "ollama" and local else ""
            yield f"is the server at {where} running{start}, and is that its port?"
        case "name":
            yield f"is the host name in {where} right, and is there a network?"
        case "tls":
            yield (
                "its certificate is not trusted here: SSL_CERT_FILE names a file with the authorities that are, for "
                "example that of a company's proxy"
            )
            yield f"does the server at {where} speak https at that port at all?"
        case "connect_timeout" | "unreachable":
            yield f"is there a network, and does a firewall let this machine reach {where}?"


def _on_proxy(facts: Facts) -> str:
    return (
        f"the proxy {facts.proxy} is on the way, by HTTPS_PROXY, HTTP_PROXY or ALL_PROXY: is it running, and does it "
        "let this machine through? NO_PROXY names servers that are reached without it"
    )


def _is_loopback(url: str) -> bool:
    try:
        return Address.parse(url).is_loopback
    except ValueError:
        return False


def _update(facts: Facts, change: Mapping[str, object]) -> str:
    return f"neuroscript workers update {quote(facts.name)} {quote(json.dumps(change))}"
