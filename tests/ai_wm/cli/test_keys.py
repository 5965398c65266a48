"""``neuroscript keys``, and stored keys in use."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import types
from pathlib import Path

import pytest

from ai_wm import AIWorkerManager
from ai_wm.keys import stored
from neuroscript import NeuroScriptError
from tests.ai_wm.cli.conftest import KEY, Home

FILE = stored.FILE


def test_a_key_is_stored_listed_used_and_removed(home: Home) -> None:
    path = home.data / FILE
    assert home("keys", "list") == (
        0, "", "neuroscript: there are no keys yet; store one: neuroscript keys set PROVIDER\n",
    )  # fmt: skip
    assert home("keys", "set", "openai", stdin=f"{KEY}\n") == (0, f"the key of openai is in {path}\n", "")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert home("keys", "list") == (0, f"openai  {path}\n", "")
    assert home.rows("keys", "list", "--format", "jsonl") == [{"provider": "openai", "place": str(path), "origins": []}]
    home.add()
    assert home("ask", "hello")[:2] == (0, "A reply.\n")
    assert home.keys_seen == [KEY]
    assert home("workers", "check-auth")[0] == 0
    assert home("keys", "remove", "openai") == (0, "the key of openai is removed\n", "")
    assert KEY not in path.read_text()
    status, _, err = home("ask", "hello")
    assert (status, "neuroscript keys set openai" in err) == (1, True)
    assert home("keys", "remove", "openai")[0] == 1


def test_without_a_provider_it_alone_is_asked_for(home: Home) -> None:
    status, _, err = home("keys", "set")
    assert status == 2
    assert err.splitlines()[0] == "neuroscript keys set: the following arguments are required: PROVIDER"


def test_the_environment_comes_first(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home("keys", "set", "openai", stdin=KEY)
    home.add()
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-environment")
    home("ask", "hello")
    assert home.keys_seen == ["sk-of-the-environment"]
    _, out, _ = home("keys", "list")
    assert out.splitlines()[0] == "openai  $OPENAI_API_KEY"
    assert out.splitlines()[1].endswith("(not used: $OPENAI_API_KEY comes first)")
    assert "OPENAI_API_KEY is set, and comes before" in home("keys", "set", "openai", stdin=KEY)[2]


def test_a_host_that_gives_the_variables_means_those_alone(home: Home) -> None:
    home("keys", "set", "openai", stdin=KEY)
    home.add()
    with (
        AIWorkerManager(home.data / "workers", environ={"OPENAI_BASE_URL": f"{home.server.url}/v1"}) as manager,
        pytest.raises(NeuroScriptError, match="OPENAI_API_KEY"),
    ):
        manager.execute_stateless_task("fast", "hello")
    assert home.keys_seen == []


@pytest.mark.parametrize("who", ["the user", "a script"])
def test_a_stored_key_goes_to_its_provider_and_where_the_user_said(
    home: Home, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    """A definition of the host's approves its own address for a variable, and not for what is stored."""
    url = f"{home.server.url}/v1"
    monkeypatch.delenv("OPENAI_BASE_URL")
    home("keys", "set", "openai", stdin=KEY)
    home.add("gateway", "--base-url", url)
    home.write("p.ns", 'command\nask "gateway", "hello" into r\nemit r\nendcommand\n')
    ask = ["ask", "-w", "gateway", "hello"] if who == "the user" else ["run", "p.ns"]
    status, out, err = home(*ask)
    assert (status, out) == (1, "")
    assert f"keys set openai --origin {url}" in err
    assert home.keys_seen == []
    home("keys", "set", "openai", "--origin", url, stdin=KEY)
    assert home(*ask)[:2] == (0, "A reply.\n")
    assert home.keys_seen == [KEY]


def test_a_cloud_s_key_goes_to_the_cloud_s_own_hosts(home: Home) -> None:
    """Whose servers have no address before a definition names one."""
    from ai_wm.data.policy import WorkerPolicy
    from ai_wm.data.types import APIKeySource, APIKeySourceMethod
    from ai_wm.keys.approvals import Approvals, KeyUse, Standing
    from neuroscript import Address

    approvals = Approvals(WorkerPolicy(), lambda provider: ())
    source = APIKeySource(method=APIKeySourceMethod.ENV_VAR, value="AZURE_OPENAI_API_KEY")
    use = KeyUse(
        worker="w", name="w", standing=Standing.HOST, auth=source, provider="azure", own=None, server=None
    )  # fmt: skip
    secret = stored.StoredSecret(KEY, "azure", ())
    approvals.check_stored(use, secret, Address.parse("https://mine.openai.azure.com/openai/v1"))
    for url in ("https://openai.azure.com.evil.example/", "http://mine.openai.azure.com/", "https://api.openai.com/"):
        with pytest.raises(NeuroScriptError, match="keys set azure --origin"):
            approvals.check_stored(use, secret, Address.parse(url))


OWN = """\
command
call tool.AIWorkerDefinition.Add(name: "mine", provider: "openai", model_name: "m",
  auth: {"method": "env_var", "value": "OPENAI_API_KEY"}, base_config: {"base_url": "URL"},
  interaction_models: ["both"])
ask "mine", "hello" into r
emit r
endcommand
"""


def test_a_script_gets_a_stored_key_sent_to_no_address_of_its_own(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The words are the same whether there is a key or not, and where ``--origin`` named the address too."""
    monkeypatch.delenv("OPENAI_BASE_URL")
    url = f"{home.server.url}/v1"
    home.write("p.ns", OWN.replace("URL", url))
    before = home("run", "--allow-origin", url, "p.ns")
    home("keys", "set", "openai", "--origin", url, stdin=KEY)
    assert home("run", "--allow-origin", url, "p.ns") == before
    assert (before[0], "error 10 (SECURITY)" in before[2]) == (1, True)
    assert home.keys_seen == []


def test_a_key_is_no_argument(home: Home) -> None:
    status, out, err = home("keys", "set", "openai", KEY)
    assert (status, KEY in out + err, "standard input" in err) == (2, False, True)
    status, out, err = home("keys", "set", KEY)
    assert (status, KEY in out + err) == (2, False)
    assert "did you mean 'openai'?" in home("keys", "set", "opnai")[2]


@pytest.mark.parametrize("text", ["", " \n", "two words", "a\nb", "schlüssel", "x" * 9000])
def test_what_is_no_key_is_not_stored(home: Home, text: str) -> None:
    status, out, err = home("keys", "set", "openai", stdin=text)
    assert (status, out) == (1, "")
    assert "that is no key" in err
    assert not text.strip() or text not in err
    assert not (home.data / FILE).exists()


@pytest.mark.parametrize("url", ["http://gateway.example/v1", "gateway.example", "https://user:pw@gateway.example"])
def test_an_origin_is_an_address_that_may_get_a_key(home: Home, url: str) -> None:
    status, _, err = home("keys", "set", "openai", "--origin", url, stdin=KEY)
    assert (status, "pw" in err) == (2, False)
    assert not (home.data / FILE).exists()


@pytest.mark.parametrize(
    ("content", "mode", "message"),
    [
        ("no JSON", 0o600, "is not one of stored keys"),
        ('{"openai": "sk"}', 0o600, "is not one of stored keys"),
        ('{"openai": {"key": 1, "origins": []}}', 0o600, "is not one of stored keys"),
        (json.dumps({"openai": {"key": KEY, "origins": []}}), 0o644, "chmod 600"),
    ],
)
def test_a_file_that_cannot_be_relied_on_is_told_and_left(home: Home, content: str, mode: int, message: str) -> None:
    home.add()
    path = home.data / FILE
    path.write_text(content)
    path.chmod(mode)
    for arguments in (["ask", "hello"], ["keys", "list"], ["keys", "set", "groq"], ["keys", "remove", "openai"]):
        status, _, err = home(*arguments, stdin="gsk-1234" if arguments[1] == "set" else "")
        assert (status, message in err, KEY in err) == (1, True, False), arguments
    assert path.read_text() == content
    assert home.keys_seen == []


def test_a_link_is_not_followed(home: Home, tmp_path: Path) -> None:
    home.data.mkdir(parents=True)
    (tmp_path / "theirs").write_text("{}")
    (home.data / FILE).symlink_to(tmp_path / "theirs")
    assert home("keys", "set", "openai", stdin=KEY)[0] == 1
    assert (tmp_path / "theirs").read_text() == "{}"


def test_where_there_is_a_keyring_it_has_the_keys(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: dict[tuple[str, str], str] = {}
    failures = types.ModuleType("keyring.errors")
    failures.KeyringError = type("KeyringError", (Exception,), {})  # type: ignore[attr-defined]
    library = types.ModuleType("keyring")
    library.get_keyring = lambda: types.SimpleNamespace(priority=5)  # type: ignore[attr-defined]
    library.set_password = lambda *place_and_key: kept.update({place_and_key[:2]: place_and_key[2]})  # type: ignore[attr-defined]
    library.get_password = lambda *place: kept.get(place)  # type: ignore[attr-defined]
    library.delete_password = lambda *place: kept.pop(place)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keyring", library)
    monkeypatch.setitem(sys.modules, "keyring.errors", failures)
    assert home("keys", "set", "openai", stdin=KEY)[1] == "the key of openai is in the system's keyring\n"
    assert kept == {("neuroscript", "openai"): KEY}
    assert KEY not in (home.data / FILE).read_text()
    assert home("keys", "list")[1] == "openai  keyring\n"
    home.add()
    assert home("ask", "hello")[0] == 0
    assert home.keys_seen == [KEY]
    assert home("keys", "remove", "openai")[0] == 0
    assert kept == {}


def test_a_terminal_is_asked_and_shows_no_key(home: Home) -> None:
    pty = pytest.importorskip("pty")
    reader, writer = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "neuroscript", "keys", "set", "openai"],
        stdin=writer, stdout=writer, stderr=writer, start_new_session=True,
        preexec_fn=_take_terminal,
    )  # fmt: skip
    os.close(writer)
    seen = b""
    while b"not shown" not in seen:
        seen += os.read(reader, 1000)
    os.write(reader, KEY.encode() + b"\n")
    try:
        while part := os.read(reader, 1000):
            seen += part
    except OSError:  # on Linux the end of a terminal
        pass
    os.close(reader)
    assert process.wait(30) == 0
    assert KEY not in seen.decode()
    assert json.loads((home.data / FILE).read_text())["openai"]["key"] == KEY


def _take_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
