"""Code generation for the standard tools that Python does in a step or two, without a call of the tool.

The arguments have been found to be of the types that the tool takes, and texts and lists to be short, so that nothing
here takes long.  What is not ordinary (an empty delimiter, an index out of range, a character that is not ASCII) is
left to the tool itself.
"""

from __future__ import annotations

import ast

from neuroscript.compiler.codegen import intrinsic_lists, intrinsic_numbers, intrinsic_texts
from neuroscript.compiler.codegen.intrinsic_call import IntrinsicCall, Maker

MAKERS: dict[tuple[str, int], Maker] = intrinsic_lists.MAKERS | intrinsic_numbers.MAKERS | intrinsic_texts.MAKERS
"""How the code of a call is made, by the tool's name in lower case and the number of arguments."""


def intrinsic(tool: str, call: IntrinsicCall) -> ast.expr | None:
    """Code that gives the result of a call; None if there is none but the call.

    Args:
        tool: its name in lower case.
        call: the arguments, and what the code is made with.
    """
    if tool == "str.format":
        return _template(call)
    make = MAKERS.get((tool, len(call.operands)))
    return make(call) if make is not None and sorted(call.operands) == list(range(len(call.operands))) else None


def _template(call: IntrinsicCall) -> ast.expr | None:
    """A literal template with ordinary values in its places."""
    literal, *values = (call.operands[place] for place in range(len(call.operands)))
    text = literal.literal(str)
    if not isinstance(text, str):
        return None
    from neuroscript.compiler.codegen.formats import formatted  # imports the tool, which few programs use

    made = formatted(text, [(value.code, value.kind) for value in values])
    return None if made is None else call.either(*made)
