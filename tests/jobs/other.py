"""A process that uses a job engine as it is told, by one line of JSON after the other.

    python -m tests.jobs.other MODULE:FUNCTION ARGUMENT…

It answers each line with one of its own, and says what the bodies of its jobs do.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from importlib import import_module
from typing import Any

from neuroscript.jobs import Attempt, JobEngine, Outcome, Serving

_saying = threading.Lock()


def say(value: Any) -> None:
    with _saying:
        print(json.dumps(value), flush=True)


def echo(attempt: Attempt) -> Outcome:
    """Gives its payload."""
    return Outcome(state="done", result=attempt.job.payload)


def note(attempt: Attempt) -> Outcome:
    """Says when it was begun, of the clock that all processes share."""
    began = time.monotonic()
    say([attempt.job.id, attempt.job.attempt, began])
    return Outcome(state="done", result=attempt.job.payload)


def hold(attempt: Attempt) -> Outcome:
    """Goes on until it is told to end; what it gives then is worth nothing if the job is no longer its own."""
    say(["began", attempt.job.id, attempt.job.attempt])
    attempt.cancel.wait(60)
    say(["ended", attempt.is_cancelled, attempt.is_current])
    return Outcome(state="cancelled" if attempt.is_cancelled else "done", result="late")


def die(attempt: Attempt) -> Outcome:
    """Takes its process along."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


BODIES = {body.__name__: body for body in (echo, note, hold, die)}


def main() -> None:
    opener, *arguments = sys.argv[1:]
    module, _, function = opener.partition(":")
    engine: JobEngine = getattr(import_module(module), function)(*arguments)
    servings: list[Serving] = []
    say("ready")
    for line in sys.stdin:
        told: dict[str, Any] = json.loads(line)
        do = told.pop("do")
        if do == "serve":
            servings.append(engine.serve(told.pop("queue"), BODIES[told.pop("body")], **told))
            say("serving")
        elif do == "stop":
            for serving in servings:
                serving.stop(**told)
            say("stopped")
        elif do == "submit":
            for id in told.pop("ids"):
                engine.submit(id, told["queue"], id)
            say("submitted")
        elif do == "take":
            job = engine.wait_next("", told["queue"], told["timeout"])
            say(job.id if job is not None else None)
        elif do == "consume":
            found = []
            while (job := engine.wait_next("", told["queue"], 60)) is not None:
                engine.acknowledge("", [job.id])
                found.append(job.id)
            say(found)


if __name__ == "__main__":
    main()
