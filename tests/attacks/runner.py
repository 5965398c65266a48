"""Runs one attack in a process of its own and prints what came of it: ``python -m tests.attacks.runner NAME``."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

from neuroscript import Interpreter, Limits, NeuroScriptError

from .programs import Attack
from .sources import BY_NAME

UNCATCHABLE = (37, 38, 44)
AFTERWARDS = "func afterwards(needs n) means\n  return n + 1\nendfunc\n"


def peak_megabytes() -> float:
    """The most memory that this process has held."""
    status = Path("/proc/self/status")
    if status.exists():
        # Unlike ``ru_maxrss`` this leaves out what the process was forked from.
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    usage = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return usage / (1024 * 1024 if sys.platform == "darwin" else 1024)


def run(attack: Attack) -> dict[str, object]:
    """Loads and runs an attack, then asks the same interpreter for something simple."""
    caught: set[int] = set()
    code, message, loaded = 0, "", True
    with Interpreter(
        limits=Limits(**attack.limits),
        plugins=False,
        # Keeping what is emitted would count against the attack.
        emit=lambda value: caught.add(value) if isinstance(value, int) and value in UNCATCHABLE else None,
    ) as interpreter:
        # The process's own time, so that what else the machine does is not counted.
        start = time.process_time()
        try:
            loaded = False
            interpreter.load(attack.source, name="attack.ns")
            loaded = True
            interpreter.run("main")
        except NeuroScriptError as error:
            code, message = int(error.code), error.message
        seconds = time.process_time() - start
        interpreter.load(AFTERWARDS, name="afterwards.ns")
        after = interpreter.run("afterwards", 1)
    return {
        "code": code,
        "message": message[:200],
        "loaded": loaded,
        "seconds": round(seconds, 3),
        "megabytes": round(peak_megabytes(), 1),
        "caught": sorted(caught),
        "after": after,
    }


if __name__ == "__main__":
    print(json.dumps(run(BY_NAME[sys.argv[1]])))
