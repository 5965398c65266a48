"""What flags and configuration files grant: what reaches the interpreter and its plugins, and who may say it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ai_wm.data.policy import WorkerPolicy
from neuroscript import Interpreter, Limits
from neuroscript.cli.host import MAX_COST
from tests.cli.conftest import PROGRAM, WIDE, Command

Granted = Callable[..., dict[str, Any]]


@pytest.fixture
def granted(neuroscript: Command, seen: list[Interpreter], tmp_path: Path) -> Granted:
    """Runs a program and gives the policy that its plugins found."""
    (tmp_path / "program.ns").write_text(PROGRAM)

    def run(*flags: str) -> dict[str, Any]:
        done = neuroscript("run", *flags, "program.ns")
        assert done.status == 0, done.err
        policy = seen[-1].services["worker_policy"]
        assert done.out == f"{policy!r}\n"
        assert isinstance(policy, dict)
        return policy

    return run


def user_file(place: Path, text: str) -> Path:
    """Writes the user's own configuration."""
    path = place / "user" / "neuroscript" / "config.toml"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.write_text(text)
    return path


# --- flags ------------------------------------------------------------------------------------------------------------


def test_a_run_has_a_ceiling_on_its_cost_unless_told_otherwise(granted: Granted) -> None:
    assert granted() == {"max_cost_per_run": MAX_COST, "default_ceiling": True}
    assert granted("--max-cost", "1.5") == {"max_cost_per_run": 1.5}
    assert granted("--max-cost", str(MAX_COST)) == {"max_cost_per_run": MAX_COST}
    assert granted("--max-cost", "none") == {}


@pytest.mark.parametrize(
    ("flags", "fields"),
    [
        (
            ("--allow-key", "env:A=https://a.example/v1", "--allow-key", "env:A=https://b.example"),
            {"keys": {"env:A": ("https://a.example/v1", "https://b.example")}},
        ),
        (("--allow-key", "vault:kv/team/*=provider:mine"), {"keys": {"vault:kv/team/*": ("provider:mine",)}}),
        (("--allow-key", "env:A=http://127.0.0.1:9"), {"keys": {"env:A": ("http://127.0.0.1:9",)}}),
        (("--allow-key", "env:A=HTTPS://A.example:443/v1/"), {"keys": {"env:A": ("https://a.example/v1",)}}),
        (("--allow-origin", "http://10.0.0.1:8080"), {"origins": ("http://10.0.0.1:8080",)}),
        (("--allow-origin", "HTTP://LOCALHOST:80/"), {"origins": ("http://localhost",)}),
        (("--allow-setting", "reasoning_effort"), {"overrides": ("reasoning_effort",)}),
        (("--ask", "small-*", "--ask", "echo"), {"ask": ("small-*", "echo")}),
        (("--manage", "all"), {"manage": "all"}),
        (("--manage", "none"), {"manage": "none"}),
        (("--allow", "tool.rocket.Launch"), {"model_tools": ("rocket.Launch",)}),
        (("--allow", "rocket"), {}),
    ],
)
def test_what_flags_say_reaches_the_plugins(granted: Granted, flags: tuple[str, ...], fields: dict[str, Any]) -> None:
    policy = granted(*flags)
    assert policy == {"max_cost_per_run": MAX_COST, "default_ceiling": True, **fields}
    del policy["default_ceiling"]
    WorkerPolicy(**policy)


@pytest.mark.parametrize(
    ("flags", "example"),
    [
        (("--allow-key", "sk-12345678"), "env:GROQ_API_KEY=https://api.groq.com"),
        (("--allow-key", "GROQ_API_KEY=https://api.groq.com"), "env:GROQ_API_KEY=https://api.groq.com"),
        (("--allow-key", "inline:sk-12345678=https://a.example"), "env:GROQ_API_KEY=https://api.groq.com"),
        (("--allow-key", "env:A=https://sk-12345678@a.example"), "such as http://127.0.0.1:8080"),
        (("--allow-key", "env:A=http://a.example"), "https address"),
        (("--allow-origin", "a.example"), "such as http://127.0.0.1:8080"),
        (("--allow-origin", "ftp://a.example"), "such as http://127.0.0.1:8080"),
        (("--allow-origin", "http://a.example:99999"), "such as http://127.0.0.1:8080"),
        (("--allow-origin", "http://2130706433"), "such as http://127.0.0.1:8080"),
        (("--allow-origin", "http://a.example\\@b"), "such as http://127.0.0.1:8080"),
        (("--allow-origin", "http://a.example?key=sk-12345678"), "such as http://127.0.0.1:8080"),
        (("--allow-origin", "http://a.example/v1/..;/v2"), "its path has a dot segment"),
        (("--allow-origin", "http://a.example/v1/%2f"), "its path has an encoded slash"),
        (("--allow-key", "env:A=https://a.example/%252e%252e"), "its path has characters that are encoded twice"),
        (("--allow-key", "env:A=https://a..example"), "its host is not a valid name"),
        (("--allow-key", "env:A=https://a_.example\u202e"), "control characters"),
        (("--allow-setting", ""), "such as"),
        (("--ask", " "), "such as"),
        (("--manage", "everything"), "own"),
        (("--max-cost", "much"), "1.50"),
        (("--max-cost", "nan"), "1.50"),
        (("--max-cost", "inf"), "1.50"),
        (("--max-cost", "-1"), "1.50"),
        (("--deny", "fs.Raed"), "tool.fs.Read"),
        (("--deny", "zzz*"), "neuroscript tools"),
        (("--allow", "rocket.Lanch"), "tool.rocket.Launch"),
    ],
)
def test_a_wrong_flag_is_wrong_usage_with_an_example(
    neuroscript: Command, seen: list[Interpreter], tmp_path: Path, flags: tuple[str, ...], example: str
) -> None:
    (tmp_path / "program.ns").write_text(PROGRAM)
    done = neuroscript("run", *flags, "program.ns")
    assert (done.status, done.out) == (2, "")
    assert example in done.err
    assert "sk-12345678" not in done.err


LAUNCH = 'command\nemit tool.rocket.Launch()\nemit tool.str.ToUpper("x")\nendcommand\n'


@pytest.mark.parametrize(
    ("flags", "output", "problem"),
    [
        ((), "", "needs the capability rocket:launch"),
        (("--allow", "rocket.Launch"), "launched\nX\n", ""),
        (("--allow", "rocket"), "launched\nX\n", ""),
        (("--allow", "rocket.Launch", "--deny", "rocket"), "", "denied"),
        (("--allow", "rocket.Launch", "--deny", "str.*"), "launched\n", "tool.str.ToUpper is denied"),
    ],
)
def test_tools_are_allowed_and_denied(
    neuroscript: Command, seen: list[Interpreter], tmp_path: Path, flags: tuple[str, ...], output: str, problem: str
) -> None:
    (tmp_path / "program.ns").write_text(LAUNCH)
    done = neuroscript("run", *flags, "program.ns")
    assert (done.status, done.out) == (1 if problem else 0, output)
    assert problem in done.err


def test_tools_of_plugins_may_be_denied_where_there_are_none(neuroscript: Command, tmp_path: Path) -> None:
    (tmp_path / "program.ns").write_text("func main() means\nendfunc\n")
    assert neuroscript("run", "--no-plugins", "--deny", "AIWorker", "program.ns").status == 0
    user_file(tmp_path, "[run]\nplugins = false\n")
    assert neuroscript("run", "--deny", "AIWorker", "program.ns").status == 0


# --- files ------------------------------------------------------------------------------------------------------------


def test_flags_come_before_the_project_and_that_before_the_user(
    granted: Granted, neuroscript: Command, tmp_path: Path
) -> None:
    user_file(tmp_path, '[policy]\nmanage = "none"\nmax_cost_per_run = 1\nmax_retries = 1\norigins = ["http://a"]\n')
    project = tmp_path / "neuroscript.toml"
    project.write_text('[policy]\nmanage = "own"\nmax_cost_per_run = 2\norigins = ["http://b"]\n')
    assert neuroscript("trust", "neuroscript.toml").status == 0
    wanted = {"max_cost_per_run": 2, "max_retries": 1, "origins": ("http://a", "http://b")}
    assert granted() == wanted
    flags = ("--manage", "all", "--max-cost", "3", "--allow-origin", "http://c")
    assert granted(*flags) == {
        **wanted,
        "manage": "all",
        "max_cost_per_run": 3,
        "origins": ("http://a", "http://b", "http://c"),
    }


def test_the_sections_on_limits_and_runs(granted: Granted, seen: list[Interpreter], tmp_path: Path) -> None:
    text = '[limits]\nmax_steps = 77\nmax_seconds = "none"\n[run]\nsandbox = "files"\nenv = ["COLUMNS"]\n'
    path = user_file(tmp_path, text + '[policy]\ndeny = ["fs.Write"]\n')
    granted()
    interpreter = seen[-1]
    assert (interpreter.limits.max_steps, interpreter.limits.max_seconds) == (77, None)
    assert interpreter.sandbox == (path.parent / "files").resolve()
    assert interpreter.environment == {"COLUMNS": "100"}
    assert interpreter.policy.deny == ("fs.Write",)
    granted("--max-steps", "88", "--sandbox", "here", "--env", "NONE", "--deny", "fs.Read")
    interpreter = seen[-1]
    assert interpreter.limits.max_steps == 88
    assert interpreter.sandbox == (tmp_path / "here").resolve()
    assert interpreter.environment == {"COLUMNS": "100", "NONE": ""}
    assert interpreter.policy.deny == ("fs.Write", "fs.Read")


IGNORED = (
    "policy.manage, policy.origins, policy.overrides, policy.owner, policy.trust_file, policy.model_tools, "
    "policy.allow, policy.max_cost_per_run, policy.max_retries, policy.keys, limits.max_steps, run.sandbox, "
    "run.workers, run.env"
)


def test_a_project_that_nobody_trusts_only_narrows(granted: Granted, seen: list[Interpreter], tmp_path: Path) -> None:
    (tmp_path / "neuroscript.toml").write_text(WIDE)
    assert granted() == {"max_cost_per_run": MAX_COST, "default_ceiling": True, "max_tool_rounds": 2}
    interpreter = seen[-1]
    assert (interpreter.sandbox, interpreter.environment) == (None, {})
    assert (interpreter.limits.max_steps, interpreter.limits.max_seconds) == (Limits().max_steps, 9)
    assert (interpreter.policy.deny, interpreter.policy.exempt) == (("os",), ())


def test_one_line_says_what_is_left_out_until_the_file_is_trusted_and_again_when_it_changes(
    neuroscript: Command, seen: list[Interpreter], tmp_path: Path
) -> None:
    (tmp_path / "program.ns").write_text(PROGRAM)
    path = tmp_path / "neuroscript.toml"
    path.write_text(WIDE)
    hint = f"(after reading it: neuroscript trust {path})"
    done = neuroscript("run", "program.ns")
    assert done.err == f"neuroscript: {path} is not trusted; ignored: {IGNORED} {hint}\n"

    trusted = neuroscript("trust", "neuroscript.toml")
    assert (trusted.status, trusted.err) == (0, "")
    assert trusted.out == f"{path} is trusted; it grants: {IGNORED}\n"
    done = neuroscript("run", "program.ns")
    assert done.err == ""
    policy = seen[-1].services["worker_policy"]
    assert policy["keys"] == {"env:SECRET": ("https://evil.example",)}
    assert policy["model_tools"] == ("script.LoadScript", "rocket.Launch")
    assert seen[-1].sandbox == Path("/")

    path.write_text(WIDE + "# more\n")
    done = neuroscript("run", "program.ns")
    assert done.err == f"neuroscript: {path} has changed since it was trusted; ignored: {IGNORED} {hint}\n"
    assert "keys" not in seen[-1].services["worker_policy"]
    path.write_text("[policy]\ndeny = []\n")
    assert "has changed since it was trusted; it only narrows" in neuroscript("run", "program.ns").err
    path.write_text(WIDE)
    assert neuroscript("run", "program.ns").err == ""


def test_a_project_does_not_hide_what_a_directory_above_it_says(
    neuroscript: Command, seen: list[Interpreter], tmp_path: Path
) -> None:
    (tmp_path / "neuroscript.toml").write_text('[policy]\ndeny = ["os"]\nmax_cost_per_run = 1\n')
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "a" / "neuroscript.toml").write_text('[policy]\ndeny = ["fs"]\nmax_cost_per_run = 2\n')
    (inner / "program.ns").write_text(PROGRAM)
    (tmp_path / "link.ns").symlink_to(inner / "program.ns")
    for name in ("a/b/program.ns", "link.ns"):
        done = neuroscript("run", name)
        assert "a/neuroscript.toml is not trusted; ignored: policy.max_cost_per_run" in done.err
        assert seen[-1].policy.deny == ("os", "fs")
        assert seen[-1].services["worker_policy"] == {"max_cost_per_run": 1}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[polcy]\n", "there is no section [polcy]; did you mean 'policy'?"),
        ("[policy]\norigin = []\n", "[policy] has no setting 'origin'; did you mean 'origins'?"),
        ("[limits]\nmax_step = 1\n", "[limits] has no setting 'max_step'; did you mean 'max_steps'?"),
        ('[run]\n"x\\u001b[31m" = 1\n', "[run] has no setting 'x\\x1b[31m'; there are sandbox"),
        ("policy = 1\n", "policy must be a section: [policy]"),
        ("[policy]\nmax_cost_per_run = inf\n", "policy.max_cost_per_run must be a number of 0 or more"),
        ("[policy]\nmax_cost_per_day = nan\n", "policy.max_cost_per_day must be a number of 0 or more"),
        ("[policy]\nmax_retries = true\n", "policy.max_retries must be a whole number of 0 or more"),
        ('[policy]\nmax_retries = "none"\n', "policy.max_retries must be a whole number of 0 or more"),
        ("[policy]\nask = [1]\n", "policy.ask must be a list of texts"),
        ('[policy]\nkeys = {"sk-12345678" = ["https://a"]}\n', "policy.keys must be a table"),
        ('[policy]\norigins = ["https://sk-12345678@a"]\n', "policy.origins must be an http or https address"),
        ("[policy\n", "is not TOML"),
        ("x = " + "[" * 5000, "is not TOML"),
        ("x = " + "1" * 10_000, "is not TOML"),
        ("# " + "x" * 100_000, "more than 65536 bytes"),
    ],
)
@pytest.mark.parametrize("whose", ["the user's", "the project's"])
def test_a_file_that_is_wrong_is_named_with_the_mistake(
    neuroscript: Command, seen: list[Interpreter], tmp_path: Path, text: str, problem: str, whose: str
) -> None:
    (tmp_path / "program.ns").write_text(PROGRAM)
    path = user_file(tmp_path, text) if whose == "the user's" else tmp_path / "neuroscript.toml"
    path.write_text(text)
    done = neuroscript("run", "program.ns")
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith(f"neuroscript: {path}")
    assert problem in done.err
    assert "sk-12345678" not in done.err
    assert done.err.count("\n") == 1


def pipe(path: Path) -> None:
    os.mkfifo(path)


def link(path: Path) -> None:
    (path.parent / "elsewhere").write_text("")
    path.symlink_to(path.parent / "elsewhere")


@pytest.mark.parametrize("make", [Path.mkdir, pipe, link])
def test_the_project_s_file_must_be_a_file(
    neuroscript: Command, seen: list[Interpreter], tmp_path: Path, make: Callable[[Path], None]
) -> None:
    (tmp_path / "program.ns").write_text(PROGRAM)
    make(tmp_path / "neuroscript.toml")
    done = neuroscript("run", "program.ns")
    assert done.status == 2
    assert "cannot be used as configuration" in done.err


def test_a_user_s_file_that_others_may_write_is_refused(
    neuroscript: Command, seen: list[Interpreter], tmp_path: Path
) -> None:
    (tmp_path / "program.ns").write_text(PROGRAM)
    path = user_file(tmp_path, "[policy]\n")
    path.chmod(0o666)
    done = neuroscript("run", "program.ns")
    assert (done.status, done.out) == (2, "")
    assert "others may write in it (mode 666)" in done.err


def test_an_interpreter_reads_no_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "user"))
    user_file(tmp_path, "[limits]\nmax_steps = 1\n")
    (tmp_path / "neuroscript.toml").write_text("[limits]\nmax_steps = 1\n")
    (tmp_path / "program.ns").write_text("func main() means\nendfunc\n")
    with Interpreter(plugins=False) as interpreter:
        interpreter.load_file("program.ns")
        assert interpreter.limits == Limits()
        assert "worker_policy" not in interpreter.services


# --- the explanation --------------------------------------------------------------------------------------------------


def test_a_policy_is_explained_with_where_each_point_comes_from(
    neuroscript: Command, seen: list[Interpreter], tmp_path: Path
) -> None:
    (tmp_path / "program.ns").write_text('command\nemit "it ran"\nendcommand\n')
    user = user_file(tmp_path, '[policy]\nmanage = "none"\n')
    project = tmp_path / "neuroscript.toml"
    project.write_text(WIDE)
    flags = ("--explain-policy", "--sandbox", "files", "--allow-key", "env:A=https://a.example", "--max-steps", "5")
    done = neuroscript("run", *flags, "program.ns")
    assert done.status == 0
    assert "it ran" not in done.out
    assert not (tmp_path / "files").exists()
    for line in (
        "reads and writes in files  [--sandbox]",
        "is loaded with the .ns files that it uses, from its own directory, the sandbox and each --lib DIR  [always]",
        "reads no variables (--env NAME)  [default]",
        f"never calls os  [{project}]",
        f"workers' definitions: scripts change none  [{user}]",
        "the key env:A may go to https://a.example  [--allow-key]",
        f"most that a run's models may cost: {MAX_COST}  [default]",
        f"most rounds of tool calls in an answer: 2  [{project}]",
        "max_steps of a run: 5  [--max-steps]",
        f"policy.keys  [{project}]",
    ):
        assert f"  {line}\n" in done.out, line
    rows = neuroscript("run", *flags, "--format", "jsonl", "program.ns").rows
    assert {"topic", "words", "value", "from"} == {name for row in rows for name in row}
    assert {
        "topic": "keys and addresses",
        "words": "the key env:A may go to https://a.example",
        "value": ["env:A", "https://a.example"],
        "from": "--allow-key",
    } in rows
    assert neuroscript("run", "--explain-policy", "gone.ns").status == 2


def test_every_setting_is_explained(neuroscript: Command, project: Path, tmp_path: Path) -> None:
    (tmp_path / "program.ns").write_text("")
    neuroscript("trust", "neuroscript.toml")
    rows = neuroscript("run", "--explain-policy", "--format", "jsonl", "program.ns").rows
    named = [row for row in rows if row["from"] == str(project)]
    assert len(named) == sum(1 for line in WIDE.splitlines() if " = " in line)
    without = neuroscript("run", "--explain-policy", "--no-plugins", "program.ns").out
    assert "workers" not in without.partition("out of reach")[0]
