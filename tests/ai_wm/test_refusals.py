"""Every refusal, error 10, says what the host would have to do to permit it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import ai_wm
from ai_wm import AIWorkerManager, WorkerPolicy
from neuroscript import Policy
from tests.ai_wm.helpers import scripted, worker
from tests.attacks.test_definitions import clone, foreign
from tests.attacks.world import INLINE, World, adding, env, world_in

ASK = 'ask "w", "x" into r\n'
LOCAL = {"provider": "local", "model_name": "echo"}
INLINE_KEY = {"method": "inline", "value": INLINE}


def host(**given: Any) -> Callable[[AIWorkerManager], object]:
    """Has the host add a worker."""
    return lambda manager: manager.add_worker_definition(worker("w", **given))


PLAIN = host()


@dataclass(frozen=True, kw_only=True)
class Row:
    """What a script does under which policies, and what would permit it."""

    script: str
    permits: tuple[str, ...]
    prepare: Callable[[AIWorkerManager], object] = PLAIN
    policy: dict[str, Any] | None = None
    tools: Policy | None = None


ROWS = {
    "a worker": Row(script=ASK, policy={"ask": ()}, permits=("--ask w or", "WorkerPolicy(ask=('w',))")),
    "a fallback": Row(
        script='ask "w", "x" with {"fallbacks": ["v"]} into r',
        prepare=lambda manager: [manager.add_worker_definition(worker(name)) for name in ("v", "w")],
        policy={"ask": ("w",)},
        permits=("--ask v or", "WorkerPolicy(ask=('v',))"),
    ),
    "managing": Row(
        script=adding(**LOCAL), policy={"manage": "none"}, permits=("--manage own", 'WorkerPolicy(manage="own")')
    ),
    "the host's worker": Row(
        script='call tool.AIWorkerDefinition.Remove("w")', permits=("--manage all", 'WorkerPolicy(manage="all")')
    ),
    "one more worker": Row(
        script=adding("v", **LOCAL), policy={"max_definitions": 0}, permits=("WorkerPolicy(max_definitions=",)
    ),
    "a setting": Row(
        script='ask "w", "x" with {"n": 2} into r',
        permits=("--allow-setting n", "WorkerPolicy(overrides=('n',))"),
    ),
    "a locked setting": Row(
        script='ask "w", "x" with {"temperature": 1} into r',
        prepare=host(base_config={"locked": ["temperature"]}),
        permits=("locked in the worker's base_config",),
    ),
    "a key": Row(
        script=adding("v", auth=env("GROQ_API_KEY"), base_config={"base_url": "$FRIEND"}) + '\nask "v", "x" into r',
        permits=("--allow-key env:GROQ_API_KEY=$FRIEND", "WorkerPolicy(keys={'env:GROQ_API_KEY': ('$FRIEND',)})"),
    ),
    "an address": Row(
        script=adding("v", base_config={"base_url": "$FRIEND"}) + '\nask "v", "x" into r',
        permits=("--allow-origin $FRIEND", "WorkerPolicy(origins=('$FRIEND',))"),
    ),
    "an address, as narrow as it may be": Row(
        script=adding("v", base_config={"base_url": "$FRIEND/v1/acct-7/chat/completions"}) + '\nask "v", "x" into r',
        permits=("--allow-origin $FRIEND/v1/acct-7 ", "WorkerPolicy(origins=('$FRIEND/v1/acct-7',))"),
    ),
    "a key, for an address as narrow as it may be": Row(
        script=adding("v", auth=env("GROQ_API_KEY"), base_config={"base_url": "$FRIEND/v1/acct-7"})
        + '\nask "v", "x" into r',
        permits=("--allow-key env:GROQ_API_KEY=$FRIEND/v1/acct-7 ", "('$FRIEND/v1/acct-7',)"),
    ),
    "what a shell would read as a command": Row(
        script=adding("v'$(id)", base_config={"base_url": "$FRIEND/v1/$(id)"}) + '\nask "v\'$(id)", "x" into r',
        permits=("--allow-origin '$FRIEND/v1/$(id)' ",),
    ),
    "a name that a shell would read as a command": Row(
        script=adding("v'$(id)", **LOCAL) + '\nask "v\'$(id)", "x" into r',
        policy={"ask": ("w",)},
        permits=("""--ask 'v'"'"'$(id)' or""",),
    ),
    "plain http": Row(
        script=adding("v", auth=INLINE_KEY, base_config={"base_url": "http://gateway.example"})
        + '\nask "v", "x" into r',
        policy={"origins": ("http://gateway.example",)},
        permits=("allow_http: true",),
    ),
    "the host's key at another address": Row(
        script='ask "w", "x" with {"base_url": "$FRIEND"} into r',
        prepare=host(provider="custom", auth=INLINE_KEY, base_config={"base_url": "https://gateway.example"}),
        policy={"overrides": ("base_url",), "origins": ("$FRIEND",)},
        permits=("neuroscript workers add",),
    ),
    "a model file": Row(
        script=adding("v", provider="local", model_name="/srv/models/m.gguf") + '\nask "v", "x" into r',
        permits=("AIWorkerManager(model_directories=",),
    ),
    "ask": Row(script=ASK, tools=Policy(grants=("net",)), permits=("Policy(grants=('ask',))",)),
    "a denied tool": Row(
        script="return tool.AIWorkerDefinition.List()",
        tools=Policy(deny=("AIWorkerDefinition",)),
        permits=("--deny", "Policy(deny="),
    ),
    "a tool that is not listed": Row(
        script="return tool.AIWorkerDefinition.List()",
        tools=Policy(allow=("str",)),
        permits=("Policy(allow=('AIWorkerDefinition.List',))",),
    ),
    "a capability": Row(
        script='return tool.AIWorker.ExecuteStatelessTask("w", "x")',
        tools=Policy(grants=("ask",)),
        permits=("--allow AIWorker.ExecuteStatelessTask", "Policy(grants=('net',))"),
    ),
    "a file context": Row(
        script='set i = tool.AIWorkerInstance.Spawn("w", {}, ["notes.txt"])\n'
        'return tool.Conversation.Ask(i.conversation_manager_handle, "x")',
        tools=Policy(deny=("fs.Read",)),
        permits=("--deny", "Policy(deny="),
    ),
}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with world_in(tmp_path) as made:
        yield made


def placed(value: Any, url: str) -> Any:
    if isinstance(value, tuple):
        return tuple(placed(item, url) for item in value)
    return value.replace("$FRIEND", url) if isinstance(value, str) else value


@pytest.mark.parametrize("name", ROWS)
def test_a_refusal_says_what_would_permit_it(world: World, name: str) -> None:
    row, url = ROWS[name], world.friend.url
    manager = world.manager()
    row.prepare(manager)
    policy = WorkerPolicy(**{field: placed(value, url) for field, value in (row.policy or {}).items()})
    message = world.script(manager, policy, host=row.tools).refusal(row.script)
    for part in row.permits:
        assert placed(part, url) in message
    assert world.friend.received == []


def test_a_definition_that_came_along_says_how_to_trust_it(world: World) -> None:
    clone(world, foreign("came along"))
    message = world.script(world.manager()).refusal('ask "came along", "x" into r')
    assert "neuroscript workers trust 'came along'" in message
    assert "WorkerPolicy(trust_file=True)" in message


@pytest.mark.parametrize(
    ("allow", "permits"),
    [
        (["AIWorkerDefinition.Add"], ("--allow AIWorkerDefinition.Add", "WorkerPolicy(model_tools=")),
        (["AIWorkerDefinition.*"], ("tool_allowlist", "must name it in full")),
        (["str.*"], ("tool_allowlist",)),
    ],
)
def test_a_model_is_told_what_would_permit_its_tool(world: World, allow: list[str], permits: tuple[str, ...]) -> None:
    call = {"tool_calls": [{"name": "AIWorkerDefinition__Add", "arguments": {}}]}
    manager = world.manager()
    manager.add_worker_definition(scripted("w", [call, "done"], tool_allowlist=allow))
    chat = 'set chat = tool.AIWorkerInstance.Spawn("w").conversation_manager_handle\n'
    history = world.script(manager).run(chat + 'ask chat, "x" into r\nreturn tool.Conversation.History(chat)')
    [result] = [said["content"] for said in history if said["role"] == "tool"]
    assert "error 10" in result
    for part in permits:
        assert part in result


# --- that none is left out ---

PERMITS = (
    "--allow",
    "--ask",
    "--manage",
    "WorkerPolicy(",
    "Policy(",
    "allow_http",
    "neuroscript workers",
    "neuroscript keys set",
    "locked in",
    "model_directories",
)
ELSEWHERE = {
    "ai_wm/calls/tool_host.py:_call": "says what `_refusal` says, whose answers are tested above",
    "ai_wm/scripts/files.py:check_files": "says what the policy of the file tools says",
    "ai_wm/keys/grant.py:key_for": "nothing permits an address that cannot be read",
}


def refusing() -> Iterator[tuple[str, str]]:
    """The functions of the package that raise error 10, with what they say."""
    root = Path(ai_wm.__file__).parent
    for path in sorted(root.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.FunctionDef):
                continue
            for call in ast.walk(node):
                if isinstance(call, ast.Call) and any(_is_security(item) for item in call.args):
                    body = ast.Module(node.body[1:] if ast.get_docstring(node) else node.body, [])
                    said = [each.value for each in ast.walk(body) if isinstance(each, ast.Constant)]
                    yield f"{path.relative_to(root.parent)}:{node.name}", " ".join(map(str, said))


def _is_security(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "SECURITY"


def test_no_function_refuses_without_saying_what_permits_it() -> None:
    found = dict(refusing())
    assert len(found) >= 12
    assert set(ELSEWHERE) <= set(found)
    silent = [name for name, said in found.items() if not any(word in said for word in PERMITS)]
    assert sorted(silent) == sorted(ELSEWHERE)
