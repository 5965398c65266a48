"""Keys: six places that they come from, and no place where they can be seen."""

from __future__ import annotations

import base64
import copy
import dataclasses
import json
import logging
import pickle
import sys
import threading
import traceback
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_wm.data.types import APIKeySource, APIKeySourceMethod, APIKeyStatus
from ai_wm.keys import Secret, key_status, redact, resolve_key
from ai_wm.keys.sources import source_name
from neuroscript.errors import AccessError, ErrorCode, NeuroScriptError, StateError

KEY = "sk-test/1234+5678=abc"


def source(method: str, value: str = "") -> APIKeySource:
    return APIKeySource(method=APIKeySourceMethod(method), value=value)


def text_of_error(error: BaseException) -> str:
    """Everything that a log with a traceback, its causes and its locals would show, from the tested code on."""
    assert error.__traceback__ is not None
    frames = error.__traceback__.tb_next
    shown = traceback.TracebackException(type(error), error, frames, capture_locals=True)
    contexts = [error, error.__cause__, error.__context__]
    return "".join(shown.format()) + "".join(repr(vars(part)) for part in contexts if part is not None)


class Found:
    """What looking for a key came to: its text, or the error, which must not show the key."""

    def __init__(self, where: APIKeySource, **places: Any) -> None:
        self.status = key_status(where, **places)
        self.key, self.error, shown = "", "", ""
        try:
            secret = resolve_key(where, **places)
            self.key = "" if secret is None else secret.get()
        except NeuroScriptError as error:
            self.error, self.code, shown = error.message, error.code, text_of_error(error)
        assert KEY not in shown


# --- where keys come from ---


def test_no_key_is_asked_for() -> None:
    assert resolve_key(source("none")) is None
    assert key_status(source("none")) == APIKeyStatus.NOT_CONFIGURED


def test_an_environment_variable() -> None:
    found = Found(source("env_var", "MY_KEY"), environ={"MY_KEY": f" {KEY}\n"})
    assert (found.key, found.status) == (KEY, APIKeyStatus.FOUND)
    missing = Found(source("env_var", "MY_KEY"), environ={"OTHER": KEY})
    assert missing.status == APIKeyStatus.NOT_FOUND
    assert missing.code == ErrorCode.CONFIGURATION
    assert "the environment variable MY_KEY" in missing.error
    empty = Found(source("env_var", "MY_KEY"), environ={"MY_KEY": "  "})
    assert empty.status == APIKeyStatus.NOT_FOUND


def test_the_variables_of_the_process_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEUROSCRIPT_TEST_KEY", KEY)
    assert Found(source("env_var", "NEUROSCRIPT_TEST_KEY")).key == KEY


def test_inline() -> None:
    assert Found(source("inline", KEY)).key == KEY


@pytest.mark.parametrize("method", ["env_var", "inline", "config_path", "vault", "keyring"])
def test_an_empty_value_is_not_configured(method: str) -> None:
    found = Found(source(method, ""))
    assert found.status == APIKeyStatus.NOT_CONFIGURED
    assert "auth.value is empty" in found.error


@pytest.mark.parametrize(
    ("name", "text", "key"),
    [
        ("keys.toml", f'[openai]\nkey = "{KEY}"', "openai.key"),
        ("keys.toml", f'"dotted.name" = "{KEY}"', "dotted.name"),
        ("keys.json", json.dumps({"openai": {"key": KEY}}), "openai.key"),
        ("keys.env", f"OTHER=x\nexport OPENAI='{KEY}'  # mine", "OPENAI"),
        (".env", f'OPENAI="{KEY}"', "OPENAI"),
        (".env.local", f"OPENAI = {KEY} # mine", "OPENAI"),
        ("deep/er/keys.toml", f'key = "{KEY}"', "key"),
    ],
)
def test_a_file_of_the_configuration_directory(tmp_path: Path, name: str, text: str, key: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    found = Found(source("config_path", f"{name}#{key}"), config_dir=tmp_path)
    assert (found.key, found.error, found.status) == (KEY, "", APIKeyStatus.FOUND)


def test_dotenv_values_are_read_as_they_are_written_elsewhere(tmp_path: Path) -> None:
    lines = [
        "# keys",
        "",
        "A=plain # comment",
        "B=with#hash",
        r'C="two\nlines \"quoted\" # not a comment"',
        "D='raw $x'",
    ]
    (tmp_path / ".env").write_text("\n".join([*lines, "E=", "A=last"]), encoding="utf-8")
    expected = {"A": "last", "B": "with#hash", "C": 'two\nlines "quoted" # not a comment', "D": "raw $x", "E": ""}
    assert {name: Found(source("config_path", f".env#{name}"), config_dir=tmp_path).key for name in "ABCDE"} == expected


@pytest.mark.parametrize(
    ("text", "value", "status", "message"),
    [
        (f'key = "{KEY}"', "keys.toml#other", APIKeyStatus.NOT_FOUND, "the file has no 'other' there"),
        (f'key = "{KEY}"', "keys.toml#key.deeper", APIKeyStatus.NOT_FOUND, "the file has no 'deeper' there"),
        (f'[key]\nsub = "{KEY}"', "keys.toml#key", APIKeyStatus.ERROR_RESOLVING, "holds a dict"),
        (f'key = "{KEY}', "keys.toml#key", APIKeyStatus.ERROR_RESOLVING, "is not valid TOML, end of document"),
        (f'key = = "{KEY}"', "keys.toml#key", APIKeyStatus.ERROR_RESOLVING, "is not valid TOML, line 1, column 7"),
        (f'key = "{KEY}"', "keys.toml", APIKeyStatus.ERROR_RESOLVING, "path#dotted.key"),
        (f'key = "{KEY}"', "other.toml#key", APIKeyStatus.NOT_FOUND, "there is no such file"),
        (f'key = "{KEY}"', "keys.yaml#key", APIKeyStatus.ERROR_RESOLVING, "must be a .toml, .json or .env file"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_without_its_content(
    tmp_path: Path, text: str, value: str, status: APIKeyStatus, message: str
) -> None:
    (tmp_path / "keys.toml").write_text(text, encoding="utf-8")
    found = Found(source("config_path", value), config_dir=tmp_path)
    assert message in found.error
    assert found.status == status
    assert found.code == ErrorCode.CONFIGURATION


@pytest.mark.parametrize("content", [f'{{"key": "{KEY}", }}'.encode(), b"\xff" + KEY.encode(), b"[" * 100_000])
def test_a_bad_json_file_shows_nothing_of_itself(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "keys.json").write_bytes(content)
    found = Found(source("config_path", "keys.json#key"), config_dir=tmp_path)
    assert found.status == APIKeyStatus.ERROR_RESOLVING
    assert "keys.json is not" in found.error


def test_a_path_out_of_the_configuration_directory_is_refused(tmp_path: Path) -> None:
    inside = tmp_path / "config"
    inside.mkdir()
    (tmp_path / "secret.json").write_text(json.dumps({"key": KEY}), encoding="utf-8")
    (inside / "link.json").symlink_to(tmp_path / "secret.json")
    for path in ("../secret.json", str(tmp_path / "secret.json"), "link.json", "a/../../secret.json"):
        with pytest.raises(AccessError, match="outside the configuration directory") as caught:
            resolve_key(source("config_path", f"{path}#key"), config_dir=inside)
        assert caught.value.code == ErrorCode.PATH_VIOLATION
        assert key_status(source("config_path", f"{path}#key"), config_dir=inside) == APIKeyStatus.ERROR_RESOLVING


def test_the_users_configuration_directory_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import platformdirs

    monkeypatch.setattr(platformdirs, "user_config_dir", lambda name, appauthor: str(tmp_path / name))
    (tmp_path / "neuroscript").mkdir()
    (tmp_path / "neuroscript" / "keys.json").write_text(json.dumps({"key": KEY}), encoding="utf-8")
    assert Found(source("config_path", "keys.json#key")).key == KEY


# --- vault ---

TOKEN = "vault-token-0123456789"


class _Vault(BaseHTTPRequestHandler):
    """The read API of a KV version 2 secrets engine, as far as one secret goes."""

    def do_GET(self) -> None:
        status, answer = self._answer()
        body = json.dumps(answer).encode()
        self.send_response(status)
        if status == 307:
            self.send_header("Location", "http://127.0.0.1:9/v1/kv/data/teams/ai")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _answer(self) -> tuple[int, dict[str, Any]]:
        if self.headers.get("X-Vault-Token") != TOKEN:
            return 403, {"errors": ["permission denied", f"{KEY}"]}
        match self.path.removeprefix("/v1/"):
            case "kv/data/teams/ai":
                return 200, {"data": {"data": {"key": KEY, "number": 5}, "metadata": {"version": 1}}}
            case "kv/data/gone":
                return 404, {
                    "data": {"data": None, "metadata": {"deletion_time": "2026-01-01T00:00:00Z", "version": 1}}
                }
            case "kv/data/sealed":
                return 503, {"errors": ["Vault is sealed"]}
            case "kv/data/moved":
                return 307, {}
            case "old/data/teams/ai":
                return 200, {"data": {"key": KEY}}
        return 404, {"errors": []}

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture
def vault() -> Iterator[dict[str, str]]:
    """The environment of a program that uses a vault running on this machine."""
    pytest.importorskip("hvac", reason="the extra 'vault' is not installed")
    with HTTPServer(("127.0.0.1", 0), _Vault) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield {"VAULT_ADDR": f"http://127.0.0.1:{server.server_port}", "VAULT_TOKEN": TOKEN}
        server.shutdown()
        thread.join()


def test_a_vault(vault: dict[str, str]) -> None:
    found = Found(source("vault", "kv/teams/ai#key"), environ=vault)
    assert (found.key, found.error, found.status) == (KEY, "", APIKeyStatus.FOUND)


@pytest.mark.parametrize(
    ("value", "status", "message"),
    [
        ("kv/teams/ai#other", APIKeyStatus.NOT_FOUND, "the secret has no field 'other'"),
        ("kv/teams/ai#number", APIKeyStatus.ERROR_RESOLVING, "holds a int"),
        ("kv/teams/none#key", APIKeyStatus.NOT_FOUND, "there is no such secret"),
        ("kv/gone#key", APIKeyStatus.NOT_FOUND, "or its latest version was deleted"),
        ("kv/sealed#key", APIKeyStatus.ERROR_RESOLVING, "check VAULT_ADDR"),
        ("kv/moved#key", APIKeyStatus.ERROR_RESOLVING, ""),
        ("old/teams/ai#key", APIKeyStatus.ERROR_RESOLVING, "not that of a KV version 2"),
        ("kv#key", APIKeyStatus.ERROR_RESOLVING, "mount/path#field"),
    ],
)
def test_what_a_vault_does_not_give(vault: dict[str, str], value: str, status: APIKeyStatus, message: str) -> None:
    found = Found(source("vault", value), environ=vault)
    assert message in found.error
    assert found.status == status
    assert found.code == ErrorCode.CONFIGURATION
    assert TOKEN not in found.error


def test_a_vault_that_refuses_the_token(vault: dict[str, str]) -> None:
    found = Found(source("vault", "kv/teams/ai#key"), environ={**vault, "VAULT_TOKEN": "wrong-token-123"})
    assert "VAULT_TOKEN is not valid there" in found.error
    assert "wrong-token-123" not in found.error


def test_a_vault_that_is_not_there() -> None:
    pytest.importorskip("hvac", reason="the extra 'vault' is not installed")
    environment = {"VAULT_ADDR": "http://127.0.0.1:9", "VAULT_TOKEN": TOKEN}
    found = Found(source("vault", "kv/teams/ai#key"), environ=environment)
    assert found.status == APIKeyStatus.ERROR_RESOLVING
    assert "http://127.0.0.1:9" in found.error


@pytest.mark.parametrize("missing", ["VAULT_ADDR", "VAULT_TOKEN"])
def test_a_vault_needs_its_address_and_token(missing: str) -> None:
    environment = {"VAULT_ADDR": "http://127.0.0.1:9", "VAULT_TOKEN": TOKEN}
    del environment[missing]
    found = Found(source("vault", "kv/teams/ai#key"), environ=environment)
    assert f"the environment variable {missing} is not set" in found.error


@pytest.mark.parametrize(("method", "value", "library"), [("vault", "kv/a#key", "hvac"), ("keyring", "s/u", "keyring")])
def test_a_library_that_is_not_installed(
    monkeypatch: pytest.MonkeyPatch, method: str, value: str, library: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    found = Found(source(method, value), environ={"VAULT_ADDR": "http://127.0.0.1:9", "VAULT_TOKEN": TOKEN})
    assert f"pip install 'neuroscript[{method}]'" in found.error
    assert found.status == APIKeyStatus.ERROR_RESOLVING


# --- keyring ---


def test_the_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    keyring = pytest.importorskip("keyring", reason="the extra 'keyring' is not installed")
    errors = pytest.importorskip("keyring.errors")

    def get_password(service: str, user: str) -> str | None:
        if service == "locked":
            raise errors.KeyringLocked("the keyring is locked")
        return KEY if (service, user) == ("https://api.example/v1", "me") else None

    monkeypatch.setattr(keyring, "get_password", get_password)
    assert Found(source("keyring", "https://api.example/v1/me")).key == KEY
    missing = Found(source("keyring", "other/me"))
    assert missing.status == APIKeyStatus.NOT_FOUND
    assert "keyring set other me" in missing.error
    locked = Found(source("keyring", "locked/me"))
    assert locked.status == APIKeyStatus.ERROR_RESOLVING
    assert "KeyringLocked" in locked.error
    assert "service/user" in Found(source("keyring", "nothing")).error


# --- how keys stay out of sight ---


@dataclasses.dataclass
class Holder:
    key: Secret


def test_a_secret_is_never_shown(caplog: pytest.LogCaptureFixture) -> None:
    secret = Secret(KEY)
    holder = Holder(secret)
    caplog.set_level(logging.DEBUG)
    logging.getLogger("test").info("the key is %s, %r and %s", secret, secret, holder)
    shown = [str(secret), repr(secret), f"{secret}", f"{secret!r:>20}", f"{secret:^9}", "%s" % secret, repr(holder)]  # noqa: UP031
    shown += [repr([secret]), str({"key": secret}), repr(dataclasses.asdict(holder)), caplog.text]
    assert all("***" in text for text in shown)
    assert KEY not in "".join(shown)
    with pytest.raises(TypeError):
        json.dumps(secret)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(secret, protocol)
    with pytest.raises(TypeError):
        vars(secret)


def test_a_traceback_with_locals_does_not_show_a_secret() -> None:
    def call_model(key: Secret) -> None:
        headers = {"authorization": key}
        raise StateError(ErrorCode.CONFIGURATION, f"failed with {headers}")

    with pytest.raises(StateError) as caught:
        call_model(Secret(KEY))
    assert KEY not in text_of_error(caught.value)


def test_secrets_are_values() -> None:
    secret = Secret(KEY)
    assert secret == Secret(KEY) != Secret("other")
    assert secret != KEY
    assert len({secret, Secret(KEY)}) == 1
    assert secret
    assert not Secret("")
    assert copy.copy(secret) is copy.deepcopy(secret) is secret


def test_a_key_is_taken_out_of_a_text_in_whatever_clothes() -> None:
    secret = Secret(KEY)
    forms = [KEY, quote(KEY), quote(KEY, safe=""), quote_plus(KEY), quote(KEY, safe="").lower(), json.dumps(KEY)]
    forms += [base64.b64encode(KEY.encode()).decode(), base64.urlsafe_b64encode(KEY.encode()).decode()]
    text = redact(" | ".join(forms), [secret])
    assert text == " | ".join(["***"] * 5 + ['"***"'] + ["***"] * 2)
    for user in ("", "u", "us", "use"):
        basic = base64.b64encode(f"{user}:{KEY}".encode()).decode()
        assert "***" in redact(basic, [secret])
        assert KEY not in base64.b64decode(redact(basic, [secret]).replace("***", "") + "====").decode(errors="replace")
    assert redact("nothing to hide", [secret, Secret("")]) == "nothing to hide"
    assert redact("a b", [Secret("a"), Secret("b")]) == "*** ***"


@given(st.text(min_size=4, max_size=40).filter(lambda key: "*" not in key), st.text(max_size=20))
def test_no_key_survives_redaction(key: str, around: str) -> None:
    text = f"{around}{key}{around}{json.dumps(key)}"
    assert key not in redact(text, [Secret(key)])


@pytest.mark.parametrize(
    "value",
    [
        "kv/../sys/raw#x",
        "kv/team/..#x",
        "kv/./x#y",
        "kv//x#y",
        "kv/%2e%2e/x#y",
        "kv/a%2fb#y",
        "kv/a\\b#y",
        "kv/a?version=1#y",
        "kv/a#b#c",
        "kv/a\n#b",
        "/kv/a#b",
        "kv#b",
    ],
)
def test_a_vault_path_stays_in_its_mount(value: str) -> None:
    variables = {"VAULT_ADDR": "http://127.0.0.1:1", "VAULT_TOKEN": "t"}
    source = APIKeySource(method="vault", value=value)
    with pytest.raises(NeuroScriptError, match="mount/path#field") as caught:
        resolve_key(source, environ=variables)
    assert caught.value.code == 18
    assert source_name(source) is None


def test_a_key_in_the_place_of_a_variable_is_not_shown() -> None:
    source = APIKeySource(method="env_var", value="sk-proj-1234567890abcdef")
    with pytest.raises(NeuroScriptError, match="name of an environment variable") as caught:
        resolve_key(source, environ={"sk-proj-1234567890abcdef": "x"})
    assert "1234567890" not in f"{caught.value} {source!r} {source.to_script()} {source.model_dump()}"


@pytest.mark.parametrize(
    ("method", "value", "name"),
    [
        ("env_var", " OPENAI_API_KEY ", "env:OPENAI_API_KEY"),
        ("env_var", "MY-KEY", None),
        ("config_path", "./keys.toml#openai.key", "config:keys.toml#openai.key"),
        ("config_path", "team//keys.toml#a", "config:team/keys.toml#a"),
        ("config_path", "../keys.toml#a", None),
        ("config_path", "/etc/keys.toml#a", None),
        ("vault", "kv/team/x#field", "vault:kv/team/x#field"),
        ("keyring", "service/user", "keyring:service/user"),
        ("inline", "sk-1", None),
        ("none", "", None),
    ],
)
def test_a_source_has_one_name(method: str, value: str, name: str | None) -> None:
    assert source_name(APIKeySource(method=method, value=value)) == name
