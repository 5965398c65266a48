"""What editors tell about the words of the language: how each is written, and what it does."""

from __future__ import annotations

from neuroscript.records import record


@record(frozen=True)
class Word:
    """A keyword, a built-in function or another word with a meaning of its own.

    Args:
        form: how it is written.
        text: what it does.
    """

    form: str
    text: str


KEYWORDS: dict[str, Word] = {
    "and": Word("a and b", "True if both are; the second is not evaluated if the first is false."),
    "as": Word('on event "name" as variable do', "Names the variable that holds the event in its handler."),
    "ask": Word(
        "ask [worker,] prompt [with {…}] [into target]",
        "Asks a model. The reply is in `last`, and in the target if one is given; `with` overrides settings for this"
        ' call, and `with {"schema": {…}}` gives a validated value.',
    ),
    "break": Word("break", "Leaves the innermost loop."),
    "call": Word("call name(arguments)", "Calls a procedure or a tool for what it does; the result is in `last`."),
    "clear": Word('clear event "name"', "Removes the handlers of an event, or with `named` one of them."),
    "clear_error": Word(
        "clear_error",
        "In an error handler: the error is dealt with, and execution goes on after the statement that failed.",
    ),
    "command": Word("command … endcommand", "A block of statements that is run when the program is."),
    "continue": Word("continue", "Goes on with the next turn of the innermost loop."),
    "do": Word("on error do", "Ends the header of a handler."),
    "each": Word("for each item in collection", "Begins a loop over a collection."),
    "else": Word("else, else if condition", "Begins the branch for when the conditions above do not hold."),
    "emit": Word("emit value", "Puts a value out."),
    "endcommand": Word("endcommand", "Ends a command block."),
    "endevent": Word("endevent", "Ends an event handler, as `endon` does."),
    "endfor": Word("endfor", "Ends a loop over a collection."),
    "endfunc": Word("endfunc", "Ends a procedure."),
    "endif": Word("endif", "Ends an `if`."),
    "endon": Word("endon", "Ends an error handler or an event handler."),
    "endwhile": Word("endwhile", "Ends a `while` loop."),
    "error": Word("on error do … endon", "A handler for the errors of the body that it stands in."),
    "eval": Word("eval(text)", "The text with its placeholders, `{{name}}`, replaced."),
    "event": Word('on event "name" as e do … endon', "A handler that runs when the event is fired."),
    "fail": Word("fail [value]", "Raises an error, with the value as its message."),
    "false": Word("false", "A boolean."),
    "for": Word(
        "for each item in collection … endfor",
        "Goes over a list, a map's values or a text; `for each key, value in …` gives the keys or indexes too.",
    ),
    "func": Word(
        "func name(needs a, b optional c returns d) means … endfunc",
        "Defines a procedure. Parameters that are `optional` are nil where they are not given.",
    ),
    "if": Word("if condition … else if condition … else … endif", "Runs the branch whose condition holds."),
    "in": Word("for each item in collection", "Comes before the collection of a loop."),
    "into": Word("ask prompt into target", "Comes before the target that gets the reply."),
    "means": Word("func name(…) means", "Ends the header of a procedure."),
    "must": Word("must condition", "Raises an error unless the value is true; `set x = must …` does so with a result."),
    "mustbe": Word("mustbe check(value)", "Raises an error unless the check gives true."),
    "named": Word('on event "name" named "handler" do', "Gives a handler a name, by which it can be cleared."),
    "needs": Word("func name(needs a, b)", "Comes before the parameters that must be given."),
    "nil": Word("nil", "No value."),
    "no": Word("no value", "True for nil, false, 0, an empty text, list or map, and a variable that is not set."),
    "not": Word("not value", "The opposite; it binds tighter than `==`, so write `a != b` or `not (a == b)`."),
    "on": Word("on error do … endon, on event … do … endon", "Begins a handler of errors or of an event."),
    "on_error": Word("on_error means … endon", "A handler of errors in its older spelling."),
    "optional": Word("func name(optional c)", "Comes before the parameters that may be left out, and are nil then."),
    "or": Word("a or b", "True if one of them is: never one of the operands."),
    "promptuser": Word("promptuser question into target", "Asks the user for a line."),
    "return": Word("return [value, …]", "Leaves the procedure with its result."),
    "returns": Word("func name(returns d)", "Comes before the names of what a procedure gives."),
    "set": Word(
        "set target = [must] value",
        "Assigns. The maps and lists on the way to `a.b[0]` are made; `set a, b = list` takes a list apart.",
    ),
    "some": Word("some value", "The opposite of `no`: true for a value that is set, and not empty, 0 or false."),
    "tool": Word("tool.group.Name(arguments)", "Begins the name of a tool, which does not depend on case."),
    "true": Word("true", "A boolean."),
    "typeof": Word("typeof value", "The type as a text: `string number boolean list map nil function error …`."),
    "while": Word("while condition … endwhile", "Repeats its statements as long as the condition holds."),
    "whisper": Word("whisper worker, value", "Adds context to what a worker is asked next."),
    "with": Word("ask prompt with {…}", "Comes before the settings of one call."),
}

BUILTINS: dict[str, Word] = {
    "len": Word("len(x)", "The number of characters, items, entries or bytes; 0 for nil."),
    "ln": Word("ln(x)", "The natural logarithm."),
    "log": Word("log(x)", "The logarithm to base 10."),
    "sin": Word("sin(x)", "The sine of an angle in radians."),
    "cos": Word("cos(x)", "The cosine of an angle in radians."),
    "tan": Word("tan(x)", "The tangent of an angle in radians."),
    "asin": Word("asin(x)", "The arc sine, in radians."),
    "acos": Word("acos(x)", "The arc cosine, in radians."),
    "atan": Word("atan(x)", "The arc tangent, in radians."),
    "is_string": Word("is_string(x)", "Whether a value is a text."),
    "is_number": Word("is_number(x)", "Whether a value is a number."),
    "is_int": Word("is_int(x)", "Whether a value is a whole number."),
    "is_float": Word("is_float(x)", "Whether a value is a number that is not whole."),
    "is_bool": Word("is_bool(x)", "Whether a value is a boolean."),
    "is_list": Word("is_list(x)", "Whether a value is a list."),
    "is_map": Word("is_map(x)", "Whether a value is a map."),
    "is_error": Word("is_error(x)", "Whether a value is an error value, as `tool.error.Try` gives it."),
    "is_nil": Word("is_nil(x)", "Whether a value is nil."),
    "not_empty": Word("not_empty(x)", "Whether a value is true: not nil, false, 0 or empty."),
}

SYSTEM: dict[str, Word] = {
    "last": Word("last", "The result of the latest procedure, tool or `ask`; nil before the first."),
    "system_error_message": Word("system_error_message", "In an error handler: what happened."),
    "system_error_code": Word("system_error_code", "In an error handler: the error's code."),
    "system_error": Word(
        "system_error", "In an error handler: the error as a map with `code message line column procedure stack`."
    ),
}

SNIPPETS: dict[str, tuple[str, str]] = {
    "func": ("func … endfunc", "func ${1:name}(${2:needs value}) means\n  $0\nendfunc"),
    "command": ("command … endcommand", "command\n  $0\nendcommand"),
    "if": ("if … endif", "if ${1:condition}\n  $0\nendif"),
    "while": ("while … endwhile", "while ${1:condition}\n  $0\nendwhile"),
    "for": ("for each … endfor", "for each ${1:item} in ${2:items}\n  $0\nendfor"),
    "on": ("on error … endon", "on error do\n  ${0:clear_error}\nendon"),
}
"""Blocks that are written at once where their first word can stand: what a list shows, and what is put in."""

EVENT_SNIPPET = ("on event … endon", 'on event "${1:name}" as ${2:e} do\n  $0\nendon')
