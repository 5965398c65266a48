"""The addresses of models at Azure, AWS and Google Cloud, made from the settings of a definition and the environment.

Azure OpenAI has an address for each resource (``base_url`` or ``AZURE_OPENAI_ENDPOINT``), and below it one API without
a version (``/openai/v1``) and one with (``api_version``), where chat completions are asked at the deployment.  Bedrock
has an address for each region, Vertex AI one for each location, with the project in the path.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qs, quote

from ai_wm.data.headers import key_header_of
from ai_wm.keys.clouds import CloudKey
from ai_wm.providers.adapter import WireRequest
from ai_wm.providers.base import LLMRequest
from ai_wm.providers.errors import AttemptFailed
from neuroscript import ErrorCode, NeuroScriptError

SETTINGS: Final = {
    "azure": frozenset({"api_version", "deployment"}),
    "bedrock": frozenset({"aws_region"}),
    "vertex": frozenset({"location", "project"}),
}
"""The settings of each cloud that choose where a model is asked, and are no options of the model."""

_VARIABLES: Final = {
    "api_version": ("OPENAI_API_VERSION",),
    "aws_region": ("AWS_REGION", "AWS_DEFAULT_REGION"),
    "location": ("GOOGLE_CLOUD_LOCATION", "CLOUD_ML_REGION"),
    "project": ("GOOGLE_CLOUD_PROJECT", "ANTHROPIC_VERTEX_PROJECT_ID"),
}
"""The variables of the clouds' own libraries for these settings."""

_EXAMPLES: Final = {"aws_region": "eu-west-1", "location": "europe-west1 or global", "project": "my-project"}
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
_HOST_PART: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_DEPLOYMENT: Final = re.compile(r"/openai/deployments/([^/?]+)")
_AZURE_END: Final = re.compile(
    r"(/openai)?(/v1|/deployments/[^/]+)?(/chat/completions|/completions|/responses|/embeddings|/models)?$"
)
_WITHOUT_VERSION: Final = frozenset({"", "v1", "latest", "preview"})


class Place(NamedTuple):
    """The address of a cloud's API: the URL that paths are appended to, and the part of it that is approved with it."""

    url: str
    scope: str


def place_of(
    provider: str, base_url: str | None, config: Mapping[str, object], environ: Mapping[str, str] | None
) -> Place:
    """Returns the address of a cloud's API.

    Args:
        provider: ``azure``, ``bedrock`` or ``vertex``.
        base_url: the address that the definition or the operator names; None for the public one.
        config: the effective configuration of the call.
        environ: the variables; by default the process's own.

    Raises:
        NeuroScriptError: 18 where a setting is missing; 4 where one cannot be a part of an address.
    """
    match provider:
        case "azure":
            return _azure(base_url, config, environ)
        case "bedrock":
            return _bedrock(base_url, config, environ)
    return _vertex(base_url, config, environ)


def without_settings(provider: str, request: LLMRequest) -> LLMRequest:
    """Returns a request without the settings that choose its address, which are no options of the model."""
    own = SETTINGS.get(provider, frozenset())
    if own.isdisjoint(request.config):
        return request
    return replace(request, config={name: value for name, value in request.config.items() if name not in own})


def at_deployment(wire: WireRequest, url: str, request: LLMRequest) -> WireRequest:
    """Returns a request to Azure OpenAI that names its deployment: in the body, and with a version also in the path."""
    config = request.config
    written = _DEPLOYMENT.search(str(config.get("base_url") or ""))
    given = config.get("deployment") or (written[1] if written else None) or request.model
    if not isinstance(given, str) or ".." in given or not _NAME.fullmatch(given):
        raise _bad("deployment", given, "the name of a deployment (or model_name, where there is no deployment)")
    made = replace(wire, body={**wire.body, "model": given})
    if url.partition("?")[0].endswith("/v1") or wire.path != "chat/completions":
        return made
    return replace(made, path=f"deployments/{quote(given, safe='')}/{wire.path}")


def region_of(config: Mapping[str, object], environ: Mapping[str, str] | None) -> str:
    """Returns the region of AWS that a call is sent to and signed for.

    Raises:
        NeuroScriptError: 18 if none is named.
    """
    return _setting("bedrock", "aws_region", config, environ, _HOST_PART)


def proof_of(
    key: CloudKey, request: LLMRequest, url: str, content: bytes | None, environ: Mapping[str, str] | None
) -> dict[str, str]:
    """Returns the headers by which a request proves a cloud identity, by lower-case name.

    Args:
        key: the identity's key.
        request: the call.
        url: where it is sent.
        content: the body of a POST; None for a GET.
        environ: the variables; by default the process's own.

    Raises:
        AttemptFailed: 45 where the cloud's library gives no proof.
        NeuroScriptError: 18 where ``auth_header`` asks for the key in a header of its own.
    """
    if key_header_of(request.config) is not None:
        raise NeuroScriptError(
            ErrorCode.CONFIGURATION,
            "base_config.auth_header has no meaning for the key of a cloud identity; leave it out",
            details={"field": "base_config.auth_header"},
        )
    region = region_of(request.config, environ) if request.provider == "bedrock" else ""
    proof = key.headers(url, content, region)
    if isinstance(proof, str):
        raise AttemptFailed(ErrorCode.AUTHENTICATION, proof)
    return {name.lower(): value for name, value in proof.items()}


def is_claude(model: str) -> bool:
    """Whether a model on Vertex AI is one of Anthropic's, which speak Anthropic's format there."""
    return bare_name(model).startswith("claude")


def bare_name(model: str) -> str:
    """Returns the name of a model on Vertex AI without the path that Google's own tools may put before it."""
    return model.rpartition("/")[2]


def dialect_of(module: str, model: str) -> str:
    """Returns the wire format of a call's body, for its amendments: on Vertex AI that of the model's maker."""
    if module != "vertex":
        return module
    return "anthropic" if is_claude(model) else "google"


def _azure(base_url: str | None, config: Mapping[str, object], environ: Mapping[str, str] | None) -> Place:
    if base_url is None:
        raise NeuroScriptError(
            ErrorCode.CONFIGURATION,
            "the provider 'azure' needs the address of a resource: set base_config.base_url or AZURE_OPENAI_ENDPOINT, "
            "such as https://NAME.openai.azure.com",
            details={"setting": "base_url"},
        )
    base, _, query = base_url.partition("?")
    written = parse_qs(query).get("api-version", [""])[0]
    has_v1 = re.search(r"/openai/v1(/|$)", base) is not None
    version = written or _optional("api_version", config, {} if has_v1 else environ)
    resource = f"{_AZURE_END.sub('', base.rstrip('/'))}/openai"
    if version in _WITHOUT_VERSION:
        more = f"?api-version={version}" if version in ("latest", "preview") else ""
        return Place(f"{resource}/v1{more}", resource)
    if not _NAME.fullmatch(version):
        raise _bad("api_version", version, "a version such as 2025-04-01-preview, or none for the API without versions")
    return Place(f"{resource}?api-version={version}", resource)


def _bedrock(base_url: str | None, config: Mapping[str, object], environ: Mapping[str, str] | None) -> Place:
    region = region_of(config, environ)
    if base_url is None:
        domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
        base_url = f"https://bedrock-runtime.{region}.{domain}"
    base = re.sub(r"/model(/.*)?$", "", base_url.rstrip("/"))
    return Place(base, base)


def _vertex(base_url: str | None, config: Mapping[str, object], environ: Mapping[str, str] | None) -> Place:
    location = _setting("vertex", "location", config, environ, _HOST_PART)
    project = _setting("vertex", "project", config, environ, _NAME)
    if base_url is None:
        if location == "global":
            base_url = "https://aiplatform.googleapis.com"
        elif location in ("eu", "us"):
            base_url = f"https://aiplatform.{location}.rep.googleapis.com"
        else:
            base_url = f"https://{location}-aiplatform.googleapis.com"
    written = re.search(r"/(v1|v1beta1)(/projects(/.*)?)?$", base_url.rstrip("/"))
    base, version = (base_url[: written.start()], written[1]) if written else (base_url.rstrip("/"), "v1beta1")
    return Place(f"{base}/{version}/projects/{quote(project, safe=':')}/locations/{location}/publishers", base)


def _setting(
    provider: str,
    name: str,
    config: Mapping[str, object],
    environ: Mapping[str, str] | None,
    form: re.Pattern[str],
) -> str:
    found = _optional(name, config, environ)
    if not found:
        variables, example = " or ".join(_VARIABLES[name]), _EXAMPLES[name]
        raise NeuroScriptError(
            ErrorCode.CONFIGURATION,
            f"the provider {provider!r} needs base_config.{name}, or the variable {variables}, such as {example}",
            details={"setting": name},
        )
    if not form.fullmatch(found):
        raise _bad(name, found, f"a name such as {_EXAMPLES[name]}")
    return found


def _optional(name: str, config: Mapping[str, object], environ: Mapping[str, str] | None) -> str:
    given = config.get(name)
    if given is not None:
        if not isinstance(given, str) or not given.strip():
            raise _bad(name, given, "a text that is not empty")
        return given.strip()
    variables = os.environ if environ is None else environ
    return next((found for variable in _VARIABLES[name] if (found := variables.get(variable, "").strip())), "")


def _bad(name: str, value: Any, expected: str) -> NeuroScriptError:
    message = f"base_config.{name} is {value!r:.60}; expected {expected}"
    return NeuroScriptError(ErrorCode.ARG_MISMATCH, message, details={"field": f"base_config.{name}"})
