"""Hints at syntax errors: what the author probably meant.

There is a rule for each mistake that is made often.  It looks at the token that does not fit and at its neighbours, and
gives a hint or nothing; the first hint counts.  A rule may give a message of its own too, in place of the usual one of
what was found and what was expected.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from itertools import pairwise

from neuroscript.foreign_names import method_cure, name_cure
from neuroscript.syntax.errors.common_mistakes import DOUBLE_OPERATORS, END_WORDS, SHIFTS, STATEMENT_WORDS
from neuroscript.syntax.errors.context import Context, Hint
from neuroscript.syntax.errors.foreign_syntax import ANONYMOUS, INSIDE, LAST, OUTSIDE, WHOLE_FORMS, another_name
from neuroscript.syntax.errors.recovery import Problem, keyword_meant
from neuroscript.syntax.errors.stack import (
    COMMAND,
    ELSE,
    END_CODES,
    FUNC,
    JOINING_CODES,
    STATEMENT_CODES,
    Frame,
    open_blocks,
)
from neuroscript.syntax.lexer import CODES, METADATA, NAME, NEWLINE, NUMBER, RAW_STRING, STRING, Tokens
from neuroscript.syntax.tables import KEYWORDS


def hint_for(tokens: Tokens, problem: Problem, possible: frozenset[int]) -> Hint | None:
    """The hint at a problem, if there is one.

    Args:
        tokens: of the program, with every newline.
        problem: the token that does not fit.
        possible: the terminals that could stand in its place.
    """
    context = Context(tokens, problem, possible)
    for rule in _RULES:
        hint = rule(context)
        if hint is not None:
            return hint
    return None


_UPDATING = frozenset(("+", "-", "*", "/", "%", "|", "&", "^", "**"))


# --- where a statement begins ----------------------------------------------------------------------------------------


def _markdown(c: Context) -> Hint | None:
    if c.at_start and c.code == RAW_STRING and (c.can("FUNC") or c.can("COMMAND")):
        return Hint("take the lines with ``` away: the program stands in the file as it is")
    return None


def _two_kinds(c: Context) -> Hint | None:
    if not c.at_start or c.frame.symbol < 0 or open_blocks(c.frame):
        return None
    if c.code == COMMAND or (c.code in (FUNC, CODES["ON"]) and c.can("COMMAND")):
        return Hint(
            "put them in files of their own",
            "procedures and event handlers cannot stand in one file with command blocks",
        )
    return None


def _handler_outside(c: Context) -> Hint | None:
    outside = all(block.place == c.problem.start for block in open_blocks(c.frame))
    if outside and c.first_word in ("on", "on_error") and c.code in (CODES["ERROR"], CODES["ON_ERROR"]):
        return Hint(
            "put it into the procedure or command block that it covers",
            "an error handler cannot stand outside of a procedure",
        )
    return None


def _outside(c: Context) -> Hint | None:
    """A statement outside of everything."""
    if not c.at_start or not (c.can("FUNC") or c.can("COMMAND")) or open_blocks(c.frame):
        return None
    if c.code in END_CODES:
        return Hint(message=f"`{c.text}` closes nothing here: no block is open")
    if c.code in STATEMENT_CODES:
        return Hint(
            "put it between `func name() means` and `endfunc`, or between `command` and `endcommand`",
            f"found `{c.text}` outside of a procedure: a statement stands in a procedure or command block",
        )
    if c.code == METADATA:
        return Hint("the file's metadata stands before everything else, a procedure's right after `means`")
    return None


def _metadata(c: Context) -> Hint | None:
    outside = c.at_start and c.can("FUNC") and not open_blocks(c.frame)
    if outside and (c.text == ":" or (c.code == NAME and c.word(1) == ":")):
        return Hint("metadata is written `:: key: value`, on a line of its own")
    if c.code == METADATA and c.at_start:
        return Hint(
            "the file's metadata stands before everything else, a procedure's right after `means`",
            "metadata cannot stand among statements",
        )
    return None


def _nested(c: Context) -> Hint | None:
    if c.at_start and c.code == FUNC and open_blocks(c.frame):
        return Hint("procedures do not stand inside one another")
    return None


def _end_again(c: Context) -> Hint | None:
    if c.at_start and c.code == CODES["ENDIF"] and c.is_near(-2, "ENDIF"):
        return Hint("an `else if` has no `endif` of its own: one `endif` closes the whole `if`")
    return None


def _end_word(c: Context) -> Hint | None:
    if not c.at_start or not open_blocks(c.frame):
        return None
    lower = c.text.lower()
    if lower == "end" and f"end{c.word(1).lower()}" in KEYWORDS:
        return Hint(f"the word is `end{c.word(1).lower()}`")
    if END_WORDS.get(lower):
        return Hint(f"the word is `{END_WORDS[lower].lower()}`")
    unknown = lower.startswith("end") and c.is_near(1, "NEWLINE") and keyword_meant(c.text, c.possible) is None
    if c.text == "}" or (c.code == NAME and (lower in END_WORDS or unknown)):
        return Hint("each kind of block has an end of its own")
    return None


def _misspelt(c: Context) -> Hint | None:
    if not c.at_start or c.code != NAME:
        return None
    keyword = keyword_meant(c.text, c.possible)
    if keyword is None or c.is_assigned:
        return None
    if keyword == c.text.lower():
        return Hint(f"keywords are lower case: `{keyword}`")
    return Hint(f"did you mean `{keyword}`?")


def _common_mistake(c: Context) -> Hint | None:
    if not c.at_start or c.code != NAME or c.is_assigned:
        return None
    mistake = STATEMENT_WORDS.get(c.text.lower())
    return Hint(mistake.hint) if mistake else None


def _increment(c: Context) -> Hint | None:
    """``x += 1``, ``set x.y += 1``, ``x[0]++`` and ``++x``."""
    if c.at_start and c.text in ("+", "-") and c.word(1) == c.text and c.touches(1):
        return Hint(f"write `set {c.word(2)} = {c.word(2)} {c.text} 1`", f"there is no `{c.text * 2}`")
    words = c.before() if not c.at_start and c.first_word == "set" else []
    words = [*words[1:], *c.after()] if words or (c.at_start and c.code == NAME) else []
    for place, (sign, following) in enumerate(pairwise(words)):
        if sign in ("=", "(", ","):
            return None
        updates = sign in _UPDATING and following == "="
        if place and (updates or (sign == following and sign in ("+", "-"))):
            target = "".join(words[:place])
            cure = f"write `set {target} = {target} {sign} {'…' if updates else '1'}`"
            return Hint(cure, f"there is no `{sign}{following}`")
    return None


def _bare(c: Context) -> Hint | None:
    """An assignment, call or expression without the keyword of its statement."""
    if not c.at_start or not c.can("EMIT"):
        return None
    line = c.line()
    if c.code == NAME and CODES["EQUAL"] in line:
        return Hint(f"an assignment begins with `set`: `set {c.text} = …`")
    if c.code == NAME and c.is_near(1, "DOT") and c.is_near(3, "LPAR"):
        cure = name_cure(c.text, c.word(2), called=True) or method_cure(c.word(2))
        if cure:
            return Hint(
                f"a call on its own begins with `call`; values have no methods and there are no modules: {cure}"
            )
    if c.code in (NAME, CODES["TOOL"]) and CODES["LPAR"] in line:
        return Hint("a call on its own begins with `call`; `set x = …` keeps its result")
    if c.code in (NAME, NUMBER, STRING, CODES["LPAR"], CODES["LSQB"], CODES["MINUS"]):
        return Hint("a bare expression is no statement: `emit` puts it out, `set x = …` keeps it")
    return None


# --- inside a statement ----------------------------------------------------------------------------------------------


def _header(c: Context) -> Hint | None:
    """What other languages put at the end of a block's header."""
    if c.first_word not in ("if", "while", "for", "else", "func", "on", "on_error", "command") or c.at_start:
        return None
    if c.code == CODES["COLON"] and (c.is_near(1, "NEWLINE") or c.is_near(1, "$END")) and not c.frame.depth:
        return Hint("a header ends with its line: leave the colon out")
    if c.text == "then":
        return Hint("the condition ends with its line: leave `then` out")
    if c.code == CODES["DO"] and not c.can("NAME"):
        if c.first_word == "on_error":
            return Hint("`on_error` goes with `means`, `on error` with `do`")
        return Hint("only event and error handlers have a `do`: leave it out")
    if c.code == CODES["LBRACE"]:
        return Hint("blocks have no braces: they end with a word of their own, such as `endif`")
    if c.code == CODES["MEANS"] and c.first_word == "on":
        return Hint("`on error` goes with `do`, `on_error` with `means`")
    return None


def _signature(c: Context) -> Hint | None:
    if not c.in_signature:
        return None
    if c.code == CODES["COLON"] and c.is_near(1, "NEWLINE"):
        return Hint("the header ends with `means`")
    if c.text in ("needs", "optional", "returns") and c.can("MEANS") and not c.can("NEEDS"):
        return Hint(f"`{c.text}` stands inside the parentheses: `func name(needs a returns b) means`")
    if c.code == CODES["COLON"]:
        return Hint("parameters have no types: their names alone stand in a signature")
    if c.code == CODES["EQUAL"]:
        return Hint("parameters have no defaults: an `optional` one that is missing is nil")
    if c.code == CODES["MINUS"] or c.text == "->":
        return Hint("the names of results stand after `returns`")
    if c.code == NAME and c.can("NEEDS"):
        return Hint("parameters stand after `needs` or `optional`: `func name(needs a, b optional c)`")
    if c.can("MEANS") and c.code in (NEWLINE, CODES["LBRACE"]):
        return Hint("a procedure's header ends with `means`")
    if c.code == CODES["COMMA"] and c.can("NAME"):
        return Hint("between clauses stands no comma")
    if c.code in (CODES["NEEDS"], CODES["OPTIONAL"], CODES["RETURNS"]) and c.is_near(-1, "COMMA"):
        return Hint("between clauses stands no comma")
    return None


def _loop(c: Context) -> Hint | None:
    if c.first_word not in ("for", "foreach") or c.at_start:
        return None
    if c.can("EACH") and not c.can("NAME"):
        counts = any(word in ("range", "=", ";", "to") or ".." in word for word in c.after())
        counting = "; counting, `for each i in tool.list.Range(start, end)`" if counts else ""
        names = "key, value in map" if "," in c.after() and not counts else "item in items"
        return Hint(f"a loop over a collection is written `for each {names}`{counting}")
    if c.code == CODES["LPAR"] and c.is_near(-1, "EACH"):
        return Hint("leave the parentheses out: `for each item in items`")
    if c.code == CODES["COMMA"] and c.can("IN"):
        return Hint("`for each` has one name or two: `for each item in items`, `for each key, value in map`")
    if c.can("IN") and c.text in ("of", "from", "=", ":"):
        return Hint("a loop over a collection is written `for each item in items`")
    return None


def _event(c: Context) -> Hint | None:
    if c.first_word not in ("on", "clear") or c.at_start:
        return None
    if c.code == CODES["NAMED"]:
        return Hint("`named` stands before `as`")
    if c.is_near(-1, "NAMED"):
        return Hint("the name of a handler is a string in quotes")
    if c.is_near(-1, "AS"):
        return Hint("after `as` stands the name of a variable, without quotes")
    return None


def _call(c: Context) -> Hint | None:
    if c.first_word in ("call", "mustbe") and c.can("LPAR") and not c.can("NEWLINE") and not c.frame.depth:
        if c.first_word == "mustbe":
            return Hint("`mustbe` takes the call of a check, `mustbe is_string(x)`; `must` takes any condition")
        return Hint("`call` takes a call with its arguments: `call name(…)`")
    at: Frame | None = c.frame
    while at is not None and at.symbol >= 0 and at.symbol in (CODES["DOT"], NAME):
        at = at.below
    in_tool = at is not None and at.symbol == CODES["TOOL"]
    if in_tool or (c.can("LPAR") and c.can("DOT") and len(c.possible) == 2):
        return Hint("a tool is called by its group and name, with its arguments: `tool.group.Name(…)`")
    return None


def _reserved(c: Context) -> Hint | None:
    """A keyword where a name is wanted."""
    if c.text not in KEYWORDS:
        return None
    if c.at_start:
        is_name = c.can("EMIT") and (c.is_near(1, "EQUAL") or c.is_near(1, "DOT"))
        return Hint(another_name(c.text), f"`{c.text}` is a reserved word and cannot be a name") if is_name else None
    if not c.can("NAME"):
        return None
    if c.code == CODES["CALL"] and c.can("STRING"):
        return Hint("inside an expression a call is `name(…)` alone, without `call`")
    if c.code in (CODES["ASK"], CODES["PROMPTUSER"]) and c.can("STRING"):
        return Hint(f"`{c.text}` is a statement, which puts the reply `into` a variable")
    if c.can("STRING"):  # an expression could stand there
        if c.code in JOINING_CODES | {CODES["IN"]}:
            return None
        if c.code == CODES["IF"]:
            return Hint("there is no conditional expression: use an `if` statement")
        text = f"`{c.text}` is a reserved word: {another_name(c.text)}"
        return Hint(text) if not c.is_near(-1, "NEWLINE") else None
    return Hint(another_name(c.text), f"`{c.text}` is a reserved word and cannot be a name")


def _equals(c: Context) -> Hint | None:
    if c.code == CODES["EQUAL"] and c.word(1) in ("<", ">") and c.touches(1):
        return Hint(f"write `{c.word(1)}=`", f"there is no `={c.word(1)}`")
    if c.code == CODES["EQUAL"] and c.word(-1) not in ("=", "==") and (c.can("EQUAL_TO") or c.can("COLON")):
        if c.can("COLON") and c.frame.depth:
            return Hint(
                "a named argument is written `name: value`"
                if c.can("COMMA")
                else "an entry of a map is written `key: value`"
            )
        if c.first_word == "set":
            return Hint("one assignment in a statement; to compare, write `==`")
        return Hint("to compare, write `==`; an assignment is a statement of its own, `set name = value`")
    if c.code == CODES["EQUAL_TO"] and c.can("EQUAL"):
        return Hint("`==` compares: to assign, write `=`")
    if c.code == CODES["COLON"] and c.can("EQUAL") and not c.frame.depth:
        return Hint("an assignment is written `set name = value`")
    if c.first_word == "set" and c.can("EQUAL") and not c.can("EQUAL_TO") and c.code != CODES["EQUAL"]:
        return Hint("an assignment is written `set name = value`")
    return None


def _next_line(c: Context) -> Hint | None:
    """An expression that goes on in the next line."""
    before = c.tokens.codes[c.problem.place - 1] if c.problem.place else NEWLINE
    goes_on = c.code == NEWLINE and before in JOINING_CODES and (before, c.first_word) != (CODES["COMMA"], "return")
    if goes_on and c.word(-1) == "%" and c.is_near(-2, "NUMBER"):
        return Hint(f"`%` is the remainder: write `{c.word(-2)} / 100`")
    if goes_on or (c.at_start and c.code in JOINING_CODES | {CODES["DOT"]}):
        return Hint("to go on in the next line, end the line with `\\`, or put the whole in brackets")
    return None


def _operators(c: Context) -> Hint | None:
    if not c.at_start and (c.word(-1), c.text) in DOUBLE_OPERATORS and c.touches(-1):
        return Hint(f"there is no `{c.word(-1)}{c.text}`: write {DOUBLE_OPERATORS[c.word(-1), c.text]}")
    if not c.at_start and (c.word(-1), c.text) in SHIFTS and c.touches(-1):
        return Hint(f"there is no `{c.word(-1)}{c.text}`: write `{SHIFTS[c.word(-1), c.text]} 2 ** n`")
    if (c.word(-1), c.text) == ("-", ">") and c.touches(-1):
        return Hint(
            "the reply is put `into` a variable" if c.first_word in ("ask", "promptuser") else "there is no `->`"
        )
    if c.is_near(-1, "POWER") and c.code in (CODES["MINUS"], CODES["NOT"], CODES["TILDE"]):
        return Hint("put the exponent in parentheses: `2 ** (-1)`")
    if c.code == CODES["PLUS"] and c.can("MINUS") and c.can("STRING"):
        return Hint("there is no unary `+`")
    if c.word(-1) == "/" and c.text in ("*", "**") and c.touches(-1):
        return Hint("a comment begins with `#`, `--` or `//` and ends with its line")
    if c.text == "is" and c.can("EQUAL_TO"):
        return Hint("compare with `==` and `!=`")
    if c.code == CODES["IN"] and c.can("EQUAL_TO"):
        return Hint("there is no `in` operator: tool.list.Contains and tool.str.Contains look for a value")
    if c.code in (CODES["IF"], ELSE) and c.can("EQUAL_TO"):
        return Hint("there is no conditional expression: use an `if` statement")
    return None


def _lists(c: Context) -> Hint | None:
    """Commas and colons inside brackets, and two values side by side."""
    if c.code == CODES["COLON"] and c.frame.depth and c.can("RSQB") and not c.can("COMMA"):
        return Hint("there are no slices: use tool.list.Slice or tool.str.Substring")
    if c.code == CODES["COLON"] and c.frame.depth and c.can("EQUAL_TO"):
        return Hint("a named argument is `name: value`, an entry of a map `{key: value}`")
    if c.code == CODES["COMMA"] and c.can("RSQB") and not c.can("COMMA") and not c.can("STRING"):
        return Hint("one index in a pair of brackets: `x[1][2]`")
    if c.is_near(-1, "COMMA") and c.code == NEWLINE and c.first_word == "return":
        return Hint("leave the last comma out")
    if c.is_near(-1, "COMMA") and c.code == CODES["COMMA"]:
        return Hint("a value is missing between the commas")
    if c.can("COLON") and c.can("NAME") is False and c.can("COMMA") is False and c.frame.depth and c.can("EQUAL_TO"):
        return Hint("an entry of a map is written `key: value`")
    if c.can("NAME") and not c.can("STRING") and c.frame.depth and c.is_near(-1, "COMMA") and not c.in_signature:
        return Hint("named arguments come after the others")
    return None


def _side_by_side(c: Context) -> Hint | None:
    if c.code == STRING and c.is_near(-1, "DOT") and c.touches(-1) and c.word(-2) != '"':
        return Hint(f"a key in quotes stands in brackets: `{c.word(-2)}[{c.text}]`")
    if c.code == STRING and c.is_near(-1, "DOT"):
        return Hint("strings are joined with `+`")
    if c.at_start or not c.can("PLUS"):
        return None
    if c.code == STRING and c.tokens.codes[c.problem.place - 1] == STRING:
        return Hint("strings are joined with `+`; text over many lines stands between ``` and ```")
    if c.code == STRING and c.is_near(-1, "NAME") and len(c.word(-1)) <= 2 and c.touches(-1):
        return Hint("strings have no prefix: join with `+`, or write ```text {{name}}``` with placeholders")
    if c.is_near(-1, "STRING") and c.touches(-1) and c.code == NAME:
        return Hint("a quote inside a string is written `\\'` or `\\\"`, or stands between quotes of the other kind")
    if c.word(-1) in ("lambda", "fn", "function"):
        return Hint(ANONYMOUS)
    if c.code in STATEMENT_CODES and c.can("NEWLINE"):
        return Hint("a statement has a line of its own")
    if c.code == CODES["COMMA"] and c.can("NEWLINE"):
        if c.first_word in WHOLE_FORMS:
            return Hint(WHOLE_FORMS[c.first_word])
        return Hint(f"`{c.first_word}` takes one value: join with `+`, or write a list `[a, b]`")
    return None


def _keyword_nearby(c: Context) -> Hint | None:
    """A misspelt keyword inside a statement."""
    if c.at_start or c.code != NAME:
        return None
    words = [word for word, code in KEYWORDS.items() if code in c.possible and word.isalpha()]
    if c.text.lower() in words:
        return Hint(f"keywords are lower case: `{c.text.lower()}`")
    close = difflib.get_close_matches(c.text.lower(), words, n=1, cutoff=0.7) if len(c.text) > 2 else []
    return Hint(f"did you mean `{close[0]}`?") if close else None


def _one_line(c: Context) -> Hint | None:
    """A block or a second statement on the line of a header."""
    if not c.at_start and c.code in STATEMENT_CODES | END_CODES and c.possible <= {NEWLINE, CODES["IF"]}:
        return Hint("a statement has a line of its own")
    return None


_RULES: tuple[Callable[[Context], Hint | None], ...] = (
    _markdown,
    _two_kinds,
    _handler_outside,
    _outside,
    _metadata,
    _nested,
    _end_again,
    _end_word,
    *OUTSIDE,
    _increment,
    _misspelt,
    _common_mistake,
    _bare,
    _next_line,
    _header,
    _signature,
    _loop,
    _event,
    *INSIDE,
    _operators,
    _equals,
    _reserved,
    _call,
    _lists,
    _side_by_side,
    _keyword_nearby,
    _one_line,
    *LAST,
)
