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
        "def function fn fun fuction sub proc procedure method",
        "FUNC",
        "a procedure is written `func name(needs a, b returns c) means` … `endfunc`",
    ),
    **_mistakes("foreach", "FOR EACH", "a loop over a collection is written `for each item in items` … `endfor`"),
    **_mistakes("raise throw panic", "FAIL", "an error is raised with `fail message`"),
    **_mistakes("assert ensure expect", "MUST", "a condition is asserted with `must condition`"),
    **_mistakes("invoke exec execute run", "CALL", "a call on its own is written `call name(arguments)`"),
    **_mistakes("input readline", "", "a person is asked with `promptuser question into answer`"),
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
        "import from include require using use package module", "", "there are no imports: the host provides the tools"
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

# Characters that no token begins with.
CHARACTERS: dict[str, str] = {
    "!": "negation is written `not`, inequality `!=`",
    ";": "a statement ends with its line: no semicolon, and one statement on a line",
    "$": "a variable is its bare name, without `$`",
    "@": "there are no decorators; a variable is its bare name",
    "?": "there is no conditional operator: use an `if` statement",
    "`": "text over many lines stands between ``` and ```",
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
    ("+", "+"): "`set x = x + 1`",
    ("*", "**"): "`**`",
}
SHIFTS = {("<", "<"): "*", (">", ">"): "/"}
