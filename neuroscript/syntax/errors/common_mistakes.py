"""Words and signs of other languages that people and models write, and what takes their place here.

Tables alone: `recovery` reads on as if the right word stood there, `diagnostics` says which one it is.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CommonMistake:
    """A word at the start of a statement: the terminals that it stands for, if any, and the hint."""

    terminals: tuple[str, ...]
    hint: str


def _mistakes(words: str, terminals: str, hint: str) -> dict[str, CommonMistake]:
    return {word: CommonMistake(tuple(terminals.split()), hint) for word in words.split()}


# What a procedure begins with elsewhere, and what stands before it.
FUNCTION_WORDS = ("def", "function", "fn", "fun", "fuction", "sub", "proc", "procedure", "method")
MODIFIERS = (
    *("local", "async", "export", "default", "public", "private", "protected", "static", "pub", "define", "inline"),
)

# By the word in lower case.
STATEMENT_WORDS: dict[str, CommonMistake] = {
    **_mistakes("elif elsif elseif elif_ else_if", "ELSE IF", "a further branch is written `else if`"),
    **_mistakes("let var const local assign dim my", "SET", "variables are assigned with `set name = value`"),
    **_mistakes(
        "print println printf echo puts output say display write console",
        "EMIT",
        "output is written with `emit value`",
    ),
    **_mistakes(
        f"{' '.join(FUNCTION_WORDS)} define",
        "FUNC",
        "a procedure is written `func name(needs a, b returns c) means` … `endfunc`",
    ),
    **_mistakes("foreach", "FOR EACH", "a loop over a collection is written `for each item in items` … `endfor`"),
    **_mistakes("raise throw panic die abort", "FAIL", "an error is raised with `fail message`"),
    **_mistakes("assert ensure expect", "MUST", "a condition is asserted with `must condition`"),
    **_mistakes("invoke exec execute run", "CALL", "a call on its own is written `call name(arguments)`"),
    **_mistakes("input readline", "", "a person is asked with `promptuser question into answer`"),
    **_mistakes("onerror", "ON ERROR", "an error handler is written `on error do` … `endon`"),
    **_mistakes(
        "loop until repeat forever",
        "",
        "loops are `while condition` … `endwhile` and `for each item in items` … `endfor`",
    ),
    **_mistakes(
        "try catch except finally rescue",
        "",
        "errors are handled by `on error do` … `endon`, which covers the whole procedure; `clear_error` goes on",
    ),
    **_mistakes(
        "import from include require using use package module export",
        "",
        "there are no imports: the host provides the tools",
    ),
    **_mistakes(
        "switch match case when default select", "", "there is no `switch`: write `if` … `else if` … `else` … `endif`"
    ),
    **_mistakes("pass noop", "", "a block may be empty: leave the word out"),
    **_mistakes("class struct type interface enum", "", "there are no classes: use maps and procedures"),
    **_mistakes(
        "exit quit stop halt",
        "",
        "a procedure ends with `return`, a command block with its last line; `fail` stops with an error",
    ),
    **_mistakes(
        "async await yield defer go goto", "", "statements run one after the other; nothing of the kind is needed"
    ),
    **_mistakes("del delete unset", "", "variables are not deleted: `set name = nil`"),
    **_mistakes("wait sleep delay pause", "", "a program waits with `call tool.time.Sleep(seconds)`"),
    **_mistakes("retry redo", "", "what may fail is tried again in a `while` loop, through `tool.error.Try`"),
    **_mistakes("begin", "", "a block begins with the end of its header's line"),
    **_mistakes("unless", "IF", "a negative condition is written `if not condition`"),
    **_mistakes(
        "next", "", "the next turn of a loop is begun with `continue`; a loop ends with `endfor` or `endwhile`"
    ),
    **_mistakes(
        "global nonlocal", "", "a procedure's variables are its own; hand values over as arguments and results"
    ),
}

# Words for the end of a block, by the word in lower case; without a terminal: of the block that is open.
END_WORDS: dict[str, str] = {
    "end": "",
    "fi": "ENDIF",
    "done": "",
    "od": "",
    "esac": "",
    "wend": "ENDWHILE",
    "end_if": "ENDIF",
    "endelse": "ENDIF",
    "end_while": "ENDWHILE",
    "endloop": "",
    "end_for": "ENDFOR",
    "endforeach": "ENDFOR",
    "end_func": "ENDFUNC",
    "endfn": "ENDFUNC",
    "enddef": "ENDFUNC",
    "endfunction": "ENDFUNC",
    "endproc": "ENDFUNC",
    "endprocedure": "ENDFUNC",
    "endsub": "ENDFUNC",
    "end_command": "ENDCOMMAND",
    "endhandler": "ENDON",
    "enderror": "ENDON",
    "endtry": "ENDON",
    "end_on": "ENDON",
}

# Keywords that begin a statement elsewhere.
KEYWORD_STARTS: dict[str, str] = {
    "error": "an error is raised with `fail message`; a handler begins with `on error do`",
    "log": "output is written with `emit value`",
    "do": "loops are `while condition` … `endwhile` and `for each item in items` … `endfor`",
    "with": "there is no `with` block: tool.fs.Read and tool.fs.Write take a whole file",
    "typeof": "a bare expression is no statement: `emit` puts it out, `set x = …` keeps it",
    "named": 'a handler\'s name stands in its header: `on event "event" named "name" as e do`',
}

# What other languages declare variables with.
TYPE_WORDS = frozenset(
    ("int", "integer", "float", "double", "number", "string", "str", "bool", "boolean", "char", "long", "auto", "any")
)

# Names between two values that are operators elsewhere.
INFIX_WORDS: dict[str, str] = {
    "mod": "the remainder is `a % b`",
    "rem": "the remainder is `a % b`",
    "div": "the whole quotient is `tool.math.Floor(a / b)`",
    "xor": "of bits it is `a ^ b`, of truth values `a != b`",
    "shl": "write `a * 2 ** n`",
    "shr": "write `tool.math.Floor(a / 2 ** n)`",
    "eq": "equality is written `==`",
    "equals": "equality is written `==`",
    "ne": "inequality is written `!=`",
    "isnt": "inequality is written `!=`",
    "lt": "less than is written `<`",
    "gt": "greater than is written `>`",
    "le": "at most is written `<=`",
    "ge": "at least is written `>=`",
    "plus": "addition is written `+`",
    "minus": "subtraction is written `-`",
    "times": "multiplication is written `*`",
    "contains": "write `tool.list.Contains(list, value)` or `tool.str.Contains(text, part)`",
    "includes": "write `tool.list.Contains(list, value)` or `tool.str.Contains(text, part)`",
    "matches": "write `tool.regex.Match(pattern, text)`",
    "between": "write `low <= x and x <= high`",
    "like": "write `tool.regex.Match(pattern, text)`",
    "instanceof": "compare `typeof x` with a type: `typeof x == TYPE_STRING`",
}

# Words before a value.
PREFIX_WORDS: dict[str, str] = {
    "await": "nothing is awaited: a call gives its result",
    "async": "nothing is awaited: a call gives its result",
    "yield": "there are no generators: collect the values in a list and return it",
    "new": 'nothing is constructed: a map is written `{"key": value}`, a list `[a, b]`',
    "delete": "an entry is left out with `tool.map.Delete(map, key)`",
    "void": "leave the word out",
}

# Characters that no token begins with.
CHARACTERS: dict[str, str] = {
    "!": "negation is written `not`, inequality `!=`",
    ";": "a statement ends with its line: no semicolon, and one statement on a line",
    "$": "a variable is its bare name, without `$`",
    "@": "there are no decorators; a variable is its bare name",
    "?": "there is no conditional operator: use an `if` statement",
    "`": "text with placeholders, or over many lines, stands between ``` and ```: ```Hello {{name}}```",
    "#": "a comment reaches to the end of the line",
    "“": "strings stand between straight quotes: \"…\" or '…'",
    "”": "strings stand between straight quotes: \"…\" or '…'",
    "„": "strings stand between straight quotes: \"…\" or '…'",
    "‘": "strings stand between straight quotes: \"…\" or '…'",
    "’": "strings stand between straight quotes: \"…\" or '…'",
    "–": "minus is the hyphen `-`",
    "—": "minus is the hyphen `-`; a comment begins with `#`, `--` or `//`",
    "−": "minus is the hyphen `-`",
    "≠": "inequality is written `!=`",
    "≤": "at most is written `<=`",
    "≥": "at least is written `>=`",
    "×": "multiplication is written `*`",
    "÷": "division is written `/`",
    "…": "write out what is left out",
    "→": "results are named after `returns`",
}

# Two tokens side by side, by their texts: the operator that was meant.
DOUBLE_OPERATORS: dict[tuple[str, str], str] = {
    ("&", "&"): "`and`",
    ("|", "|"): "`or`",
    ("==", "="): "`==`",
    ("!=", "="): "`!=`",
    ("<", ">"): "`!=`",
    ("<=", ">"): "`<`, `==` or `>`",
    ("+", "+"): "`set x = x + 1`",
    ("*", "**"): "`**`",
}
SHIFTS = {("<", "<"): "*", (">", ">"): "/"}
