"""The programs of jobs: that of their submitter, kept as it was loaded, and the one that asks a worker."""

from __future__ import annotations

import json

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.values import text_of, to_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

    from neuroscript.interpreter import Interpreter
    from neuroscript.jobs.contents import Contents

ASKING: Final = """\
func main(needs worker, prompt, config) means
  if worker == nil
    ask prompt with config into answer
    return answer
  endif
  ask worker, prompt with config into reply
  return reply
endfunc
"""
"""The program of a job that is a prompt."""

ASKING_NAME: Final = "<job>"
_INPUT: Final = "{{input}}"


def keep_program(interpreter: Interpreter, contents: Contents) -> str:
    """Keeps the programs that an interpreter has loaded, with all that they use; gives the hash by which they load."""
    loader = interpreter.loader
    texts = [
        [program.name, content if isinstance(content, str) else content.decode("utf-8", "surrogatepass")]
        for program, content in zip(loader.programs, loader.contents, strict=True)
    ]
    return contents.put(json.dumps(texts).encode())


def load_program(interpreter: Interpreter, contents: Contents, program: str) -> None:
    """Loads what `keep_program` kept; without one, the program that asks.

    Raises:
        NeuroScriptError: 9 or 10 if it is not there as it was kept.
    """
    texts = [[ASKING_NAME, ASKING]] if not program else json.loads(contents.get(program))
    with interpreter.runtime.alone():
        interpreter.loader.load_all((name, text) for name, text in texts)


def check_procedure(interpreter: Interpreter, procedure: str, args: list[Any] | dict[str, Any]) -> None:
    """Refuses a job whose call would fail for its name or its arguments.

    Raises:
        NeuroScriptError: 2 if there is no such procedure, 4 if its signature refuses the arguments.
    """
    interpreter.runtime.check_procedure(procedure)
    signature = interpreter.runtime.procedures[procedure].signature
    positional, names = (len(args), []) if isinstance(args, list) else (0, list(args))
    problem = signature.problem(positional, names)
    if problem is not None:
        raise NeuroScriptError(ErrorCode.ARG_MISMATCH, f"the job's {procedure}() {problem}; it is {signature}")


def prompt_of(work: dict[str, Any]) -> str:
    """The prompt of a job with its input: in the place of ``{{input}}``, else after an empty line.

    A text stands as it is, any other value as JSON.
    """
    prompt: str = work["prompt"]
    if work.get("input") is None:
        return prompt
    given = work["input"]
    if not isinstance(given, str):
        try:
            given = json.dumps(to_json(given), ensure_ascii=False)
        except (NeuroScriptError, ValueError):
            given = text_of(given)
    return prompt.replace(_INPUT, given) if _INPUT in prompt else f"{prompt}\n\n{given}"
