"""API keys: looking them up where a definition says they are, and keeping them out of everything that is shown.

A key is looked up when a call needs it and travels as a `Secret`, which shows ``***`` wherever it is printed, formatted
or logged, and refuses to be pickled.  No error is raised from a frame that holds a key, a parsed file or a response:
such an error, its causes and the locals of its traceback could show it.  Look-ups therefore return their problems, and
only `resolve_key` raises them.

A server may repeat the key that it was sent, in any spelling.  `redact` is the one function that takes keys out of what
comes from outside; texts are redacted first and shortened then.
"""

from __future__ import annotations

import base64
import html
import importlib
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hmac import compare_digest
from pathlib import Path
from typing import Any, Final, NoReturn, Self, TypeVar, cast
from urllib.parse import quote, quote_plus

from ai_wm.data.types import MASK, APIKeySource, APIKeySourceMethod, APIKeyStatus
from neuroscript import ErrorCode, NeuroScriptError

T = TypeVar("T")

VAULT_TIMEOUT = 10.0
_MAX_FILE_BYTES = 1 << 20


class Secret:
    """A key that is shown as ``***`` everywhere; `get` is the only way to its text."""

    __slots__ = ("__value",)

    def __init__(self, value: str) -> None:
        self.__value = value

    def get(self) -> str:
        """Returns the key itself, to be used where it is sent and kept nowhere."""
        return self.__value

    def __bool__(self) -> bool:
        return bool(self.__value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return compare_digest(self.__value.encode(), other.__value.encode())

    def __hash__(self) -> int:
        return hash((Secret, self.__value))

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("a Secret cannot be pickled; resolve the key again where it is needed")


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
        StateError: 18 if there is no key, naming the place that was looked at, or if it cannot be looked up.
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
    """Says whether the key of a source is there, without showing it; takes what `resolve_key` takes and never raises.

    ``Not Configured`` means that no key is asked for (``none``) or that the source's value is empty.
    """
    found = _look_up(source, environ, config_dir)
    if found is None:
        return APIKeyStatus.NOT_CONFIGURED
    return found.status if isinstance(found, _Problem) else APIKeyStatus.FOUND


@dataclass(frozen=True, slots=True)
class _Problem:
    """Why there is no key.  Never holds any part of a key."""

    message: str
    status: APIKeyStatus = APIKeyStatus.ERROR_RESOLVING
    code: ErrorCode = ErrorCode.CONFIGURATION


_Found = Secret | _Problem


def _missing(place: str, advice: str) -> _Problem:
    return _Problem(f"no API key in {place}; {advice}", APIKeyStatus.NOT_FOUND)


def _look_up(
    source: APIKeySource, environ: Mapping[str, str] | None, config_dir: Path | str | None
) -> Secret | _Problem | None:
    method = source.method
    if method is APIKeySourceMethod.NONE:
        return None
    if not source.value.strip():
        message = f"auth.value is empty; for the method {method.value!r} it must be {_EXPECTED[method]}"
        return _Problem(message, APIKeyStatus.NOT_CONFIGURED)
    variables = os.environ if environ is None else environ
    match method:
        case APIKeySourceMethod.INLINE:
            return Secret(source.value.strip())
        case APIKeySourceMethod.ENV_VAR:
            return _from_environment(source.value.strip(), variables)
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


def _malformed(method: APIKeySourceMethod, value: str) -> _Problem:
    return _Problem(f"auth.value {value!r} does not say where the key is; it must be {_EXPECTED[method]}")


def _not_installed(library: str, extra: str, method: str) -> _Problem:
    message = (
        f"keys of the method {method!r} need the library {library}; install it with: pip install neuroscript[{extra}]"
    )
    return _Problem(message)


def _key_from(value: object, place: str) -> _Found:
    if isinstance(value, str):
        return Secret(value.strip()) if value.strip() else _missing(place, "the value there is empty")
    return _Problem(f"{place} holds a {type(value).__name__}; an API key must be a string")


# --- environment variables ---


def _from_environment(name: str, variables: Mapping[str, str]) -> _Found:
    place = f"the environment variable {name}"
    if name not in variables:
        return _missing(place, "it is not set")
    return _key_from(variables[name], place)


# --- files of the configuration directory ---


def _from_file(value: str, config_dir: Path | str | None) -> _Found:
    path_text, _, key = value.partition("#")
    if not path_text or not key:
        return _malformed(APIKeySourceMethod.CONFIG_PATH, value)
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
    """The parsed file.  A parser's own error holds the whole text, so only where it points to is passed on."""
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
    """``NAME=value`` lines, optionally quoted and exported; ``#`` starts a comment.  The last of a name counts."""
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


def _from_vault(value: str, variables: Mapping[str, str]) -> _Found:
    path, _, field = value.partition("#")
    mount, _, path = path.strip("/").partition("/")
    if not mount or not path or not field:
        return _malformed(APIKeySourceMethod.VAULT, value)
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


# --- the system's keyring ---


def _from_keyring(value: str) -> _Found:
    service, _, user = value.rpartition("/")
    if not service or not user:
        return _malformed(APIKeySourceMethod.KEYRING, value)
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


# --- keeping keys out of sight ---

_SHOWN: Final = 8
"""So many characters of a key in a row, or more, are never shown."""


def redact(value: T, secrets: Iterable[Secret]) -> T:
    """Masks keys: returns ``value`` with ``***`` wherever one of them shows, wholly or in part.

    A part of at least eight characters is recognised wherever it stands, in upper and lower case: of the key as it is,
    percent-encoded, as JSON, HTML or `repr` write it, in hexadecimal digits, and in base64, also where it is encoded
    together with other text.  A key of fewer characters is recognised as a whole.  Masking is best effort all the same:
    whoever has a key can write it in ways that nobody recognises.

    Args:
        value: a text, or a map or list, whose texts are redacted at any depth.  Any other object comes back as it is,
            unless its `repr` shows a key: then that, redacted.
        secrets: the keys.
    """
    traces = [_traces(secret.get()) for secret in secrets if secret]
    return cast(T, _redacted(value, traces)) if traces else value


def redact_error(error: NeuroScriptError, secrets: Iterable[Secret]) -> NeuroScriptError:
    """Masks keys in an error: returns a masked copy without causes where it or a cause shows a key, else the error."""
    secrets = list(secrets)
    link: BaseException | None = error
    while link is not None:
        notes = getattr(link, "__notes__", ())
        shown = f"{link!r} {link} {getattr(link, 'details', '')} {notes}"
        if redact(shown, secrets) != shown:
            return NeuroScriptError(error.code, redact(error.message, secrets), details=redact(error.details, secrets))
        link = link.__cause__ or link.__context__
    return error


def _redacted(value: Any, traces: list[_Traces]) -> Any:
    match value:
        case str():
            for trace in traces:
                value = trace.mask(value)
            return value
        case bool() | int() | float() | None:
            return value
        case Mapping():
            return {_redacted(name, traces): _redacted(item, traces) for name, item in value.items()}
        case list():
            return [_redacted(item, traces) for item in value]
        case tuple():
            return tuple(_redacted(item, traces) for item in value)
    shown = repr(value)
    masked = _redacted(shown, traces)
    return value if masked == shown else masked


class _Traces:
    """What a key leaves in a text: every run of `_SHOWN` characters of every spelling of it, in lower case.

    Looking for them costs next to nothing where there are none: a run of eight characters anywhere in a text has four
    in a row that begin at a multiple of five, so one look-up for every five characters tells.
    """

    __slots__ = ("_runs", "_seeds", "_short")

    def __init__(self, key: str) -> None:
        spellings = set(_spellings(key))
        self._short = sorted((spelling for spelling in spellings if len(spelling) < _SHOWN), key=len, reverse=True)
        folded = {_folded(spelling) for spelling in spellings}
        self._runs = frozenset(text[at : at + _SHOWN] for text in folded for at in range(len(text) - _SHOWN + 1))
        self._seeds = frozenset(run[at : at + 4] for run in self._runs for at in range(_SHOWN - 3))

    def mask(self, text: str) -> str:
        """Returns the text with ``***`` for every part that shows the key."""
        for spelling in self._short:
            text = text.replace(spelling, MASK)
        # Again, since what stood before a masked part and what stood behind it may show something together.
        while spans := self._spans(text):
            ends = [0, *(end for _, end in spans)]
            starts = [*(start for start, _ in spans), len(text)]
            text = MASK.join(text[end:start] for end, start in zip(ends, starts, strict=True))
        return text

    def _spans(self, text: str) -> list[tuple[int, int]]:
        text = _folded(text)
        if self._seeds.isdisjoint([text[at : at + 4] for at in range(0, len(text) - 3, _SHOWN - 3)]):
            return []
        spans: list[tuple[int, int]] = []
        for at in range(len(text) - _SHOWN + 1):
            if text[at : at + _SHOWN] in self._runs:
                start = spans.pop()[0] if spans and at <= spans[-1][1] else at
                spans.append((start, at + _SHOWN))
        return spans


@lru_cache(maxsize=64)
def _traces(key: str) -> _Traces:
    # Making them takes 0.3 to 1 ms, as long as all the rest of a call.
    return _Traces(key)


_LOWER: Final = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def _folded(text: str) -> str:
    """The text in lower case, as far as it is ASCII: every character stays where it was."""
    return text.lower() if text.isascii() else text.translate(_LOWER)


def _spellings(key: str) -> Iterator[str]:
    """The texts in which a key may turn up."""
    escaped = json.dumps(key)[1:-1]
    yield from (key, escaped, json.dumps(key, ensure_ascii=False)[1:-1], repr(key)[1:-1])
    if len(key) < 4:
        return
    # PHP escapes slashes in JSON, Go what would be special in HTML, .NET that and more; and JSON stands in JSON.
    yield escaped.replace("/", "\\/")
    yield re.sub("[<>&]", _unicode_escape, escaped)
    yield re.sub("[<>&'+`]", _unicode_escape, escaped.replace('\\"', '"').replace('"', "\\u0022"))
    yield json.dumps(escaped)[1:-1]
    yield html.escape(key)
    yield html.escape(key).replace("&#x27;", "&#39;")
    # Of a variable that is not UTF-8, Python keeps the bytes in this way.
    data = key.encode("utf-8", "surrogateescape")
    for quoted in (quote(data, safe=""), quote(data), quote_plus(data)):
        yield from (quoted, quote(quoted, safe=""))
    yield data.hex()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        # The last character of a text in base64, and at other alignments the first, depends on what stands beside it.
        yield encode(data).decode()
        yield encode(data).decode().rstrip("=")
        for before in range(3):
            inner = encode(bytes(before) + data).decode()[-(-before * 8 // 6) : (before + len(data)) * 8 // 6]
            if len(inner) >= _SHOWN:
                yield inner


def _unicode_escape(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"
