"""A program that is run in a process of its own, which kills itself at a moment that the test chooses.

    python -m tests.journal.killed DIRECTORY MOMENT

``MOMENT`` counts the writes of the journal, before and after each; 0 lets the run go on to its end.  What tools do to
the world outside goes into ``world.txt``, one line a call, durably.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from neuroscript import Interpreter, Journal

PROGRAM = """\
on event "paid" as e do
  call tool.world.Note("handler " + e.payload.name)
endon

func risky(needs n) means
  on error do
    emit "caught " + system_error.code
    clear_error
  endon
  set x = tool.world.Fail(n)
endfunc

func work(needs n) means
  return tool.world.Ask(n) + 1
endfunc

func main(needs names) means
  set started = tool.time.Now()
  call tool.fs.Mkdir("out")
  set total = 0
  for each name in names
    set seen = tool.world.Read(name)
    set answer = tool.world.Ask(name)
    call tool.fs.Append("out/log.txt", name + ": " + answer + "\\n")
    call tool.world.Act(name)
    call tool.event.Emit("paid", {"name": name})
    call risky(name)
    emit name
    set total = total + answer + seen.size
  endfor
  set all = tool.list.Map(names, work)
  call tool.fs.Write("out/total.txt", "" + total)
  call tool.fs.Move("out/total.txt", "out/sum.txt")
  return {"total": total, "all": all, "late": tool.time.Now() >= started}
endfunc
"""
NAMES = ["ann", "bob", "cy"]


class Killing(Journal):
    """A journal whose process dies before or after its n-th write."""

    moment = 0
    count = 0

    def _commit(self, *where: Any) -> None:
        self._die()
        super()._commit(*where)
        self._die()

    def _die(self) -> None:
        self.count += 1
        if self.count == self.moment:
            os.kill(os.getpid(), signal.SIGKILL)


def run(directory: Path, moment: int) -> dict[str, Any]:
    """Runs the program, or goes on with it; gives its result, what it emitted, how often the journal was written."""
    emitted: list[Any] = []
    world = open(directory / "world.txt", "a")  # noqa: SIM115 - closed with the process

    def note(line: str) -> None:
        world.write(line + "\n")
        world.flush()
        os.fsync(world.fileno())

    (directory / "box").mkdir(exist_ok=True)
    interpreter = Interpreter(emit=emitted.append, sandbox=directory / "box", plugins=False)

    @interpreter.tool("world.Read", effect="read")
    def read(name: str) -> dict[str, Any]:
        note(f"read {name}")
        return {"size": len(name)}

    @interpreter.tool("world.Ask", effect="idempotent")
    def ask(name: str) -> int:
        note(f"ask {name}")
        return len(name) * 100

    @interpreter.tool("world.Act")
    def act(name: str) -> None:
        note(f"act {name}")

    @interpreter.tool("world.Note", effect="idempotent")
    def tell(text: str) -> None:
        note(text)

    @interpreter.tool("world.Fail", effect="idempotent")
    def fail(name: str) -> None:
        note(f"fail {name}")
        raise ValueError(name)

    interpreter.load(PROGRAM, "killed.ns")
    journal = Killing.open(directory / "state")
    journal.moment = moment
    result = interpreter.run("main", NAMES, run_id="r", journal=journal)
    return {"result": result, "emitted": emitted, "writes": journal.count}


if __name__ == "__main__":
    print(json.dumps(run(Path(sys.argv[1]), int(sys.argv[2]))))
