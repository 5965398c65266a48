"""A resolved program to Python code.

There is one function for each body: ``p_name`` for procedures, ``tL_name`` for their specialised bodies (``rL_name`` in
its calls of itself), ``e_L_N`` for event handlers, ``c_L_N`` for command blocks and ``i_L`` for what a load runs (L
counts the loads of an interpreter, so that nothing collides).  The
user's names carry prefixes of their own (``v_``, ``p_``) and share none with the runtime's.  Every node carries the
script's own line and columns, so that a failing operation is found from the traceback.
"""

from __future__ import annotations

import ast
from types import CodeType

from neuroscript.compiler.analysis.specialize import expected
from neuroscript.compiler.codegen import pyast as py
from neuroscript.compiler.codegen.calls import Unit
from neuroscript.compiler.codegen.statements import Statements
from neuroscript.compiler.resolve import Body, Resolved
from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.runtime.programs import Compiled
from neuroscript.syntax.nodes import Block
from neuroscript.syntax.parser import no_collection


def generate(resolved: Resolved, unit: Unit, load: int) -> Compiled:
    """Makes the code of a program.

    Args:
        resolved: the program, without errors.
        unit: what it is linked against; its own procedures are in ``unit.procedures`` already.
        load: the number of this load.

    Raises:
        NeuroScriptError: 38 if the program is nested too deeply for Python's compiler.
    """
    program = resolved.program
    events = {key: f"e_{load}_{number}" for number, key in enumerate(resolved.body_of_event)}
    commands = tuple(f"c_{load}_{number}" for number in range(len(program.commands)))
    remaining = iter(commands)
    identifiers: list[tuple[str, Body]] = []
    event_of_body = {id(body): events[key] for key, body in resolved.body_of_event.items()}
    for body in resolved.bodies:
        match body.kind:
            case "procedure":
                identifiers.append((f"p_{body.name}", body))
            case "command":
                identifiers.append((next(remaining), body))
            case _:
                identifiers.append((event_of_body[id(body)], body))
    handlers: Block = list(program.handlers)
    start = f"i_{load}" if handlers else ""
    if handlers:
        identifiers.append((start, Body("event", "load", handlers, [], handlers[0].span)))
    general: dict[str, Statements] = {}  # the makers of what is specialised too: inference is half of the work
    for body in resolved.bodies:
        if params := expected(body):
            general[body.name] = Statements(unit, resolved, body, events)
            unit.specials[body.name] = general[body.name].specialised(params, load)
    # What is kept of a program are its signatures and its metadata; its tree goes as it is compiled.
    resolved.bodies.clear()
    identifiers.reverse()
    codes = []
    with no_collection():
        while identifiers:
            name, body = identifiers.pop()
            maker = general.pop(body.name, None) if body.kind == "procedure" else None
            if maker is not None:
                special = unit.specials[body.name]
                itself = py.assign(special.itself, py.name(special.identifier))
                py.place(itself, body.span)
                made = Statements(unit, resolved, body, events, special=special)
                codes.append(_code([made.function(special.identifier), itself], resolved))
            codes.append(_code([(maker or Statements(unit, resolved, body, events)).function(name)], resolved))
            body.block.clear()
    return Compiled(tuple(codes), start, commands)


def _code(function: list[ast.stmt], resolved: Resolved) -> CodeType:
    """The code of a module of a function.

    Each function is compiled by itself, since Python's syntax tree takes two hundred times the room of the source.
    """
    # Python's compiler takes no file name that no file could have.
    file = resolved.program.name.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    try:
        return compile(ast.Module(function, []), file, "exec", dont_inherit=True)
    except (RecursionError, MemoryError) as error:
        raise NeuroScriptError(ErrorCode.NESTING_DEPTH_EXCEEDED, "the program is nested too deeply") from error


def generate_input(
    resolved: Resolved, unit: Unit, load: int, known: frozenset[str]
) -> tuple[tuple[CodeType, ...], str]:
    """Makes the code of one input of an interactive session: its variables come from a mapping and go back to it.

    Args:
        resolved: the input, as a program of one command block.
        unit: what it is linked against.
        load: the number of this load.
        known: the names of the session's variables.

    Returns:
        The code, and the name of the function, which takes the depth and the mapping.
    """
    [body] = (body for body in resolved.bodies if body.kind == "command")
    events = {key: f"e_{load}_{number}" for number, key in enumerate(resolved.body_of_event)}
    body.variables |= known
    identifier = f"c_{load}_0"
    functions = [
        Statements(unit, resolved, inner, events).function(events[key]) for key, inner in resolved.body_of_event.items()
    ]
    functions.append(Statements(unit, resolved, body, events, session=known).function(identifier))
    return tuple(_code([function], resolved) for function in functions), identifier
