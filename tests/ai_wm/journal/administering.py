"""A program that changes definitions, records and an instance, run in a process that may kill itself at one of them.

python -m tests.ai_wm.journal.administering DIRECTORY [TOOL before|after]
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from ai_wm import AIWorkerManager, WorkerPolicy, register_ai_worker_tools
from neuroscript import Interpreter, Journal, Policy

PROGRAM = """\
func main() means
  set definition = {"name": "a", "provider": "local", "model_name": "echo", "auth": {"method": "none"}, \\
    "interaction_models": ["both"]}
  set id = tool.AIWorkerDefinition.Add(provider: "local", model_name: "echo", name: "a", \\
    auth: {"method": "none"}, interaction_models: ["both"])
  set other = tool.AIWorkerDefinition.Add(provider: "local", model_name: "echo", name: "b", \\
    auth: {"method": "none"})
  call tool.AIWorkerDefinition.Remove("b")
  call tool.AIWorkerDefinition.Update("a", {"metadata": {"seen": "yes"}})
  set live = tool.AIWorkerInstance.Spawn("a")
  call tool.AIWorkerInstance.UpdateTokenUsage(live.instance_id, 3, 4)
  call tool.AIWorkerInstance.UpdateStatus(live.instance_id, "error", "was useless")
  set moment = "2026-01-01T00:00:00Z"
  set task = tool.AIWorker.LogPerformance("t-1", "stateless-1", id, moment, moment, 5, true)
  call tool.AIWorker.LogFeedback("t-1", 4)
  set seen = tool.AIWorkerInstance.Get(live.instance_id)
  must seen.last_error == "was useless"
  must seen.session_token_usage.total_tokens == 7
  call tool.AIWorkerInstance.Retire(live.instance_id, live.conversation_manager_handle, "over", "retired_completed")
  return task
endfunc
"""
STEPS = (
    "AIWorkerDefinition.Add",
    "AIWorkerDefinition.Remove",
    "AIWorkerDefinition.Update",
    "AIWorkerInstance.Spawn",
    "AIWorkerInstance.UpdateTokenUsage",
    "AIWorkerInstance.UpdateStatus",
    "AIWorker.LogPerformance",
    "AIWorker.LogFeedback",
    "AIWorkerInstance.Retire",
)
EXPECTED: dict[str, Any] = {
    "names": ["a"],
    "metadata": {"seen": "yes"},
    "ratings": [4.0],
    "entries": [("retired_completed", 7), ("retired_completed", 0)],
    "spawned": 1,
    "active": 0,
}


def manager_in(directory: Path) -> AIWorkerManager:
    return AIWorkerManager(directory / "workers", policy=WorkerPolicy(owner="tests"))


def state_in(directory: Path) -> dict[str, Any]:
    """What the files of the workers hold."""
    with manager_in(directory) as manager:
        definitions = manager.list_worker_definitions()
        records = manager.get_performance_records_for_definition("a")
        entries = [(str(each.final_status), each.session_token_usage.total_tokens) for each in manager._store.entries()]
        summary = definitions[0].aggregate_performance_summary
        return {
            "names": [definition.name for definition in definitions],
            "metadata": definitions[0].metadata,
            "ratings": [each.supervisor_feedback.rating for each in records if each.supervisor_feedback is not None],
            "entries": sorted(entries, reverse=True),
            "spawned": summary.total_instances_spawned,
            "active": summary.active_instances_count,
        }


def run(directory: Path, tool: str = "", when: str = "") -> None:
    """Runs the program, or goes on with it, and dies before or after what a tool does."""

    class Killing(Journal):
        def _commit(self, line: list[Any], durable: bool) -> None:
            begins, ends = f"'{tool}'" in repr(line) and "'begun'" in repr(line), f"'{tool}'" in repr(line)
            if tool and ends and not begins and when == "after":
                os.kill(os.getpid(), signal.SIGKILL)
            super()._commit(line, durable)
            if tool and begins and when == "before":
                os.kill(os.getpid(), signal.SIGKILL)

    (directory / "box").mkdir(exist_ok=True)
    with (
        Interpreter(sandbox=directory / "box", plugins=False, policy=Policy(grants=("*",))) as interpreter,
        manager_in(directory) as manager,
        Killing.open(directory / "state") as journal,
    ):
        register_ai_worker_tools(interpreter, manager)
        interpreter.load(PROGRAM, "administering.ns")
        assert interpreter.run("main", run_id="r", journal=journal) == "t-1"


if __name__ == "__main__":
    run(Path(sys.argv[1]), *sys.argv[2:])
