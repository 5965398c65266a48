"""A program with every kind of call of a model, run in a process that kills itself at a moment that the test chooses.

    python -m tests.ai_wm.journal.killed DIRECTORY MOMENT [SECONDS]

``MOMENT`` counts the writes of the journal, before and after each; 0 lets the run go on to its end.  After ``SECONDS``
the process kills itself wherever it is.  The provider's port is in ``DIRECTORY/port``; what tools do goes into
``world.txt``, one line a call, durably.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from ai_wm import AIWorkerManager, WorkerPolicy, register_ai_worker_tools
from neuroscript import Interpreter, Journal, Policy

PROGRAM = """\
on event "ai_wm.task.completed" as e do
  emit "done " + e.payload.input_tokens
endon

func main() means
  ask "w", "one" into first
  ask "w", "use world__Act" into tooled
  set task = tool.AIWorker.ExecuteStatelessTask("w", "two")
  set many = tool.AIWorker.ExecuteBatch("w", ["a", "use world__Act", "c"], max_parallel: 2)
  set outputs = []
  for each one in many
    set outputs = tool.list.Append(outputs, one.output)
  endfor
  set mixed = tool.AIWorker.ExecuteAll([{"worker": "w", "prompt": "d"}, {"worker": "nobody", "prompt": "e"}])
  set live = tool.AIWorkerInstance.Spawn("w")
  set chat = live.conversation_manager_handle
  ask chat, "hello" into hello
  call tool.Conversation.AddUserMessage(chat, "aside")
  call tool.Conversation.AddModelMessage(chat, "noted")
  set again = tool.Conversation.Ask(chat, "use world__Act")
  call tool.fs.Write("out.txt", again)
  ask chat, "bye" into final
  set history = tool.Conversation.History(chat)
  set said = []
  for each message in history
    set said = tool.list.Append(said, message.role)
  endfor
  set used = tool.AIWorkerInstance.Get(live.instance_id).session_token_usage.total_tokens
  call tool.AIWorkerInstance.Retire(live.instance_id, chat, "over", "retired_completed")
  return {"first": first, "tooled": tooled, "task": task.output, "many": outputs, "failed": typeof(mixed[1]), \\
    "hello": hello, "again": again, "last": final, "said": said, "used": used}
endfunc
"""
WORKER = {
    "name": "w",
    "provider": "custom",
    "model_name": "m",
    "auth": {"method": "none"},
    "interaction_models": ["both"],
    "tool_allowlist": ["world.Act"],
    "cost_metrics": {"input_cost_per_token": 0.001, "output_cost_per_token": 0.002},
    "rate_limits": {"max_tokens_per_day": 1_000_000, "max_concurrent_active_instances": 1},
}


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


def manager_in(directory: Path) -> AIWorkerManager:
    """The manager of the directory, with the worker in it."""
    manager = AIWorkerManager(directory / "workers", policy=WorkerPolicy(max_cost_per_run=100.0, owner="tests"))
    address = f"http://127.0.0.1:{(directory / 'port').read_text()}/v1"
    config = {"base_url": address, "max_retries": 0, "timeout_seconds": 20, "max_output_tokens": 50}
    manager.ensure_worker_definition({**WORKER, "base_config": config})
    return manager


def run(directory: Path, moment: int) -> dict[str, Any]:
    """Runs the program, or goes on with it; gives its result, what it emitted, how often the journal was written."""
    emitted: list[Any] = []
    (directory / "box").mkdir(exist_ok=True)
    with (
        open(directory / "world.txt", "a") as world,
        Interpreter(
            emit=emitted.append, sandbox=directory / "box", plugins=False, policy=Policy(grants=("*",))
        ) as interpreter,
        manager_in(directory) as manager,
    ):

        @interpreter.tool("world.Act")
        def act(word: str) -> str:
            """Acts."""
            world.write(f"act {word}\n")
            world.flush()
            os.fsync(world.fileno())
            return f"acted {word}"

        register_ai_worker_tools(interpreter, manager)
        interpreter.load(PROGRAM, "killed.ns")
        with Killing.open(directory / "state") as journal:
            journal.moment = moment
            result = interpreter.run("main", run_id="r", journal=journal)
            return {"result": result, "emitted": emitted, "writes": journal.count}


if __name__ == "__main__":
    if len(sys.argv) > 3:
        timer = threading.Timer(float(sys.argv[3]), os.kill, (os.getpid(), signal.SIGKILL))
        timer.daemon = True
        timer.start()
    print(json.dumps(run(Path(sys.argv[1]), int(sys.argv[2]))))
