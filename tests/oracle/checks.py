"""What is found when a program is loaded (language reference, sections 2, 3 and 6)."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import fields, is_dataclass
from typing import Any

from neuroscript.errors import Diagnostic, ErrorCode, NeuroScriptSyntaxError
from neuroscript.syntax import nodes

from .operators import WHOLE_LIMIT
from .scope import bodies


def check_program(program: nodes.Program, known: Collection[str] = ()) -> None:
    """Raises the first load error of a program that the grammar accepts.

    Raises:
        NeuroScriptSyntaxError: 12 for a misplaced return, 13 for clear_error, 39 for break and continue, 42 for a
            procedure defined twice or ``known`` from another load, 41 for a number out of range.
    """
    names = set(known)
    for procedure in program.procedures:
        if procedure.name in names:
            _refuse(program, procedure, ErrorCode.DUPLICATE, f"procedure {procedure.name} is defined twice")
        names.add(procedure.name)
        _body(program, procedure.body, may_return=True)
    for handler in program.handlers:
        _body(program, handler.body, may_return=True)
    for command in program.commands:
        _body(program, command.body, may_return=False)
    for part in (*program.procedures, *program.handlers, *program.commands):
        _literals(program, part)


def _body(program: nodes.Program, body: nodes.Block, *, may_return: bool) -> None:
    _block(program, body, may_return=may_return, has_loop=_has_loop(body))


def _has_loop(block: nodes.Block) -> bool:
    """Whether a body has a loop that is not in one of its handlers."""
    inner = [one for one in block if not isinstance(one, nodes.OnError | nodes.OnEvent)]
    loops = any(isinstance(one, nodes.While | nodes.ForEach) for one in inner)
    return loops or any(_has_loop(part) for one in inner for part in bodies(one))


def _block(
    program: nodes.Program,
    block: nodes.Block,
    *,
    may_return: bool,
    has_loop: bool,
    in_loop: bool = False,
    in_handler: bool = False,
) -> None:
    for statement in block:
        match statement:
            case nodes.Return() if not may_return:
                _refuse(program, statement, ErrorCode.RETURN_VIOLATION, "return is not allowed here")
            case nodes.ClearError() if not in_handler:
                _refuse(program, statement, ErrorCode.CLEAR_VIOLATION, "clear_error stands in an error handler only")
            case nodes.Break() | nodes.Continue() if not (in_loop or (in_handler and has_loop)):
                _refuse(program, statement, ErrorCode.CONTROL_FLOW, "break and continue stand in a loop")
        for body in bodies(statement):
            match statement:
                case nodes.OnError():
                    _block(program, body, may_return=may_return, has_loop=has_loop, in_handler=True)
                case nodes.OnEvent():
                    _body(program, body, may_return=True)
                case _:
                    loop = in_loop or isinstance(statement, nodes.While | nodes.ForEach)
                    _block(program, body, may_return=may_return, has_loop=has_loop, in_loop=loop, in_handler=in_handler)


def _literals(program: nodes.Program, part: Any) -> None:
    if isinstance(part, nodes.Literal):
        value = part.value
        too_large = type(value) is int and abs(value) >= WHOLE_LIMIT
        if too_large or (type(value) is float and not math.isfinite(value)):
            _refuse(program, part, ErrorCode.INVALID_VALUE, "the number is out of range")
    elif isinstance(part, list | tuple):
        for item in part:
            _literals(program, item)
    elif is_dataclass(part):
        for attribute in fields(part):
            _literals(program, getattr(part, attribute.name))


def _refuse(program: nodes.Program, node: nodes.Node, code: ErrorCode, message: str) -> None:
    line, column = node.span[:2]
    raise NeuroScriptSyntaxError([Diagnostic(line, column + 1, "error", code, message, file=program.name)])
