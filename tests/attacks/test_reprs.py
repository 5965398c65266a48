"""No object shows a secret when it is printed: in a log, a debugger, the details of a failed assertion, a traceback."""

from __future__ import annotations

import functools
import types
from collections.abc import Iterator
from typing import Any

import pytest

from ai_wm import WorkerPolicy
from ai_wm.calls.authorization import Authorization, Authorizer
from ai_wm.calls.runner import Runner
from ai_wm.providers.http import HTTPClient
from tests.attacks.world import ALL_SECRETS, INLINE, World, adding, env

HEADER = "sk-in-a-header-6a6a6a6a6a"
SCRIPTS = "sk-of-a-script-7b7b7b7b7b"
PROXY = "password-of-a-proxy-8c8c"

DEEPEST = 14
OURS = ("neuroscript", "ai_wm")


def is_ours(value: object) -> bool:
    """Whether a value is of a class of ours, or something that shows one: a bound method, a partial function."""
    kind = type(value)
    return kind.__module__.partition(".")[0] in OURS or kind in (functools.partial, types.MethodType)


def parts_of(value: object) -> Iterator[object]:
    """What an object refers to by its attributes, items, arguments or the variables of its closure."""
    if isinstance(value, dict | types.MappingProxyType):
        yield from value.keys()
        yield from value.values()
    elif isinstance(value, list | tuple | set | frozenset) or type(value).__name__ == "deque":
        yield from value  # type: ignore[misc]
    elif isinstance(value, functools.partial):
        yield from (value.func, value.args, value.keywords)
    elif isinstance(value, types.MethodType):
        yield value.__self__
    elif isinstance(value, types.FunctionType):
        for cell in value.__closure__ or ():
            with_content = None
            try:
                with_content = cell.cell_contents
            except ValueError:  # it is not set yet
                continue
            yield with_content
    elif is_ours(value):
        yield from getattr(value, "__dict__", {}).values()
        for base in type(value).__mro__:
            slots = base.__dict__.get("__slots__", ())
            for name in (slots,) if isinstance(slots, str) else slots:
                if name.startswith("__") and not name.endswith("__"):
                    name = f"_{base.__name__.lstrip('_')}{name}"
                if hasattr(value, name) and name not in ("__weakref__", "__dict__"):
                    yield getattr(value, name)


def reachable(*roots: object) -> list[object]:
    """Every object of ours that can be reached from some."""
    seen: dict[int, object] = {}
    pending = [(root, 0) for root in roots]
    while pending:
        value, depth = pending.pop()
        if id(value) in seen or depth > DEEPEST or isinstance(value, str | bytes | int | float | type | None):
            continue
        seen[id(value)] = value
        pending += [(part, depth + 1) for part in parts_of(value)]
    return [value for value in seen.values() if is_ours(value)]


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:{PROXY}@127.0.0.1:9")
    monkeypatch.setenv("SECRET_OF_THE_PROCESS", PROXY)
    return (*ALL_SECRETS, HEADER, SCRIPTS, PROXY)


def spy(monkeypatch: pytest.MonkeyPatch, kind: type, name: str, caught: list[object]) -> None:
    """Has what a method gets and gives kept: what lives while a call is going on."""
    method = getattr(kind, name)

    def watched(self: object, *args: Any, **options: Any) -> Any:
        result = method(self, *args, **options)
        caught.extend([*args, *options.values(), result])
        return result

    monkeypatch.setattr(kind, name, watched)


@pytest.fixture
def objects(world: World, secrets: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What can be reached from a manager and an interpreter at work: a script's keys, the host's, each way to one."""
    manager = world.manager(policy=WorkerPolicy(keys={"env:GROQ_API_KEY": (world.friend.url,)}))
    world.environ["HTTPS_PROXY"] = f"http://user:{PROXY}@127.0.0.1:9"
    caught: list[object] = []
    for kind, name in ((Runner, "run"), (Authorizer, "authorize"), (Authorization, "grant"), (HTTPClient, "_send")):
        spy(monkeypatch, kind, name, caught)
    friend = {"base_url": f"{world.friend.url}/v1"}
    world.host_adds(manager)
    world.host_adds(manager, "inline", auth={"method": "inline", "value": INLINE}, base_config=friend)
    world.host_adds(manager, "filed", auth={"method": "config_path", "value": "keys.toml#openai.key"})
    headers = {"headers": {"Authorization": f"Bearer {HEADER}", "x-api-key": HEADER}}
    world.host_adds(manager, "headers", auth={"method": "none"}, base_config={**friend, **headers})
    script = world.script(manager)
    script.run(adding("own", {"method": "inline", "value": SCRIPTS}, base_config=friend))
    script.run(adding("groq", env("GROQ_API_KEY"), base_config=friend))
    sessions = []
    for name in ("helper", "inline", "filed", "headers"):
        session = manager.spawn_worker_instance(name)
        sessions += [session, manager.conversation(session.instance_id)]
        for attempt in (
            lambda name=name: manager.execute_stateless_task(name, "hello"),
            lambda session=session: manager.conversation(session.instance_id).ask("hello"),
            lambda name=name: script.run(f'ask "{name}", "hello" into answer\nreturn answer'),
        ):
            attempt()
    for name in ("own", "groq"):
        script.code(f'ask "{name}", "hello" into answer\nreturn answer')
    world.seen.clear()
    kept = [manager, script.interpreter, sessions, manager.list_worker_definitions(), caught]
    return reachable(*kept)


def test_no_repr_of_what_a_manager_reaches_shows_a_secret(objects: list[object], secrets: tuple[str, ...]) -> None:
    """`repr` of the manager's services showed the whole environment, and that of a definition the keys in its
    headers."""
    names = {f"{type(value).__module__}.{type(value).__qualname__}" for value in objects}
    assert names >= {
        *("ai_wm.manager.AIWorkerManager", "ai_wm.wiring.Wiring", "ai_wm.calls.authorization.Authorizer"),
        *("ai_wm.data.types.AIWorkerDefinition", "ai_wm.data.types.APIKeySource", "ai_wm.providers.http.HTTPClient"),
        *("ai_wm.providers.base.LLMRequest", "ai_wm.providers.adapter.WireRequest", "ai_wm.keys.grant.KeyGrant"),
        *("ai_wm.keys.secret.Secret", "ai_wm.calls.turn.Turn", "ai_wm.calls.task.Task", "ai_wm.keys.approvals.KeyUse"),
        *("neuroscript.interpreter.Interpreter", "ai_wm.scripts.access.ScriptAccess", "ai_wm.wiring.KeyLookup"),
    }
    leaks = []
    for value in objects:
        for shown in (repr(value), str(value), f"{value}", ascii(value)):
            for secret in secrets:
                if secret in shown:
                    leaks.append(f"{type(value).__module__}.{type(value).__qualname__}: {shown[:100]}")
    assert "\n".join(sorted(set(leaks))) == ""


def test_the_walk_sees_what_objects_hold(objects: list[object]) -> None:
    """The secrets are there, and it is only that nothing shows them."""
    held = [part for value in objects for part in parts_of(value)]
    text = repr([part for part in held if isinstance(part, str | dict)])
    for secret in (*ALL_SECRETS[:3], INLINE, HEADER, SCRIPTS):
        assert secret in text
