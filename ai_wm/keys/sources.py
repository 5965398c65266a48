"""Looks up API keys in the sources that definitions name: variables, files, vaults and key rings.

A key is looked up when a call needs it and travels as a `Secret`.  No error is raised from a frame that holds a key, a
parsed file or a response: such an error, its causes and the locals of its traceback could show it.  Look-ups therefore
return their problems, and only `resolve_key` raises them.
"""

from __future__ import annotations

import importlib
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ai_wm.data.types import APIKeySource, APIKeySourceMethod, APIKeyStatus, is_variable_name
from ai_wm.keys.secret import Secret
from neuroscript import ErrorCode, NeuroScriptError

VAULT_TIMEOUT = 10.0
_MAX_FILE_BYTES = 1 << 20


def resolve_key(
    source: APIKeySource, *, environ: Mapping[str, str] | None = None, config_dir: Path | str | None = None
) -> Secret | None:
    """Looks up the key that a definition's key source names.

    Args:
        source: the method and its value.
        environ: the environment variables; by default the process's own.
        config_dir: where ``config_path`` files are; by default the user's configuration directory for neuroscript.

    Returns:
        The key, or ``None`` for the method ``none``.

    Raises:
        StateError: 18 if there is no key, naming the place that was searched, or if the look-up fails.
        AccessError: 34 if a ``config_path`` leads out of the configuration directory.
    """
    found = _look_up(source, environ, config_dir)
    if isinstance(found, _Problem):
        del environ  # It may hold other keys, and the locals of this frame go with the error.
        raise NeuroScriptError(found.code, found.message)
    return found


def key_status(
    source: APIKeySource, *, environ: Mapping[str, str] | None = None, config_dir: Path | str | None = None
) -> APIKeyStatus:
    """Tells whether a source has a key, without showing it; takes what `resolve_key` takes and never raises.

    ``Not Configured`` means that no key is needed (``none``) or that the source's value is empty.
    """
    found = _look_up(source, environ, config_dir)
    if found is None:
        return APIKeyStatus.NOT_CONFIGURED
    return found.status if isinstance(found, _Problem) else APIKeyStatus.FOUND


@dataclass(frozen=True, slots=True)
class _Problem:
    """The reason why a key was not found.  Never holds any part of a key."""

    message: str
    status: APIKeyStatus = APIKeyStatus.ERROR_RESOLVING
    code: ErrorCode = ErrorCode.CONFIGURATION


_Found = Secret | _Problem


def source_name(source: APIKeySource) -> str | None:
    """The name of a source in approvals: ``env:NAME``, ``config:path#key``, ``vault:mount/path#field``, ``keyring:…``.

    Returns:
        The name, one for all spellings of a source; None for a key that stands in the definition itself or is not
        needed, and for a value that does not say where the key is.
    """
    value = source.value.strip()
    match source.method:
        case APIKeySourceMethod.ENV_VAR:
            return f"env:{value}" if is_variable_name(value) else None
        case APIKeySourceMethod.CONFIG_PATH:
            path, _, key = value.partition("#")
            parts = [part for part in path.split("/") if part not in ("", ".")]
            clean = parts and not path.startswith("/") and ".." not in parts and _is_plain(value)
            return f"config:{'/'.join(parts)}#{key}" if clean and key else None
        case APIKeySourceMethod.VAULT:
            place = _vault_place(value)
            return None if place is None else f"vault:{'/'.join(place[:2])}#{place[2]}"
        case APIKeySourceMethod.KEYRING:
            service, _, user = value.rpartition("/")
            return f"keyring:{service}/{user}" if service and user and _is_plain(value) else None
        case APIKeySourceMethod.ENTRA | APIKeySourceMethod.AWS | APIKeySourceMethod.GOOGLE:
            return f"{source.method.value}:{value or 'default'}" if _is_plain(value) else None
    return None


def _is_plain(text: str) -> bool:
    return "\\" not in text and text.isprintable()


def _missing(place: str, advice: str) -> _Problem:
    return _Problem(f"no API key in {place}; {advice}", APIKeyStatus.NOT_FOUND)


def _look_up(
    source: APIKeySource, environ: Mapping[str, str] | None, config_dir: Path | str | None
) -> Secret | _Problem | None:
    method = source.method
    if method is APIKeySourceMethod.NONE:
        return None
    if method is APIKeySourceMethod.ENTRA or method is APIKeySourceMethod.AWS or method is APIKeySourceMethod.GOOGLE:
        return _from_cloud(method, source.value.strip(), config_dir)
    if not source.value.strip():
        message = f"auth.value is empty; for the method {method.value!r} it must be {_EXPECTED[method]}"
        return _Problem(message, APIKeyStatus.NOT_CONFIGURED)
    variables = os.environ if environ is None else environ
    match method:
        case APIKeySourceMethod.INLINE:
            return Secret(source.value.strip())
        case APIKeySourceMethod.ENV_VAR:
            found = _from_environment(source.value.strip(), variables)
            # A host that gives the variables itself means those, and nothing that the user has stored.
            return found if environ is not None else _or_stored(found, source)
        case APIKeySourceMethod.CONFIG_PATH:
            return _from_file(source.value.strip(), config_dir)
        case APIKeySourceMethod.VAULT:
            return _from_vault(source.value.strip(), variables)
        case APIKeySourceMethod.KEYRING:
            return _from_keyring(source.value.strip())


_EXPECTED = {
    APIKeySourceMethod.ENV_VAR: "the name of an environment variable",
    APIKeySourceMethod.INLINE: "the key itself",
    APIKeySourceMethod.CONFIG_PATH: "path#dotted.key",
    APIKeySourceMethod.VAULT: "mount/path#field",
    APIKeySourceMethod.KEYRING: "service/user",
}


def _malformed(method: APIKeySourceMethod) -> _Problem:
    # The value is not shown: it may be the key itself, put into the wrong place.
    return _Problem(
        f"auth.value does not say where the key is; for the method {method.value!r} it must be {_EXPECTED[method]}"
    )


def _not_installed(library: str, extra: str, method: str) -> _Problem:
    message = (
        f"keys of the method {method!r} need the library {library}; install it with: pip install 'neuroscript[{extra}]'"
    )
    return _Problem(message)


def _key_from(value: object, place: str) -> _Found:
    if isinstance(value, str):
        return Secret(value.strip()) if value.strip() else _missing(place, "the value there is empty")
    return _Problem(f"{place} holds a {type(value).__name__}; an API key must be a string")


# --- environment variables ---


def _from_environment(name: str, variables: Mapping[str, str]) -> _Found:
    if not is_variable_name(name):
        return _malformed(APIKeySourceMethod.ENV_VAR)
    place = f"the environment variable {name}"
    if name not in variables:
        return _missing(place, "it is not set")
    return _key_from(variables[name], place)


def _or_stored(found: _Found, source: APIKeySource) -> _Found:
    """The key of a variable, or the one that the user stored for its provider if the variable is not set."""
    from ai_wm.keys import stored

    provider = stored.provider_of(source)
    if provider is None or isinstance(found, Secret) or found.status is not APIKeyStatus.NOT_FOUND:
        return found
    kept = stored.look_up(provider)
    if kept is None:
        return _Problem(f"{found.message}; set it, or store a key: neuroscript keys set {provider}", found.status)
    return _Problem(kept) if isinstance(kept, str) else kept


# --- files of the configuration directory ---


def _from_file(value: str, config_dir: Path | str | None) -> _Found:
    path_text, _, key = value.partition("#")
    if not path_text or not key:
        return _malformed(APIKeySourceMethod.CONFIG_PATH)
    root = _config_directory(config_dir)
    path = (root / path_text).resolve()
    if not path.is_relative_to(root):
        message = f"the key file {path_text!r} lies outside the configuration directory {root}; move it there"
        return _Problem(message, code=ErrorCode.PATH_VIOLATION)
    parse = _PARSERS.get(path.suffix) or (_parse_dotenv if path.name.startswith(".env") else None)
    if parse is None:
        return _Problem(f"the key file {path} must be a .toml, .json or .env file")
    if not path.is_file():
        return _missing(f"{path}#{key}", "there is no such file")
    document = _read(path, parse)
    return document if isinstance(document, _Problem) else _walk(document, key, f"{path}#{key}")


def _config_directory(config_dir: Path | str | None) -> Path:
    if config_dir is None:
        from platformdirs import user_config_dir

        config_dir = user_config_dir("neuroscript", appauthor=False)
    return Path(config_dir).resolve()


def _read(path: Path, parse: Callable[[str], object]) -> object | _Problem:
    """Reads and parses a file.  A parser's own error holds the whole text, so only its position is passed on."""
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            return _Problem(f"the key file {path} is larger than {_MAX_FILE_BYTES} bytes")
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        return _Problem(f"the key file {path} is not UTF-8 text")
    except OSError as error:
        return _Problem(f"the key file {path} cannot be read: {error.strerror}")
    try:
        return parse(text)
    except json.JSONDecodeError as error:
        where = f", line {error.lineno} column {error.colno}"
    except ValueError as error:  # TOML, or a number in JSON that is too long
        found = re.search(r"\(at (line \d+, column \d+|end of document)\)", str(error))
        where = f", {found[1]}" if found else ""
    except RecursionError:
        where = ", too deeply nested"
    return _Problem(f"the key file {path} is not valid {path.suffix.removeprefix('.').upper()}{where}")


def _walk(document: object, key: str, place: str) -> _Found:
    value = document
    for part in [key] if isinstance(document, Mapping) and key in document else key.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return _missing(place, f"the file has no {part!r} there")
        value = value[part]
    return _key_from(value, place)


_DOTENV_LINE = re.compile(
    r"""^\s*(?:export\s+)?(?P<name>[A-Za-z_][\w.-]*)\s*=\s*
        (?:'(?P<raw>[^']*)'|"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>.*?))\s*(?:(?<!\S)\#.*)?$""",
    re.VERBOSE,
)
_DOTENV_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


def _parse_dotenv(text: str) -> dict[str, str]:
    """Reads ``NAME=value`` lines, optionally quoted and exported; ``#`` starts a comment.  The last value counts."""
    values: dict[str, str] = {}
    for line in text.splitlines():
        if found := _DOTENV_LINE.match(line):
            value = found["raw"] if found["raw"] is not None else found["plain"]
            if found["quoted"] is not None:
                value = re.sub(r"\\(.)", lambda match: _DOTENV_ESCAPES.get(match[1], match[1]), found["quoted"])
            values[found["name"]] = value or ""
    return values


def _parse_toml(text: str) -> object:
    import tomllib  # not before there is such a file

    return tomllib.loads(text)


_PARSERS: dict[str, Callable[[str], object]] = {".toml": _parse_toml, ".json": json.loads, ".env": _parse_dotenv}


# --- HashiCorp Vault ---


_NOT_IN_A_VAULT_PATH = frozenset("\\%?#")


def _vault_place(value: str) -> tuple[str, str, str] | None:
    """The mount, the path below it and the field; None if the value has another form or could leave the mount."""
    path, _, field = value.partition("#")
    parts = path.split("/")
    clean = len(parts) > 1 and field and value.isprintable() and "#" not in field
    if not clean or any(part in ("", ".", "..") or not _NOT_IN_A_VAULT_PATH.isdisjoint(part) for part in parts):
        return None
    return parts[0], "/".join(parts[1:]), field


def _from_vault(value: str, variables: Mapping[str, str]) -> _Found:
    parts = _vault_place(value)
    if parts is None:
        return _malformed(APIKeySourceMethod.VAULT)
    mount, path, field = parts
    for name in ("VAULT_ADDR", "VAULT_TOKEN"):
        if not variables.get(name, "").strip():
            return _Problem(f"the key {value!r} is in a vault, but the environment variable {name} is not set")
    try:
        hvac = importlib.import_module("hvac")
    except ImportError:
        return _not_installed("hvac", "vault", "vault")
    place = f"the vault at {variables['VAULT_ADDR']}, {mount}/{path}#{field}"
    return _read_vault(hvac, variables, mount, path, field, place)


def _read_vault(hvac: Any, variables: Mapping[str, str], mount: str, path: str, field: str, place: str) -> _Found:
    # A redirect would carry the token to another host; the vault's own nodes forward requests among themselves.
    client = hvac.Client(
        url=variables["VAULT_ADDR"].strip(),
        token=variables["VAULT_TOKEN"].strip(),
        namespace=variables.get("VAULT_NAMESPACE") or None,
        verify=variables.get("VAULT_CACERT") or True,
        timeout=VAULT_TIMEOUT,
        allow_redirects=False,
    )
    network_error = importlib.import_module("requests").exceptions.RequestException
    try:
        answer = client.secrets.kv.v2.read_secret_version(path, mount_point=mount, raise_on_deleted_version=True)
        fields = answer["data"]["data"]
    except hvac.exceptions.InvalidPath:
        return _missing(place, "there is no such secret, or its latest version was deleted")
    except (hvac.exceptions.Forbidden, hvac.exceptions.Unauthorized):
        return _Problem(f"{place}: VAULT_TOKEN is not valid there or may not read it")
    except (hvac.exceptions.VaultError, network_error) as error:
        return _Problem(f"{place} cannot be read: {type(error).__name__}; check VAULT_ADDR and that the vault is up")
    except (TypeError, KeyError, ValueError):
        return _Problem(f"{place}: the answer is not that of a KV version 2 secrets engine")
    finally:
        client.adapter.close()
    if not isinstance(fields, Mapping) or field not in fields:
        return _missing(place, f"the secret has no field {field!r}")
    return _key_from(fields[field], place)


# --- identities at a cloud ---


def _from_cloud(method: APIKeySourceMethod, value: str, config_dir: Path | str | None) -> _Found:
    from ai_wm.keys.clouds import cloud_key

    if method is APIKeySourceMethod.GOOGLE and value:
        value = str(_config_directory(config_dir) / value)
    found = cloud_key(method, value)
    return _Problem(found) if isinstance(found, str) else found


# --- the system's keyring ---


def _from_keyring(value: str) -> _Found:
    service, _, user = value.rpartition("/")
    if not service or not user:
        return _malformed(APIKeySourceMethod.KEYRING)
    try:
        keyring = importlib.import_module("keyring")
        failure = importlib.import_module("keyring.errors").KeyringError
    except ImportError:
        return _not_installed("keyring", "keyring", "keyring")
    place = f"the keyring, service {service!r}, user {user!r}"
    try:
        password = keyring.get_password(service, user)
    except failure as error:
        return _Problem(f"{place} cannot be read: {type(error).__name__}; is a keyring unlocked on this machine?")
    if password is None:
        return _missing(place, f"store it with: keyring set {service} {user}")
    return _key_from(password, place)
