"""Amendments of requests, and the parts that several wire formats share."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from ai_wm.providers.options import JSON_INSTRUCTION

Body = dict[str, Any]


UNKNOWN: Final = (
    r"(unsupported|not support(?:ed)?\b|unknown|unrecognized|unexpected|not permitted|not allowed|\bextra\b|forbidden)"
)
"""How servers say that they do not take something."""


@dataclass(frozen=True, slots=True)
class Amendment:
    """A change to the body of a request, and the kind of refusal that it answers.

    Args:
        name: by which it is remembered.
        words: the refusal that asks for it.
        applies: whether a request has what it is about.
        made: the request sent differently.
        warning: what is logged, where the reply will be another for it; empty for nothing.
        dialect: the wire format that it is for.
        lasting: whether later requests to the same model want it too; what one history holds, another may not.
    """

    name: str
    words: re.Pattern[str]
    applies: Callable[[Body], bool]
    made: Callable[[Body], Body]
    warning: str = ""
    dialect: str = "openai"
    lasting: bool = True


def words(pattern: str) -> re.Pattern[str]:
    """Compiles the words of a refusal, in either case."""
    return re.compile(pattern, re.IGNORECASE)


WANTS_STREAM: Final = words(
    r"thinking.{0,60}(non-?stream|stream=`?false|非流式)|only supports? (the )?stream|streaming_required"
    r"|stream(ing)? (mode )?is (strongly )?(required|recommended)|must (set|use|enable) `?stream"
    r"|`?stream`? must be (set to )?`?true"
)
"""How servers say that they answer in streams alone."""

_FORMAT: Final = r"(response_format|text\.format)"
NO_SCHEMA: Final = words(
    rf"^(?!.*invalid schema).*({_FORMAT}.{{0,60}}(unavailable|not available|{UNKNOWN})"
    rf"|json_schema.{{0,60}}{UNKNOWN}|{UNKNOWN}.{{0,60}}json_schema)"
)
"""How servers say that they know no JSON Schema."""

NO_FORMAT: Final = words(
    rf"^(?!.*invalid schema).*({_FORMAT}.{{0,60}}(must be|{UNKNOWN})"
    rf"|{UNKNOWN}.{{0,60}}({_FORMAT}|json_object)"
    rf"|json_object.{{0,60}}{UNKNOWN}|json mode.{{0,40}}(combined|together|{UNKNOWN}).{{0,40}}tool)"
)
"""How servers say that they do not take the format of replies that was asked for."""

BAD_SIGNATURE: Final = words(r"signature.{0,40}thinking|thinking.{0,60}(signature|cannot be modified)")
"""How Anthropic says that it does not take back signed thinking."""

NO_THINKING_YET: Final = words(r"expected .?thinking.{0,60}but found|must start with a thinking block")
"""How Anthropic says that a turn was begun without thinking."""

UNSIGNED: Final = "refuses the signed thinking in the history: it is left out, and the reply made without thinking"
UNTHOUGHT: Final = "cannot think in a turn that was begun without: the reply is made without thinking"
SCHEMA_IN_WORDS: Final = "knows no JSON Schema: it is told in the system prompt, and its replies are checked"
FORMAT_IN_WORDS: Final = (
    "does not take this response_format: JSON is asked for in the system prompt, and its replies are checked"
)


def is_plain(body: Body) -> bool:
    """Whether a request asks for one whole reply, not for a stream."""
    return not body.get("stream")


def json_in_words(schema: Any) -> str:
    """Returns instructions for a reply that is JSON, and fits the schema if there is one."""
    if schema is None:
        return JSON_INSTRUCTION
    return f"{JSON_INSTRUCTION} The value fits this JSON Schema:\n{json.dumps(schema, ensure_ascii=False)}"
