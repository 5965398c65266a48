"""Attacks by addresses: making the host's process talk to a server that the script has no business with."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from threading import Event
from typing import Any

import pytest

from ai_wm import AIWorkerManager, WorkerPolicy
from ai_wm.providers import Clients, connections, http
from ai_wm.providers.breaker import MOST_STATES, Breaker
from ai_wm.providers.pace import MOST_PACED, Pace
from ai_wm.providers.transport import MOST_ORIGINS, Transport
from tests.ai_wm.helpers import raises_code, worker
from tests.ai_wm.providers.loopback import reply, serve
from tests.ai_wm.providers.support import body_of, request
from tests.attacks.world import SECRETS, World, adding, env, ids

DISGUISES: list[tuple[str, str]] = [
    ("A port of this machine was scanned: what answers and what refuses told what runs here.", "$EVIL/v1"),
    ("The metadata service of the cloud answered with the machine's own credentials.", "http://169.254.169.254/v1"),
    ("A host of the internal network answered, which no firewall keeps this process from.", "http://10.0.0.5:8080/v1"),
    ("The approved host stood in the user name, the hostile one behind it.", "https://api.openai.com@evil.example/v1"),
    ("A backslash ended the host for one parser and not for the other.", "https://evil.example\\@api.openai.com/v1"),
    ("A fragment hid the approved host from the one that sends.", "https://evil.example#@api.openai.com/v1"),
    ("The approved host was the beginning of a longer name.", "https://api.openai.com.evil.example/v1"),
    ("A number stood for an address of this machine.", "http://2130706433/v1"),
    ("An octal number stood for an address of this machine.", "http://0177.0.0.1/v1"),
    ("A shortened address went past the comparison with 127.0.0.1.", "http://127.1/v1"),
    ("An IPv6 address had this machine's IPv4 address in it.", "http://[::ffff:127.0.0.1]/v1"),
    ("A letter of another alphabet looked like the approved name.", "https://api.οpenai.com/v1"),
    ("A blank and a line end made a second request of the rest.", "https://api.openai.com/v1 HTTP/1.1\r\nHost: evil"),
    ("Another scheme read a file.", "file:///etc/passwd"),
    ("Another scheme spoke another protocol.", "gopher://127.0.0.1:6379/_SET"),
]


@pytest.mark.parametrize(("says", "address"), DISGUISES, ids=ids(DISGUISES))
def test_an_address_that_was_not_granted(world: World, says: str, address: str) -> None:
    policy = WorkerPolicy(origins=("https://api.openai.com",))
    script = world.script(world.manager(), policy)
    assert script.code(adding("w", base_config={"base_url": address}) + '\nask "w", "x" into r') in (10, 18), says
    assert world.evil.received == []


PATHS: list[tuple[str, str, str]] = [
    ("Dot segments led from one account of a gateway to another.", "/v1/acct-7/../acct-8", "m"),
    ("Encoded dot segments did, where the gateway decodes them.", "/v1/acct-7/%2e%2e/acct-8", "m"),
    ("A server that cuts parameters off a segment found dots in it.", "/v1/acct-7/..;/acct-8", "m"),
    ("It did where the parameter had a name.", "/v1/acct-7/..;x=1/acct-8", "m"),
    ("It did where all of it was encoded.", "/v1/acct-7/%2e%2e%3b/acct-8", "m"),
    ("Half encoded, a comparison of texts saw no dots.", "/v1/acct-7/.%2e/acct-8", "m"),
    ("A server that decodes twice found them behind two escapes.", "/v1/acct-7/%252e%252e/acct-8", "m"),
    ("A server that drops what stands behind dots found two of them.", "/v1/acct-7/.../acct-8", "m"),
    ("A blank behind the dots was dropped.", "/v1/acct-7/..%20/acct-8", "m"),
    ("A server that joins slashes met the dots one segment later.", "/v1/acct-7//../acct-8", "m"),
    ("Full-width dots became the usual ones.", "/v1/acct-7/．．/acct-8", "m"),
    ("Bytes that are no UTF-8 were read as dots.", "/v1/acct-7/%c0%ae%c0%ae/acct-8", "m"),
    ("An encoded backslash was a slash.", "/v1/acct-7/..%5cacct-8", "m"),
    ("An encoded slash did.", "/v1/acct-7/..%2facct-8", "m"),
    ("A longer name began like the account's.", "/v1/acct-77", "m"),
    ("The path was above the account's.", "/v1", "m"),
]


@pytest.mark.parametrize(("says", "path", "model"), PATHS, ids=ids(PATHS))
def test_an_approval_is_for_whole_segments_of_a_path(world: World, says: str, path: str, model: str) -> None:
    granted = f"{world.friend.url}/v1/acct-7"
    policy = WorkerPolicy(keys={"env:GROQ_API_KEY": [granted]})
    script = world.script(world.manager(), policy)
    base = {"base_url": f"$FRIEND{path}"}
    script.run(adding("w", env("GROQ_API_KEY"), model_name=model, base_config=base))
    assert script.code('ask "w", "x" into r') in (10, 18), says
    assert world.friend.received == []
    script.run(adding("v", env("GROQ_API_KEY"), base_config={"base_url": "$FRIEND/v1/acct-7"}))
    script.run('ask "v", "x" into r')
    assert world.friend.received[0].path == "/v1/acct-7/chat/completions"


def test_the_name_of_a_model_leads_out_of_no_path(world: World) -> None:
    """The name of a Gemini model is a part of the address: with ../ in it the key went to another path."""
    world.environ["GOOGLE_GEMINI_BASE_URL"] = f"{world.friend.url}/acct-7"
    script = world.script(world.manager())
    for number, model in enumerate(("../../acct-8/models/x", "x/../../../../acct-8", "%2e%2e/%2e%2e/acct-8", "a%2f..")):
        script.run(adding(f"w{number}", env("GEMINI_API_KEY"), provider="google", model_name=model))
        script.code(f'ask "w{number}", "x" into r')
    paths = [request.path for request in world.friend.received]
    assert all(path.startswith("/acct-7/v1beta/models/") and ".." not in path for path in paths), paths


def test_over_plain_http_a_key_goes_to_this_machine_alone(world: World) -> None:
    """Anybody on the way read the key."""
    manager = world.manager()
    plain = {"base_url": "http://gateway.example/v1"}
    world.host_adds(manager, base_config=plain, auth=env("GROQ_API_KEY"))
    with raises_code(10, "allow_http: true"):
        manager.execute_stateless_task("helper", "x")
    assert "allow_http: true" in world.script(manager).refusal('ask "helper", "x" into r')
    script = world.script(manager, WorkerPolicy(origins=("http://gateway.example",)))
    script.run(adding("w", {"method": "inline", "value": "sk-own"}, base_config=plain))
    assert "plain http" in script.refusal('ask "w", "x" into r')
    # The host says that it may, or has the operator's variable say it.
    manager.update_worker_definition("helper", {"base_config": {**plain, "allow_http": True, "timeout_seconds": 0.2}})
    assert script.code('ask "helper", "x" into r') in (16, 31)
    world.environ["OPENAI_BASE_URL"] = "http://gateway.example/v1"
    world.host_adds(manager, "by variable", base_config={"timeout_seconds": 0.2})
    assert script.code('ask "by variable", "x" into r') in (16, 31)


def test_a_script_does_not_say_that_plain_http_will_do(world: World) -> None:
    """The setting that lets the host's key go over plain http was the script's to set."""
    manager = world.manager()
    world.host_adds(manager, base_config={"base_url": "http://gateway.example/v1"})
    script = world.script(manager)
    assert "allow_http" in script.refusal('ask "helper", "x" with {"allow_http": true} into r')
    script.refusal(adding("w", env("OPENAI_API_KEY"), base_config={"allow_http": True}))
    # Not even where the host lets scripts set it does it count for the key of the host's definition.
    granted = world.script(manager, WorkerPolicy(overrides=("allow_http",)))
    assert "plain http" in granted.refusal('ask "helper", "x" with {"allow_http": true} into r')


def test_the_variable_of_the_operator_replaces_the_public_address(world: World) -> None:
    """The operator had all calls go through a gateway that watches them; a script named the public address."""
    script = world.script(world.manager())
    public = {"base_url": "https://api.openai.com/v1"}
    script.run(adding("w", env("OPENAI_API_KEY"), provider="openai", base_config=public))
    assert "--allow-key env:OPENAI_API_KEY=https://api.openai.com" in script.refusal('ask "w", "x" into r')


def test_the_operator_is_who_made_the_manager(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The manager was given variables of its own, and yet the process's decided where the key went."""
    monkeypatch.setenv("OPENAI_BASE_URL", f"{world.evil.url}/v1")
    manager = world.manager()
    world.host_adds(manager)
    world.script(manager).run('ask "helper", "x" into r')
    assert len(world.friend.received) == 1


def test_an_address_without_a_key_is_granted_by_origins(world: World) -> None:
    script = world.script(world.manager(), WorkerPolicy(origins=(f"{world.friend.url}/v1",)))
    script.run(adding("w", base_config={"base_url": "$FRIEND/v1"}) + '\nask "w", "x" into r')
    script.run(adding("v", base_config={"base_url": "$FRIEND/other"}))
    assert script.code('ask "v", "x" into r') == 10
    (request,) = world.friend.received
    assert "authorization" not in request.headers


def test_a_setting_of_the_address_is_granted_by_overrides(world: World) -> None:
    policy = WorkerPolicy(overrides=("base_url",), origins=(world.evil.url,))
    manager = world.manager()
    world.host_adds(manager)
    world.host_adds(manager, "keyless", auth={"method": "none"})
    script = world.script(manager, policy)
    # Where it may go is one thing, where the key may go another.
    script.refusal('ask "helper", "x" with {"base_url": "$EVIL/v1"} into r')
    script.run('ask "keyless", "x" with {"base_url": "$EVIL/v1"} into r')
    assert len(world.evil.received) == 1


def test_ollama_on_this_machine_needs_no_grant_and_another_port_does(world: World) -> None:
    """A script asked whatever runs on this machine in Ollama's name."""
    world.environ["OLLAMA_HOST"] = world.friend.url
    world.friend.will(reply(body_of("ollama")))
    script = world.script(world.manager())
    script.run(adding("w", provider="ollama") + '\nask "w", "x" into r')
    assert [received.path for received in world.friend.received] == ["/api/chat"]
    script.run(adding("v", provider="ollama", base_config={"base_url": "$EVIL"}))
    script.refusal('ask "v", "x" into r')
    assert world.evil.received == []


# --- taking what a process has by many addresses ---


def test_many_addresses_take_no_many_file_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    """400 different addresses took every file descriptor of the process: each kept a connection, or a whole pool."""
    monkeypatch.setattr(connections, "KEEP_CONNECTIONS", 8)
    with ExitStack() as stack:
        servers = [stack.enter_context(serve()) for _ in range(40)]
        manager = stack.enter_context(AIWorkerManager())
        for number, server in enumerate(servers):
            server.will(reply(body_of("openai")))
            config = {"base_url": f"{server.url}/v1"}
            id_ = manager.add_worker_definition(worker(f"w{number}", provider="custom", base_config=config))
            assert manager.execute_stateless_task(id_, "x").output == "Hi there"
        kept: Any = manager._wiring.clients._transport._connections[None]  # type: ignore[union-attr]
        assert sum(map(len, kept._idle.values())) == 8
        # The servers that were asked last are those whose connections were kept.
        for number in (39, 32, 31):
            manager.execute_stateless_task(f"w{number}", "x")
        assert [servers[number].connections for number in (39, 32, 31)] == [1, 1, 2]


def test_what_is_remembered_of_addresses_is_bounded() -> None:
    """Each new address left something behind for as long as the process lived."""
    transport, breaker, pace = Transport(), Breaker(), Pace()
    carriers = set()
    for number in range(3 * MOST_ORIGINS):
        address = f"https://h{number}.example"
        carriers.add(transport.carrier(address))
        breaker.failed(address, "m")
        pace.answered((address, "m"))
        pace.wait((address, "m"), 1.0, 10.0)
    assert len(transport._carriers) <= MOST_ORIGINS
    assert len(carriers) == 1
    assert len(breaker._states) <= MOST_STATES
    assert max(len(pace._answered), len(pace._next)) <= MOST_PACED
    transport.close()


def test_what_a_client_learns_of_servers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each address that was asked left behind how it wants to be asked."""
    monkeypatch.setattr(http, "MOST_REMEMBERED", 3)
    unknown = reply({"error": {"message": "'max_tokens' is not supported; use 'max_completion_tokens' instead"}}, 400)
    with ExitStack() as stack:
        clients = stack.enter_context(closing(Clients()))
        client: Any = clients.for_provider("custom")
        for _ in range(5):
            server = stack.enter_context(serve())
            server.will(unknown, reply({}, 404), reply(body_of("openai")))
            client.complete(request("custom", config={"base_url": server.url, "max_output_tokens": 5}))
        assert (len(client._found), len(client._amendments)) == (3, 3)


def test_a_reply_goes_on_though_its_server_is_forgotten(world: World) -> None:
    """A script that named a thousand addresses cut the replies of everybody else on the same manager."""
    going, named = Event(), Event()

    def halting(connection: Any) -> None:
        whole = reply(body_of("openai"))
        connection.sendall(whole[:-9])
        going.set()
        assert named.wait(30)
        connection.sendall(whole[-9:])

    world.friend.will(halting, reply(body_of("openai")))
    manager = world.manager()
    world.host_adds(manager)
    with ThreadPoolExecutor() as threads:
        task = threads.submit(manager.execute_stateless_task, "helper", "x")
        assert going.wait(30)
        transport: Any = manager._wiring.clients._transport
        for number in range(2 * MOST_ORIGINS):
            transport.carrier(f"https://h{number}.example")
        named.set()
        assert task.result(30).output == "Hi there"
    assert manager.execute_stateless_task("helper", "x").output == "Hi there"
    assert world.friend.connections == 1, "the connection was kept, and used again"


def test_a_secret_in_a_refused_address_is_not_repeated(world: World) -> None:
    """An address with a password in it came back in the error."""
    manager = world.manager()
    script = world.script(manager)
    key = SECRETS["DATABASE_PASSWORD"]
    script.run(adding("w", base_config={"base_url": f"https://user:{key}@db.example/v1"}))
    with raises_code(18) as caught:
        script.run('ask "w", "x" into r')
    assert key not in str(caught.value)
    world.seen.clear()  # the script said it itself when it added the definition
