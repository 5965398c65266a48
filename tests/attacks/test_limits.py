"""Programs that want more than their share are ended soon, cheaply, and without a say in it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from neuroscript import Interpreter, Limits, NeuroScriptError
from neuroscript.errors import CancelledError, ErrorCode, LimitError

from .programs import Attack
from .sources import ATTACKS

ROOT = Path(__file__).parents[2]
# A second is meant; slow machines run tests too.
SECONDS = 3.0
MEGABYTES = 200.0

QUICK = [attack for attack in ATTACKS if attack.quick]
SLOW = [attack for attack in ATTACKS if not attack.quick]


def attacked(attack: Attack) -> None:
    """Runs an attack in a process of its own and checks what it did to it."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.attacks.runner", attack.name],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert found["code"] in attack.codes, found
    assert found["seconds"] < SECONDS + attack.limits.get("max_seconds", 0), found
    assert found["megabytes"] < MEGABYTES, found
    assert found["after"] == 2
    assert not found["caught"], "a handler saw a limit"


@pytest.mark.parametrize("attack", QUICK, ids=lambda attack: attack.name)
def test_attack(attack: Attack) -> None:
    attacked(attack)


@pytest.mark.slow
@pytest.mark.parametrize("attack", SLOW, ids=lambda attack: attack.name)
def test_slow_attack(attack: Attack) -> None:
    attacked(attack)


def test_limits_have_a_family_of_their_own() -> None:
    with Interpreter(limits=Limits(max_steps=100), plugins=False) as interpreter:
        interpreter.load("func main() means\n  while true\n  endwhile\nendfunc\n")
        with pytest.raises(LimitError) as raised:
            interpreter.run("main")
    assert raised.value.code == ErrorCode.RESOURCE_EXHAUSTION
    assert raised.value.line == 2


@pytest.mark.parametrize(
    ("limits", "body", "code"),
    [
        (Limits(max_steps=1000), "set i = 0\nwhile i < 2000\n  set i = i + 1\nendwhile", 37),
        (Limits(max_depth=20), "call main()", 37),
        (Limits(max_string=100), 'set s = "x" * 101', 37),
        (Limits(max_string=100), 'set s = "x" * 60\nset s = s + s', 37),
        (Limits(max_items=10), "set xs[10] = 1", 37),
        (Limits(max_items=3), "set xs = [1, 2, 3, 4]", 37),
        (Limits(max_items=3), 'set m = {"a": 1, "b": 2, "c": 3}\nset m.d = 4', 37),
        (Limits(max_emitted=10), 'emit "12345"\nemit "123456"', 37),
        (
            Limits(max_nesting=5),
            "set a = 1\nset a = [a]\nset a = [a]\nset a = [a]\nset a = [a]\nset a = [a]\nset a = [a]",
            38,
        ),
        (Limits(max_seconds=0.05), "while true\nendwhile", 37),
    ],
)
def test_each_limit_is_the_hosts_to_set(limits: Limits, body: str, code: int) -> None:
    lines = "\n".join(f"  {line}" for line in body.splitlines())
    source = f"func main() means\n  on error do\n    clear_error\n  endon\n{lines}\nendfunc\n"
    with Interpreter(limits=limits, plugins=False, emit=lambda value: None) as interpreter:
        interpreter.load(source)
        with pytest.raises(NeuroScriptError) as raised:
            interpreter.run("main")
        assert raised.value.code == code
        interpreter.load("func fine() means\n  return 1\nendfunc\n", name="fine.ns")
        assert interpreter.run("fine") == 1


@pytest.mark.parametrize(
    ("limits", "body"),
    [
        (Limits(max_steps=1000), "set i = 0\nwhile i < 900\n  set i = i + 1\nendwhile"),
        (Limits(max_string=100), 'set s = "x" * 100'),
        (Limits(max_items=10), "set xs[9] = 1"),
        (Limits(max_emitted=10), 'emit "1234567890"'),
    ],
)
def test_what_stays_within_a_limit_runs(limits: Limits, body: str) -> None:
    lines = "\n".join(f"  {line}" for line in body.splitlines())
    with Interpreter(limits=limits, plugins=False, emit=lambda value: None) as interpreter:
        interpreter.load(f"func main() means\n{lines}\n  return 1\nendfunc\n")
        assert interpreter.run("main") == 1


def test_a_source_over_the_limit_is_refused() -> None:
    with Interpreter(limits=Limits(max_source=100), plugins=False) as interpreter:
        with pytest.raises(NeuroScriptError) as raised:
            interpreter.load("#" * 101)
        assert raised.value.code == ErrorCode.RESOURCE_EXHAUSTION


def test_limits_count_for_each_run_anew() -> None:
    with Interpreter(limits=Limits(max_steps=100), plugins=False) as interpreter:
        interpreter.load(
            "func main() means\n  set i = 0\n  while i < 60\n    set i = i + 1\n  endwhile\n  return i\nendfunc\n"
        )
        assert [interpreter.run("main") for _ in range(5)] == [60] * 5


def test_another_thread_can_cancel_a_run() -> None:
    started = threading.Event()
    source = (
        'func main() means\n  on error do\n    clear_error\n  endon\n  emit "started"\n'
        "  while true\n    set x = 1\n  endwhile\nendfunc\nfunc fine() means\n  return 1\nendfunc\n"
    )
    limits = Limits(max_steps=None)
    with Interpreter(limits=limits, plugins=False, emit=lambda value: started.set()) as interpreter:
        interpreter.load(source)

        def cancel() -> None:
            started.wait()
            interpreter.cancel()

        thread = threading.Thread(target=cancel)
        thread.start()
        with pytest.raises(CancelledError):
            interpreter.run("main")
        thread.join()
        assert interpreter.run("fine") == 1
