"""The whole primer: its bound, whom it is for, and where it is had."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ai_wm import WorkerPolicy, register_ai_worker_tools
from neuroscript import Interpreter, Policy, ToolSpec
from neuroscript.primer import MAX_CHARACTERS
from tests.test_docs import FENCE, ROOT, run_script

ASKING = ("ExecuteStatelessTask", "ExecuteBatch", "Spawn")
MANAGING = ("Add", "Update", "Remove")


def primer(policy: Policy | None = None, **options: Any) -> str:
    with Interpreter(policy=policy, **options) as interpreter:
        return interpreter.primer(files=True)


def test_it_is_within_its_bound_with_all_calls() -> None:
    page = primer()
    assert len(page) <= MAX_CHARACTERS == 10_000
    with Interpreter() as interpreter:
        for spec in interpreter.tools.specs():
            if "jobs" in spec.capabilities:
                assert f"\n{spec.group}" not in page  # there are no queues
                continue
            group = re.search(rf"^{spec.group}(\(\w+\))?: (.*)$", page, re.MULTILINE)
            assert group is not None, spec.group
            after = r"(?= |$)" if spec.administers else r"(?=[/(])"
            assert re.search(rf"[ /]{spec.name.rpartition('.')[2]}{after}", f" {group[2]}"), spec.name


def test_it_is_the_same_every_time() -> None:
    assert primer() == primer()


def test_a_host_with_many_tools_gets_no_more() -> None:
    with Interpreter() as interpreter:
        for i in range(300):
            spec = ToolSpec(name=f"acme{i % 7}.LookUpCustomer{i}", primer="A customer is {name,since}.")
            interpreter.tools.register(spec, lambda: None)
        page = interpreter.primer(files=True)
    assert len(page) <= MAX_CHARACTERS
    assert "acme3" in page
    assert "tool.Meta.ListTools()" in page


@pytest.mark.parametrize("group", ["event", "error", "list", "str", "Meta", "AIWorkerDefinition", "fs"])
def test_what_the_policy_denies_is_not_there(group: str) -> None:
    page = primer(Policy(deny=(group,)))
    assert not re.search(rf"^{group}(\(\w+\))?:|\btool\.{group}\.", page, re.MULTILINE)
    (example,) = [code for _, _, code in FENCE.findall(page)]
    run_script(example)


def test_tools_without_their_capability_are_not_there() -> None:
    page = primer(Policy(grants=()))
    assert not re.search(r"^(fs|AIWorker)\(?.*Read", page, re.MULTILINE)
    assert "default worker" not in page


def test_files_are_left_out_where_there_is_no_directory(tmp_path: Any) -> None:
    with Interpreter() as interpreter:
        assert "\nfs: SanitizeFilename(name)\n" in interpreter.primer()
    with Interpreter(sandbox=tmp_path) as interpreter:
        assert re.search(r"^fs\(filepath\): Append/Write", interpreter.primer(), re.MULTILINE)


def test_without_plugins_there_are_no_models() -> None:
    page = primer(plugins=False)
    assert "default worker" not in page
    assert "AIWorker" not in page
    assert "`whisper" in page  # a statement all the same
    assert not _taught(page)


def _taught(page: str) -> list[str]:
    """The lines that speak of ``ask``, but for the one of the reserved words."""
    return [line for line in page.splitlines() if re.search(r"\bask\b", line) and not line.startswith("- Reserved:")]


@pytest.mark.parametrize(
    ("policy", "left_out"),
    [
        (WorkerPolicy(), ()),
        (WorkerPolicy(manage="none"), MANAGING),
        (WorkerPolicy(ask=()), ASKING),
        (WorkerPolicy(ask=(), manage="none"), (*ASKING, *MANAGING)),
    ],
)
def test_what_the_policy_on_workers_refuses_is_not_there(policy: WorkerPolicy, left_out: tuple[str, ...]) -> None:
    with Interpreter() as interpreter:
        register_ai_worker_tools(interpreter, policy=policy)
        page = interpreter.primer()
    workers = "\n".join(re.findall(r"^AI.*$", page, re.MULTILINE))
    found = set(re.findall(r"\b[A-Z]\w+(?=[ (/\n]|$)", workers))
    assert {*ASKING, *MANAGING} - found == set(left_out)
    assert ("default worker" in page) == bool(policy.ask)
    assert bool(_taught(page)) == bool(policy.ask)
    assert ("tool.AIWorkerDefinition.Ensure(" in page) == (policy.manage != "none")


def test_globals_of_the_host_are_named() -> None:
    assert "\n- Variables of this host, to be read alone: limits region\n" in primer(
        globals={"region": "n", "limits": {}}
    )
    assert "Variables of this host" not in primer()


def test_of_many_globals_some_are_named() -> None:
    page = primer(globals={f"setting_{i}": i for i in range(1_000)})
    found = re.search(r"read alone: (setting_0 .*) …$", page, re.MULTILINE)
    assert found is not None
    assert 400 < len(found[1]) <= 500
    assert len(page) <= MAX_CHARACTERS


def test_scripts_get_what_their_interpreter_permits() -> None:
    shown: list[Any] = []
    with Interpreter(policy=Policy(deny=("math",)), emit=shown.append) as interpreter:
        interpreter.execute("command\nemit tool.Meta.Primer()\nendcommand")
        assert shown == [interpreter.primer()]
    assert "\nmath" not in shown[0]


def test_the_page_in_the_documentation_is_the_primer() -> None:
    assert (ROOT / "docs" / "llms.txt").read_text(encoding="utf-8") == primer()
