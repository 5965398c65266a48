"""Values of the language: their Python types, names, text form and equality, and host conversion.

    nil None · boolean bool · number int or float · string str · bytes bytes · list list · map dict with str keys
    function Function · tool ToolValue · error ErrorValue · event EventValue · timedate TimeDate · fuzzy Fuzzy
    handle Handle

Inside the runtime a value has exactly one of these types, never a subclass, so that generated code may test with
``type(x) is …``.  `from_host` makes it so.  Truthiness is Python's own: each class defines ``__bool__`` as the language
has it (language reference, section 4).
"""

from __future__ import annotations

from neuroscript.values.equality import equal, same
from neuroscript.values.host_conversion import from_host, named_from_host, to_host, to_json
from neuroscript.values.kinds import (
    DEFAULT_NESTING,
    DEFAULT_STRING,
    INT_LIMIT,
    MAX_INT_BITS,
    TYPE_CONSTANTS,
    TYPE_NAMES,
    ErrorValue,
    EventValue,
    Function,
    Fuzzy,
    Handle,
    ToolValue,
    type_name,
)
from neuroscript.values.numbers import number_text, read_for_order, read_number
from neuroscript.values.text import joined_text, text_of, time_text
from neuroscript.values.timedate import TimeDate

__all__ = [
    "DEFAULT_NESTING",
    "DEFAULT_STRING",
    "INT_LIMIT",
    "MAX_INT_BITS",
    "TYPE_CONSTANTS",
    "TYPE_NAMES",
    "ErrorValue",
    "EventValue",
    "Function",
    "Fuzzy",
    "Handle",
    "TimeDate",
    "ToolValue",
    "equal",
    "from_host",
    "joined_text",
    "named_from_host",
    "number_text",
    "read_for_order",
    "read_number",
    "same",
    "text_of",
    "time_text",
    "to_host",
    "to_json",
    "type_name",
]
