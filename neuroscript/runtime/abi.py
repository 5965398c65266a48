"""The names that generated code and the runtime share.

Generated code is a set of functions in the namespace of an interpreter, beside the runtime's own.  The code generator
writes these names; the runtime puts something under them, and finds them again in frames and tracebacks.  Both take
them from here.  The module imports nothing, and it stands in `neuroscript.runtime`, which the compiler depends on and
which depends on nothing of the compiler.

A script's names never meet those of the runtime: its procedures and variables carry the prefixes `PROCEDURE` and
`VARIABLE`, which no other name begins with.
"""

from __future__ import annotations

# --- what is generated -----------------------------------------------------------------------------------------------

PROCEDURE = "p_"
"""Begins the name of a procedure's function."""

VARIABLE = "v_"
"""Begins the name of a script's variable, a local of the function, and so the name of a parameter."""

DEPTH = "d"
"""The first parameter of every function: the call depth that is left."""

_SPECIALISED = "t"
_LATE = "l"
_FITTING = "m"
_EVENT_HANDLER = "e"
_COMMAND = "c"
_START = "i"


def specialised(load: int, procedure: str) -> str:
    """The function of a procedure's specialised body; once the procedure is replaced, its new general function."""
    return f"{_SPECIALISED}{load}_{procedure}"


def specialised_self(load: int, procedure: str) -> str:
    """The same function as its own calls name it, which is never replaced."""
    return f"r{load}_{procedure}"


def fitting(load: int, procedure: str) -> str:
    """The same function where it takes whatever the program's internal code passes to the procedure as a value."""
    return f"{_FITTING}{load}_{procedure}"


def late(load: int, procedure: str) -> str:
    """The function that stands for a procedure, or for its general body, until that is called for the first time."""
    return f"{_LATE}{load}_{procedure}"


def is_late(function: str) -> bool:
    """Whether a function is one that stands for a body which was made late, and calls that."""
    return function.startswith(_LATE) and function.partition("_")[0].removeprefix(_LATE).isdecimal()


def general(function: str) -> str:
    """The general function of the procedure whose specialised body a function is; empty for every other function."""
    kind, _, procedure = function.partition("_")
    return PROCEDURE + procedure if kind.startswith(_SPECIALISED) else ""


def event_handler(load: int, number: int) -> str:
    """The function of an event handler."""
    return f"{_EVENT_HANDLER}_{load}_{number}"


def command(load: int, number: int) -> str:
    """The function of a command block."""
    return f"{_COMMAND}_{load}_{number}"


def start(load: int) -> str:
    """The function that a load runs, which registers its event handlers."""
    return f"{_START}_{load}"


_NOT_PROCEDURES = {_EVENT_HANDLER: "event handler", _COMMAND: "command", _START: "load"}


def shown_name(function: str) -> str:
    """A function's name as the script's author knows it: the procedure's, or what kind of body it is."""
    kind, _, procedure = function.partition("_")
    return _NOT_PROCEDURES.get(kind, procedure)


# --- tools and built-in functions ------------------------------------------------------------------------------------

PROCEDURE_VALUE = "n_"
"""Begins the name of a procedure of the program as a value."""

FUNCTION_OF = "_function"
"""Gives a procedure as a value."""

FITTING = "_fitting"
"""Gives a procedure as a value that enters the code for what the program's internal code passes to it."""

GLOBAL = "host_"
"""Begins the name of a host's global."""

CONSTANT = "k_"
"""Begins the name of a type constant, or of the procedure that has taken its name."""

TOOL = "s_"
"""Begins the name of a linked tool, which validates its arguments: ``s_KEY(d, (a, b), names)``."""

TOOL_FUNCTION = "f_"
"""Begins the name of a linked tool's own function, for arguments that have the right types: ``f_KEY(a, b)``."""

TOOL_READER = "y_"
"""Begins the name of the own function of a linked tool that calls a function, for names of keys in its place."""

CONTEXT = "_context"
"""The call context, which a standard tool's own function gets first if it takes one."""

TOOL_CONSTANT = "tv_"
"""Begins the name of a linked tool as a value."""

TOOL_CHANGE = "c_"
"""Begins the name of what does a linked tool's work in place: ``c_KEY(a, b)`` tells whether it changed ``a``."""

BUILTIN = "b_"
"""Begins the name of a built-in function other than ``len``."""

UNREPLACED = "u_"
"""Begins the name of what tells whether no procedure has taken the place of a built-in function."""

BUILTIN_LEN = "_len"
CALL = "_call"
CALL_FOR_LAST = "_call_for_last"
"""A call in a body that uses ``last``: gives the result, and the value that ``last`` has then."""

OWNER = "_owner"
"""What the ``owner`` of this interpreter's procedures is, where they are values."""

ENTRIES = 5
"""The numbers of arguments, from 0, for which the ``entries`` of such a procedure have its code."""

ENTRY = "_entry"
"""Gives the code to enter for a callee that is no such procedure."""

GENERAL = "_general"
"""Gives the general body of a procedure whose code is made when that is called for the first time."""

FIRST_CALL = "_first"
"""Gives the function of a procedure that is called for the first time: its code is made by that."""

CALL_TOOL = "_tool"
TOOL_VALUE = "_tool_value"
BAD_CALL = "_bad_call"
TO_HOST = "_own"
FROM_HOST = "_host"
CHECKED_RESULT = "_checked_result"
IS_ASCII = "_ascii"
MAP = "_map"
ALL_STR = "_all_str"
ALL_INT = "_all_int"
ALL_FLOAT = "_all_float"
ALL_NUMBER = "_all_number"
ALL_BOOL = "_all_bool"
ALL_DICT = "_all_dict"

# --- what some standard tools do, in Python's own functions ----------------------------------------------------------

STR_STARTS = "_starts"
STR_ENDS = "_ends"
STR_WITHOUT_PREFIX = "_without_prefix"
STR_WITHOUT_SUFFIX = "_without_suffix"
STR_UPPER = "_upper"
STR_LOWER = "_lower"
STR_STRIP = "_strip"
STR_SPLIT = "_split"
STR_REPLACE = "_replace"
STR_IS_DIGITS = "_is_digits"
STR_RIGHT = "_to_right"
STR_LEFT = "_to_left"
STR_FIND = "_find"
STR_FIND_LAST = "_find_last"
STR_IS_PRINTABLE = "_is_printable"
STR_JOIN = "_join_strings"
STR_COUNT = "_count"
FLOOR = "_floor"
CEIL = "_ceil"
TRUNCATE = "_truncate"
SQRT = "_sqrt"
ROUND = "_round"
SUM = "_sum"
LEAST = "_least"
GREATEST = "_greatest"
SORTED = "_sorted"
LIST_INDEX = "_list_index"
DICT_VALUES = "_values"
DICT_FROM_KEYS = "_from_keys"

# --- operators -------------------------------------------------------------------------------------------------------

ADD = "_add"
SUB = "_sub"
MUL = "_mul"
DIV = "_div"
MOD = "_mod"
POW = "_pow"
NEG = "_neg"
BIT_AND = "_bit_and"
BIT_OR = "_bit_or"
BIT_XOR = "_bit_xor"
BIT_NOT = "_bit_not"
EQ = "_eq"
NE = "_ne"
LT = "_lt"
LE = "_le"
GT = "_gt"
GE = "_ge"
AND = "_and"
OR = "_or"
NOT = "_not"
TYPEOF = "_typeof"
INT_LIMIT = "_int_limit"
"""The least whole number that is too large."""

NEGATIVE_INT_LIMIT = "_negative_int_limit"
INFINITE = "_infinite"
FINITE = "_finite"

# --- text ------------------------------------------------------------------------------------------------------------

TEXT = "_joined"
JOIN = "_join"
JOIN_ALL = "_pieces"
LONG_STRING = "_long_string"
EVAL = "_eval"

# --- names -----------------------------------------------------------------------------------------------------------

SESSION_LAST = ""
"""The key of ``last`` in an interactive session's mapping of its variables."""

UNSET = "UNSET"
"""The value of a variable that has not been set, where code asks."""

NAME = "_name"
NAME_OR_NIL = "_name_or_nil"
REFUSE_UNSET = "_unset"
REFUSE_READ_ONLY = "_read_only"

# --- lists and maps --------------------------------------------------------------------------------------------------

REFCOUNT = "_refcount"
INDEX = "_index"
WALK = "_walk"
TAKE = "_take"
PUT = "_put"
PUT_PATH = "_put_path"
COPIED = "_copied"
APPEND_AT = "_append_at"
HELD_AT = "_held_at"
MAP_KEY = "_map_key"
NESTED = "_nested"
DEEP_KINDS = "_deep_kinds"
"""The Python types of lists and maps."""

MAY_BE_DEEP = "_may_be_deep"
"""Whether a map may hold lists or maps, or may not be held itself."""

TOO_MANY = "_too_many"
UNPACK = "_unpack"
DICT_GET = "_get"
DICT_UPDATE = "_update"
DICT_VALUES = "_values"
ENUMERATE = "_enumerate"

MISSED = "_missed"
TEXTS = "_texts"
MOST_TEXTS = 1024
"""The text forms of the whole numbers below this one, as which they are keys of maps."""

"""What Python raises where code that takes values to be of the likely types meets others."""

# --- loops and functions ---------------------------------------------------------------------------------------------

FUEL = "_fuel"
"""The iterator of which every loop turn and every call takes one item."""

RANGE = "_range"
COUNTED = "_counted"
ITERATE = "_iterate"
ITERATE_PAIRS = "_iterate_pairs"
DICT_ITEMS = "_items"
COMPRESS = "_compress"
CHAIN = "_chain"
TOO_DEEP = "_too_deep"
DEEPER = "_deeper"
DEEP_CALLS = "_deep_calls"
"""Whether calls have been so deep inside one another that what they give has to be looked at for its depth."""

RETURNED = "_returned"

# --- statements ------------------------------------------------------------------------------------------------------

EMIT = "_emit"
WHISPER = "_whisper"
PROMPT = "_prompt"
ASK = "_ask"
MUST = "_must"
MUST_SET = "_must_set"
MUST_EXPLAINED = "_must_explained"
NOTE = "_note"
COVERED = "_covered"
"""Only in code that is compiled for tests."""

BEGIN = "_begin"
TURN = "_turn"
RESULT = "_result"
LEFT = "_left"
"""Only in code that is watched: what a statement, a turn of a ``for each``, a ``return`` and the end of a body call."""

FAIL = "_fail"
FAILURE = "_failure"
"""Makes the error of a ``fail`` with a string."""

HANDLE = "_handle"
ATTEMPTED = "_attempted"
ERROR_FIELDS = "_error_fields"
ERROR_PLACE = "_error_place"
BREAK_LOOP = "_break"
CONTINUE_LOOP = "_continue"
"""The signals by which an error handler ends the loop round what failed, or begins its next turn."""

ON_EVENT = "_on_event"
CLEAR_EVENT = "_clear_event"

# --- Python's own ----------------------------------------------------------------------------------------------------

PYTHON = ("Exception", "bool", "bytes", "dict", "float", "int", "len", "list", "str", "tuple", "type")
"""What generated code has of Python's built-ins, under their own names."""

FUZZY = "Fuzzy"
EVENT = "Event"
FUNCTION = "Function"
TOOL_KIND = "ToolValue"
TIME_KIND = "TimeDate"
