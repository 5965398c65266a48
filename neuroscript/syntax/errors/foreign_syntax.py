"""Hints at the signs and constructs of other languages, and of older dialects of this one.

The rules are of the same kind as those in `hints`: each looks at one construct, and says nothing where it is not sure.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from neuroscript.foreign_names import method_cure
from neuroscript.syntax.errors.common_mistakes import (
    FUNCTION_WORDS,
    INFIX_WORDS,
    KEYWORD_STARTS,
    MODIFIERS,
    PREFIX_WORDS,
    TYPE_WORDS,
)
from neuroscript.syntax.errors.context import Context, Hint
from neuroscript.syntax.lexer import CODES, METADATA, NAME, NEWLINE, NUMBER, STRING
from neuroscript.syntax.tables import KEYWORDS

ANONYMOUS = "there are no anonymous procedures: define one with `func` and give its name"
_PROCEDURE = "a procedure is written `func name(needs a, b returns c) means` … `endfunc`"
_COMMENT = "a comment begins with `#`, `--` or `//` and ends with its line"
_LONG_TEXT = "text over many lines stands between ``` and ```, or between ''' and ''' without placeholders"
_MATH_WORDS = ("len", "ln", "log", "sin", "cos", "tan", "asin", "acos", "atan", "eval")
# How the statements are written that take more than a value.
WHOLE_FORMS = {
    "ask": "the form is `ask who, prompt with {…} into reply`, of which `ask prompt` is enough",
    "must": "`must` takes a condition alone: for a message of your own, `fail message` in an `if`",
    "whisper": "the form is `whisper self, value`",
    "promptuser": "the form is `promptuser question into answer`",
}


def another_name(word: str) -> str:
    """The advice to take another name than a reserved word."""
    return f"choose another name, such as `{word}_value`"


# --- where a statement begins ----------------------------------------------------------------------------------------


def _block_comment(c: Context) -> Hint | None:
    opens = c.text == "/" and c.word(1) in ("*", "**") and c.touches(1)
    if c.at_start and (
        opens or (c.text == "<" and c.tokens.source.startswith("<!--", c.tokens.starts[c.problem.place]))
    ):
        sign = "/*" if opens else "<!--"
        return Hint(_COMMENT, f"there is no `{sign}`")
    if c.at_start and c.text == "=" and c.word(1) == "begin":
        return Hint(_COMMENT, "there is no `=begin`")
    return None


def _long_string(c: Context) -> Hint | None:
    """Three double quotes; those that are never closed are errors of their token."""
    first = c.text == '""' and c.word(1).startswith('"') and c.touches(1)
    second = c.word(-1) == '""' and c.text.startswith('"') and c.touches(-1)
    if first or second:
        return Hint(_COMMENT if first and c.at_start else _LONG_TEXT, 'there is no `"""`')
    return None


def _old_dialect(c: Context) -> Hint | None:
    """``DEFINE PROCEDURE name(a)`` and ``COMMENT:`` … ``ENDCOMMENT``."""
    if c.at_start and c.text.lower() == "define" and c.code == NAME:
        return Hint(_PROCEDURE)
    if c.at_start and c.text.lower() == "comment" and c.is_near(1, "COLON"):
        return Hint(
            "a comment begins with `#`; a procedure is described in metadata, `:: description: …`, after `means`"
        )
    return None


def _modified_function(c: Context) -> Hint | None:
    """``local function``, ``async def``, ``export default function``, and functions that are assigned."""
    if not c.at_start or c.code != NAME:
        return None
    words = [word.lower() for word in c.after()]
    meant = next((word for word in words if word not in MODIFIERS), "")
    if words[0] in MODIFIERS and meant in (*FUNCTION_WORDS, "func"):
        return Hint(_PROCEDURE)
    arrow = any(pair == ("=", ">") for pair in pairwise(words))
    if words[0] in ("const", "let", "var", "local") and (arrow or "function" in words):
        return Hint(f"{ANONYMOUS}: `func name(needs a, b returns c) means` … `endfunc`")
    return Hint(_PROCEDURE) if words[0] in ("public", "private", "static") else None


def _typed_variable(c: Context) -> Hint | None:
    declares = c.text in TYPE_WORDS or c.text in ("export", "declare", "readonly")
    if c.at_start and c.code == NAME and declares and c.is_near(1, "NAME") and c.is_near(2, "EQUAL"):
        return Hint(f"variables have no types and no declarations: `set {c.word(1)} = …`")
    return None


def _block_argument(c: Context) -> Hint | None:
    """``items.each do |item|``."""
    words = c.after()
    if c.at_start and c.code == NAME and c.word(1) == "<" and c.word(2) == "-":
        return Hint(f"an assignment begins with `set`: `set {c.text} = …`")
    if (
        c.at_start
        and c.code in (NAME, CODES["LSQB"], CODES["LPAR"])
        and ("each" in words or "forEach" in words)
        and "." in words
    ):
        return Hint("a loop over a collection is written `for each item in items` … `endfor`")
    return None


def _keyword_start(c: Context) -> Hint | None:
    """A keyword that begins a statement in another language, and none here."""
    hint = KEYWORD_STARTS.get(c.text) if c.at_start and not c.is_near(1, "EQUAL") else None
    return Hint(hint) if hint else None


# --- inside a statement ----------------------------------------------------------------------------------------------


def _arrow(c: Context) -> Hint | None:
    """``x => x + 1``, ``{"key" => value}``, and `>=` the wrong way round."""
    if c.code != CODES["EQUAL"] or c.word(1) != ">" or not c.touches(1):
        return None
    if c.bracket() == CODES["LBRACE"] and c.can("COLON"):
        return Hint("an entry of a map is written `key: value`", "there is no `=>`")
    if c.first_word in ("if", "while", "else", "must") and not c.frame.depth:
        return Hint("write `>=`", "there is no `=>`")
    if c.word(-1) == ")" or c.word(-1) in c.after():
        return Hint(ANONYMOUS, "there is no `=>`")
    if c.word(-2) in ("=", "(", ","):
        return Hint(f"{ANONYMOUS}; at least is written `>=`", "there is no `=>`")
    return Hint("write `>=`", "there is no `=>`")


def _anonymous(c: Context) -> Hint | None:
    if c.at_start:
        return None
    if c.code == CODES["FUNC"] and c.can("STRING"):
        return Hint(ANONYMOUS)
    if any(word in ("function", "fn", "lambda", "proc", "Proc") for word in c.before()[1:]) and c.text != ";":
        return Hint(ANONYMOUS)
    block = c.text == "|" and c.word(2) == "|" and c.word(-1) != "|"
    if c.text == "{" and c.word(1) == "|":
        return Hint(ANONYMOUS)
    if c.can("STRING") and (block or (c.text == ">" and c.word(-1) == "-" and c.word(1) == "(")):
        return Hint(ANONYMOUS)
    return None


def _points(c: Context) -> Hint | None:
    """Points that belong to no name: ``.5``, ``items.0``, ``a .. b``, ``...items``."""
    if c.text == "." and c.is_near(1, "NUMBER") and c.touches(1) and c.can("NUMBER"):
        return Hint(f"write `0.{c.word(1)}`", f"`.{c.word(1)}` is no number: digits stand before the point")
    if c.code == NUMBER and c.is_near(-1, "DOT") and c.word(-2) != ".":
        return Hint(f"an index stands in brackets: `{c.word(-2)}[{c.text}]`")
    if c.text == "." and c.word(1) == "." and c.can("STRING"):
        return Hint("nothing is spread: `tool.list.Concat(a, b)` joins lists, `tool.map.Merge(a, b)` maps")
    if c.text == "." and c.word(-1) == "." and c.touches(-1):
        return Hint("strings are joined with `+`")
    return None


def _prefixes(c: Context) -> Hint | None:
    """``*items``, ``**options``, ``&value``."""
    if c.at_start or not c.can("STRING"):
        return None
    if c.text in ("*", "**") and c.word(-1) in ("(", "[", "{", ","):
        return Hint("nothing is spread: `tool.list.Concat(a, b)` joins lists, `tool.map.Merge(a, b)` maps")
    if c.text == "&" and c.word(1) == ":":
        return Hint('a key\'s name is enough where a tool takes a function of one item: `tool.list.Map(list, "name")`')
    if c.text == ":" and c.is_near(1, "NAME") and c.touches(1) and c.word(-1) in ("=", "(", ",", "["):
        return Hint(f'text stands in quotes: `"{c.word(1)}"`')
    if c.text in ("*", "&") and c.word(-1) in ("=", "(", ","):
        return Hint("there are no pointers: leave the sign out")
    return None


_TESTS = {
    "eq": "`==`",
    "ne": "`!=`",
    "gt": "`>`",
    "lt": "`<`",
    "ge": "`>=`",
    "le": "`<=`",
    "z": '`text == ""`',
    "n": '`text != ""`',
    **dict.fromkeys(("e", "f", "d"), "`tool.fs.Exists(path)`"),
}
"""The tests of a shell, by the word after the minus."""


def _shell_test(c: Context) -> Hint | None:
    """``[ n -gt 2 ]``, ``n -eq 1``, ``[ -z "$s" ]``."""
    before = c.before()
    if c.at_start or c.first_word not in ("if", "while", "else", "must", "set") or "-" not in before[-2:]:
        return None
    cure = _TESTS.get(before[-1])
    if cure is None or before[-2] != "-" or c.code not in (NAME, NUMBER, STRING):
        return None
    brackets = "; a condition stands without brackets" if "[" in before else ""
    return Hint(f"for `-{before[-1]}` write {cure}{brackets}")


def _doubled_quote(c: Context) -> Hint | None:
    """``'it''s'``."""
    if c.code == STRING and c.is_near(-1, "STRING") and c.touches(-1) and c.text[:1] == c.word(-1)[-1:]:
        return Hint(f"a quote inside a text is written `\\{c.text[0]}`")
    return None


def _jump_count(c: Context) -> Hint | None:
    """``continue 2``, ``break outer``."""
    if c.first_word in ("break", "continue") and c.code in (NUMBER, NAME) and len(c.before()) == 1 and c.can("NEWLINE"):
        cure = "set a variable and test it after the inner loop, or `return` from a procedure"
        return Hint(f"`{c.first_word}` is for the innermost loop alone: {cure}")
    return None


def _message_of_must(c: Context) -> Hint | None:
    """``must x "message"``."""
    is_value = c.code in (STRING, NAME) and c.can("NEWLINE") and not c.at_start
    return Hint(WHOLE_FORMS["must"]) if c.first_word == "must" and is_value and not c.is_near(-1, "MINUS") else None


def _comparisons(c: Context) -> Hint | None:
    if c.text == "~" and c.word(1) == "=" and c.touches(1):
        return Hint("write `!=`", "there is no `~=`")
    if c.text == "=" and c.word(1) == "~" and c.touches(1):
        return Hint("write `tool.regex.Match(pattern, text)`", "there is no `=~`")
    if c.text == "not" and c.word(1) == "in" and c.can("EQUAL_TO"):
        return Hint("there is no `in` operator: write `not tool.list.Contains(list, value)`")
    return None


def _brackets(c: Context) -> Hint | None:
    """Slices, tuples, comprehensions, and brackets with nothing in them."""
    bracket = c.bracket()
    if c.text == ":" and c.word(-1) == "[" and c.can("STRING"):
        return Hint("there are no slices: use tool.list.Slice or tool.str.Substring")
    if c.text == "," and bracket == CODES["LPAR"] and c.can("EQUAL_TO") and not c.can("COMMA"):
        if any(arrow == (")", "=", ">") for arrow in zip(c.after(), c.after()[1:], c.after()[2:], strict=False)):
            return Hint(ANONYMOUS)
        if c.before()[1:2] == ["("] and c.first_word in ("emit", "fail", *WHOLE_FORMS):
            usual = f"`{c.first_word}` takes one value: join with `+`, or write a list `[a, b]`"
            return Hint(WHOLE_FORMS.get(c.first_word, usual))
        return Hint("a list is written `[a, b]`")
    if c.text == "for" and bracket in (CODES["LSQB"], CODES["LBRACE"], CODES["LPAR"]) and c.can("EQUAL_TO"):
        return Hint("there are no comprehensions: `tool.list.Map(list, function)`, or a `for each` that appends")
    if c.text == "]" and c.word(-1) == "[" and c.can("STRING"):
        return Hint("the index is missing; `set items = tool.list.Append(items, value)` adds to the end")
    words = c.before()
    if c.text == "}" and words[-3:-1] == ["{", "{"]:
        return Hint("placeholders stand in a raw string alone: ```Hello {{name}}```")
    return None


def _braces(c: Context) -> Hint | None:
    """``map{key}`` and Go's ``[]int{1, 2}``."""
    if c.text == "{" and c.is_near(-1, "NAME") and c.touches(-1) and c.first_word in ("set", "emit", "return", "call"):
        return Hint(f"an entry is read with brackets: `{c.word(-1)}[key]`")
    if c.code == NAME and c.text in TYPE_WORDS and c.word(-1) == "]" and c.touches(-1):
        return Hint('a list is written `[a, b]`, a map `{"key": value}`, without types')
    return None


def _targets(c: Context) -> Hint | None:
    """``set [a, b] = …``, ``set a = 1, b = 2``, ``set items.append(1)``, ``set n = 1,000``."""
    if c.first_word != "set" or c.at_start:
        return None
    if c.text in ("[", "(", "{") and c.before() == ["set"]:
        return Hint("the targets stand without brackets: `set a, b = [1, 2]`")
    if c.text == "(" and c.can("EQUAL"):
        return Hint("a call on its own begins with `call`; `set x = …` keeps its result")
    if c.text == "," and c.is_near(1, "NUMBER") and c.is_near(-1, "NUMBER") and c.touches(1) and c.touches(-1):
        return Hint(f"digits are not grouped: write `{c.word(-1)}{c.word(1)}`") if len(c.word(1)) == 3 else None
    if c.text == "," and c.is_near(1, "NAME") and c.word(2) == "=" and c.can("NEWLINE"):
        return Hint("one assignment in a statement")
    return None


def _into(c: Context) -> Hint | None:
    """The parts of ``ask``, ``promptuser`` and ``whisper``, and of an error handler's header."""
    if c.at_start:
        return None
    incomplete = (c.can("INTO") or c.can("COMMA") or c.text == "with") and c.first_word != "must"
    if incomplete and c.first_word in WHOLE_FORMS and c.code in (NAME, STRING, NEWLINE, CODES["AS"], CODES["WITH"]):
        return Hint(WHOLE_FORMS[c.first_word])
    if c.before() in (["on", "error"], ["on_error"]) and c.text in ("as", "("):
        return Hint("the error is in `system_error_message`, `system_error_code` and `system_error`: `on error do`")
    if c.text == ":" and len(c.before()) == 1 and c.first_word in ("emit", "return", "fail", "must", "call", "set"):
        return Hint("leave the colon out")
    return None


def _colon_method(c: Context) -> Hint | None:
    """``text:upper()``, the method of a value in Lua."""
    if c.text == ":" and c.is_near(1, "NAME") and c.word(2) == "(" and c.touches(-1) and c.touches(1):
        cure = method_cure(c.word(1))
        return Hint(f"texts, lists and maps have no methods; {cure or 'a tool takes the value, `tool.str.ToUpper(x)`'}")
    return None


def _double_colon(c: Context) -> Hint | None:
    if c.code == METADATA and not c.at_start:
        return Hint("a field is read with a point: `value.name`", "`::` begins metadata, which has a line of its own")
    return None


def _old_string(c: Context) -> Hint | None:
    """``[[text]]``, as older dialects and Lua have it: two words side by side inside two brackets."""
    at = c.frame
    opened = []
    while at.depth and at.below is not None:
        if at.symbol == CODES["LSQB"]:
            opened.append(at.place)
        at = at.below
    starts = c.tokens.starts
    if len(opened) < 2 or starts[opened[0]] != starts[opened[1]] + 1:
        return None
    alone = c.code == NAME or c.text in KEYWORDS or c.text in (",", ".", ":")
    if alone and (c.is_near(-1, "NAME") or c.word(-1) in KEYWORDS):
        return Hint("`[[` begins a list in a list; text stands in quotes, over many lines between ``` and ```")
    return None


def _several_values(c: Context) -> Hint | None:
    if c.text == "," and c.first_word == "set" and not c.frame.depth and c.can("NEWLINE"):
        words = c.before()
        if "," in words[: words.index("=") if "=" in words else 0]:
            return Hint("the values of several targets stand in a list: `set a, b = [1, 2]`")
    return None


def _words(c: Context) -> Hint | None:
    """Operators that are words, and words before a value."""
    if c.at_start:
        return None
    if c.code == NAME and c.can("EQUAL_TO") and not c.is_near(1, "LPAR"):
        cure = INFIX_WORDS.get(c.text.lower())
        if cure:
            return Hint(cure)
    cure = PREFIX_WORDS.get(c.word(-1))
    if cure and c.can("EQUAL_TO") and c.code in (NAME, STRING, CODES["TOOL"], CODES["LBRACE"]):
        return Hint(cure)
    if c.word(-1) in _MATH_WORDS and c.can("LPAR") and not c.can("STRING"):
        return Hint(f"`{c.word(-1)}` is a function: `{c.word(-1)}(…)`")
    return None


def _conditional_statement(c: Context) -> Hint | None:
    """``return x if y``, ``break unless z``."""
    conditional = c.text in ("if", "while") or (c.code == NAME and c.text == "unless")
    covered = c.first_word in ("return", "break", "continue", "fail", "emit", "call") and not c.at_start
    if conditional and covered and not (c.text == "if" and "else" in c.after()):
        return Hint(f"a condition is a statement round the `{c.first_word}`: `if condition` … `endif`")
    return None


def _comment_instead(c: Context) -> Hint | None:
    """A value that is a comment: ``#items``, ``--n``."""
    if c.code != NEWLINE or not c.can("STRING") or c.at_start:
        return None
    place = c.problem.place
    between = c.tokens.source[c.tokens.ends[place - 1] : c.tokens.ends[place]].strip()
    for sign, cure in (("#", "; a length is `len(x)`"), ("--", ""), ("//", "")):
        following = between[len(sign) : len(sign) + 1]
        if between.startswith(sign) and (following.isalnum() or following in ("_", "(")):
            return Hint(f"`{sign}` begins a comment that reaches to the end of the line{cure}")
    return None


def _missing_parentheses(c: Context) -> Hint | None:
    """``helper 1``: two values side by side, of which the first may be meant as a call."""
    operand = c.code in (NAME, NUMBER, STRING)
    starts = c.word(-2) in ("=", "emit", "return", "call", "if", "while", "(", ",")
    if operand and starts and c.is_near(-1, "NAME") and not c.touches(-1) and (c.can("PLUS") or c.can("LPAR")):
        return Hint(f"if `{c.word(-1)}` is to be called, its arguments stand in parentheses: `{c.word(-1)}(…)`")
    return None


OUTSIDE: tuple[Callable[[Context], Hint | None], ...] = (
    _block_comment,
    _long_string,
    _old_dialect,
    _modified_function,
    _typed_variable,
    _block_argument,
    _keyword_start,
)
INSIDE: tuple[Callable[[Context], Hint | None], ...] = (
    _colon_method,
    _double_colon,
    _shell_test,
    _doubled_quote,
    _jump_count,
    _arrow,
    _anonymous,
    _points,
    _prefixes,
    _comparisons,
    _old_string,
    _braces,
    _targets,
    _into,
    _brackets,
    _several_values,
    _conditional_statement,
    _words,
)
LAST: tuple[Callable[[Context], Hint | None], ...] = (_comment_instead, _missing_parentheses, _message_of_must)
