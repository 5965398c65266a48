"""The linter's rules: their codes and names, what each finds and why it matters, a wrong example and a right one.

A code is stable and never used twice.  The hundreds say what a rule is about: 1 variables and the flow of control,
2 calls, 3 values and habits of other languages, 4 the comments that silence findings.
"""

from __future__ import annotations

from neuroscript.errors import ErrorCode
from neuroscript.records import record


@record(frozen=True)
class Rule:
    """One kind of finding.

    Args:
        code: ``NS101``.
        name: ``stale-value``.
        summary: what is wrong, in one sentence.
        explanation: why it is, and what to do.
        wrong: statements, or a whole program, in which the rule finds one thing and no other rule anything.
        right: the same without any finding.
        error: the code of the language's error that comes of it, or comes closest.
        severity: ``error`` for what is certain to fail, else ``warning``.
    """

    code: str
    name: str
    summary: str
    explanation: str
    wrong: str
    right: str
    error: ErrorCode = ErrorCode.INVALID_VALUE
    severity: str = "warning"


def example_program(example: str) -> str:
    """A rule's example as a program: statements alone stand in a command block."""
    if example.startswith(("func ", "command", "on event")):
        return example + "\n"
    return f"command\n{example}\nendcommand\n"


_FLOW = (
    Rule(
        "NS101",
        "stale-value",
        "A loop uses the value of the turn before, after an error that the handler cleared.",
        "When a statement fails and the handler clears the error, execution goes on with the next statement, and the"
        " variable that the statement was to set keeps the value that it had: that of the turn before. In `for each`,"
        " end the handler with `continue`; or call through `tool.error.Try` and test the result with `is_error`; or let"
        " the handler set the variable; or set it to nil first, and test it. In a `while`, `continue` is right where"
        " what the condition tests is changed before what can fail.",
        "func main means\n  on error do\n    clear_error\n  endon\n"
        '  for each text in ["1", "x"]\n    set number = tool.str.ToNumber(text)\n    emit number\n  endfor\nendfunc',
        "func main means\n  on error do\n    clear_error\n    continue\n  endon\n"
        '  for each text in ["1", "x"]\n    set number = tool.str.ToNumber(text)\n    emit number\n  endfor\nendfunc',
    ),
    Rule(
        "NS102",
        "maybe-unset",
        "A variable is read that is not set on every way there.",
        "It is set in one branch only, by the error handler alone, or further down; on another way the read fails with"
        " error 9. Set it before.",
        "func main(needs n) means\n  if n > 1\n    set size = 2\n  endif\n  return size\nendfunc",
        "func main(needs n) means\n  set size = 1\n  if n > 1\n    set size = 2\n  endif\n  return size\nendfunc",
        ErrorCode.KEY_NOT_FOUND,
    ),
    Rule(
        "NS103",
        "endless-continue",
        "An error handler goes on with a `while` loop that nothing has moved.",
        "`continue` in a handler goes on with the next turn of the loop round the statement that failed. Where the"
        " condition changes only after that statement, the next turn does the same again, without end. Change what the"
        " condition tests before what can fail.",
        "func main(needs texts) means\n  on error do\n    clear_error\n    continue\n  endon\n  set i = 0\n"
        "  while i < len(texts)\n    emit tool.str.ToNumber(texts[i])\n    set i = i + 1\n  endwhile\nendfunc",
        "func main(needs texts) means\n  on error do\n    clear_error\n    continue\n  endon\n  set i = 0\n"
        "  while i < len(texts)\n    set text = texts[i]\n    set i = i + 1\n    emit tool.str.ToNumber(text)\n"
        "  endwhile\nendfunc",
    ),
    Rule(
        "NS104",
        "lost-change",
        "A parameter, a loop's item or another copy is changed, and nothing reads the change.",
        "Lists and maps behave as if copied when they are passed or assigned, and a loop's item is a copy. A change"
        " of one is seen nowhere else. Return the changed value and assign it where the procedure is called; store a"
        " changed item with `set list[index] = …`, or build a new list.",
        "func add(needs items) means\n  set items = items + [1]\nendfunc",
        "func add(needs items) means\n  set items = items + [1]\n  return items\nendfunc",
    ),
    Rule(
        "NS105",
        "never-set",
        "A name is read that nothing sets.",
        "Reading it fails with error 9. The message proposes the nearest name; names of other languages (`None`,"
        " `json.loads`) are told what takes their place. Globals of the host are named to `check` by `--globals`.",
        "set total = 1\nemit totl",
        "set total = 1\nemit total",
        ErrorCode.KEY_NOT_FOUND,
    ),
    Rule(
        "NS106",
        "unreachable",
        "A statement is never reached.",
        "It stands after a `return`, `break`, `continue` or `fail` of the same block, or in a branch of `if` whose"
        " condition holds only where one before it does.",
        "while true\n  break\n  emit 1\nendwhile",
        "while true\n  emit 1\n  break\nendwhile",
        ErrorCode.CONTROL_FLOW,
    ),
    Rule(
        "NS107",
        "host-name",
        "A name is set that the host sets, and which a program cannot change.",
        "The assignment fails with error 43. Choose another name; a parameter may have it.",
        'set region = "eu"',
        'set my_region = "eu"',
        ErrorCode.WRITE_VIOLATION,
    ),
    Rule(
        "NS108",
        "endless-loop",
        "A loop has no way out.",
        "Nothing leaves this `while true`, or changes what the condition of this loop reads, so that it runs until a"
        " limit ends the run. Leave it with `break` or `return`, or change what the condition reads.",
        "set n = 0\nwhile true\n  set n = n + 1\nendwhile",
        "set n = 0\nwhile true\n  set n = n + 1\n  if n > 9\n    break\n  endif\nendwhile",
    ),
    Rule(
        "NS109",
        "index-past-end",
        "An index runs to the length of a list, one past its last item.",
        "An index counts from 0, so that the last one is `len(list) - 1`. The last turn fails with error 8.",
        "set xs = [1, 2]\nset i = 0\nwhile i <= len(xs)\n  emit xs[i]\n  set i = i + 1\nendwhile",
        "set xs = [1, 2]\nset i = 0\nwhile i < len(xs)\n  emit xs[i]\n  set i = i + 1\nendwhile",
        ErrorCode.BOUNDS,
    ),
    Rule(
        "NS110",
        "value-as-index",
        "The item of a loop is used as its index or key.",
        "`for each x in list` gives the items and `for each x in map` the values. With two names the first is the index"
        " or the key: `for each key, value in map`.",
        'set ages = {"ann": 3}\nfor each name in ages\n  emit ages[name]\nendfor',
        'set ages = {"ann": 3}\nfor each name, age in ages\n  emit name + age\nendfor',
    ),
    Rule(
        "NS111",
        "pairs-in-loop",
        "A loop with two names goes over a list of pairs.",
        "With two names a loop gives the index and the item, which is the whole pair. The list or the map itself gives"
        " both: `for each index, item in list`, `for each key, value in map`.",
        "set xs = [1]\nfor each i, x in tool.list.Enumerate(xs)\n  emit x\nendfor",
        "set xs = [1]\nfor each i, x in xs\n  emit x + i\nendfor",
    ),
    Rule(
        "NS112",
        "range-too-short",
        "A count over the indexes of a list leaves the last one out.",
        "`tool.list.Range(start, end)` stops before its end, so that `tool.list.Range(0, len(list))` gives all"
        " indexes.",
        "set xs = [1, 2]\nfor each i in tool.list.Range(0, len(xs) - 1)\n  emit xs[i]\nendfor",
        "set xs = [1, 2]\nfor each i in tool.list.Range(0, len(xs))\n  emit xs[i]\nendfor",
    ),
    Rule(
        "NS113",
        "reset-in-loop",
        "Each turn of a loop sets anew what is read after it.",
        "Only the last turn counts. Set it before the loop.",
        "for each x in [1, 2]\n  set total = 0\n  set total = total + x\nendfor\nemit total",
        "set total = 0\nfor each x in [1, 2]\n  set total = total + x\nendfor\nemit total",
    ),
    Rule(
        "NS114",
        "unchecked-try",
        "The result of `tool.error.Try` is used without asking whether it is an error value.",
        "Where the call fails, `tool.error.Try` gives an error value, of which fields are nil and with which nothing is"
        " calculated. Ask `is_error(result)` first, or let `must result` raise the error.",
        'set row = tool.error.Try(tool.json.Parse, "{")\nemit row.name',
        'set row = tool.error.Try(tool.json.Parse, "{")\nif not is_error(row)\n  emit row.name\nendif',
    ),
    Rule(
        "NS115",
        "misspelt-use",
        "Metadata looks as if it named a file to use, and names none.",
        "A file is used by the key `uses`, in small letters, in the metadata before everything else, and by a path that"
        " ends in `.ns`: `:: uses: lib/text.ns, my lib/dates.ns`. In quotes, with a comment after it, under another key"
        " or in a procedure it is a remark, and the procedures of the file are not there (error 2).",
        "func main means\n  :: uses: lib/text.ns\n  emit 1\nendfunc",
        "func main means\n  :: description: needs lib/text.ns beside it\n  emit 1\nendfunc",
        ErrorCode.PROC_NOT_FOUND,
    ),
    Rule(
        "NS116",
        "first-turn-only",
        "A loop always ends in its first turn.",
        "Every way through the loop returns, so that the other items are never reached. What holds when no item was"
        " found is returned after the loop.",
        "func has(needs xs, y) means\n  for each x in xs\n    if x == y\n      return true\n    else\n"
        "      return false\n    endif\n  endfor\nendfunc",
        "func has(needs xs, y) means\n  for each x in xs\n    if x == y\n      return true\n    endif\n  endfor\n"
        "  return false\nendfunc",
    ),
)

_CALLS = (
    Rule(
        "NS201",
        "unknown-tool",
        "A tool is called or named that there is not.",
        "The call fails with error 3. The message proposes the nearest tools; `neuroscript tools` lists them all. Tools"
        " of a host that `check` does not know are brought by `--tools module.py`, those of plugins by leaving out"
        " `--no-plugins`.",
        'emit tool.str.ToUper("a")',
        'emit tool.str.ToUpper("a")',
        ErrorCode.TOOL_NOT_FOUND,
        "error",
    ),
    Rule(
        "NS202",
        "forbidden-tool",
        "A tool is called that the policy does not permit.",
        "The call fails with error 10. The message says what is not granted.",
        'call tool.fs.Delete("a.txt")',
        'emit tool.str.ToUpper("a")',
        ErrorCode.SECURITY,
    ),
    Rule(
        "NS203",
        "unknown-procedure",
        "A procedure is called that the program does not have.",
        "The call fails with error 2, unless another file that is loaded beside this one has the procedure.",
        "call helpr()",
        "func main means\n  call helper()\nendfunc\nfunc helper means\n  emit 1\nendfunc",
        ErrorCode.PROC_NOT_FOUND,
    ),
    Rule(
        "NS204",
        "wrong-arguments",
        "A call has arguments that the signature refuses.",
        "Too few, too many and unknown arguments fail with error 4, even where `error.Try` or an error handler would"
        " catch it. The message shows the signature.",
        'emit tool.str.ToUpper("a", "b")',
        'emit tool.str.ToUpper("a")',
        ErrorCode.ARG_MISMATCH,
        "error",
    ),
    Rule(
        "NS205",
        "unused-result",
        "A tool that changes nothing is called, and what it gives is not kept.",
        "Tools give a new value and leave their arguments as they are.",
        "set xs = []\ncall tool.list.Append(xs, 9)\nemit xs",
        "set xs = []\nset xs = tool.list.Append(xs, 9)\nemit xs",
    ),
    Rule(
        "NS206",
        "argument-order",
        "The arguments of a tool for text are the wrong way round.",
        "`tool.str.Split(text, separator)` takes the text first, tools of `regex` the pattern first.",
        'set text = "a,b"\nemit tool.str.Split(",", text)',
        'set text = "a,b"\nemit tool.str.Split(text, ",")',
    ),
    Rule(
        "NS207",
        "call-for-function",
        "A call is handed over where a function is wanted.",
        "`tool.error.Try(f, x)` and `tool.list.Map(list, f)` make the call themselves: they take the function without"
        " parentheses, and its arguments after it.",
        'set number = tool.error.Try(tool.str.ToNumber("x"))\nemit is_error(number)',
        'set number = tool.error.Try(tool.str.ToNumber, "x")\nemit is_error(number)',
    ),
    Rule(
        "NS208",
        "name-in-quotes",
        "The name of a procedure is handed over in quotes, as a text.",
        'A text in the place of a function is the key of a map: `tool.list.Map(rows, "name")` gives the names.',
        "func double(needs x) means\n  return x * 2\nendfunc\n"
        'func main means\n  return tool.list.Map([1], "double")\nendfunc',
        "func double(needs x) means\n  return x * 2\nendfunc\n"
        "func main means\n  return tool.list.Map([1], double)\nendfunc",
    ),
    Rule(
        "NS209",
        "wrong-type",
        "A tool gets a value of a type that it refuses.",
        "The call fails with error 4. The message shows the signature.",
        'emit tool.str.PadLeft("a", "wide")',
        'emit tool.str.PadLeft("a", 10)',
        ErrorCode.ARG_MISMATCH,
    ),
    Rule(
        "NS210",
        "no-result",
        "The result of a procedure is used that never returns a value.",
        "A procedure gives what it returns, and nil without a `return`: not its last value, nor what it emits.",
        "func double(needs x) means\n  emit x * 2\nendfunc\nfunc main means\n  return double(2)\nendfunc",
        "func double(needs x) means\n  return x * 2\nendfunc\nfunc main means\n  return double(2)\nendfunc",
    ),
    Rule(
        "NS211",
        "wrong-count",
        "A number of names is set that differs from the number of values.",
        "It fails with error 36, or with error 7 where the value is no list. A call gives no error beside its value:"
        " errors are caught by `on error do`, or are the value of `tool.error.Try(function, …)`.",
        "set a, b = [1, 2, 3]\nemit a + b",
        "set a, b, c = [1, 2, 3]\nemit a + b + c",
        ErrorCode.COUNT_MISMATCH,
    ),
    Rule(
        "NS212",
        "text-template",
        "A template of `tool.str.Format` has no field for its arguments, or fields with names.",
        "`{}` takes the next argument and `{0}` the first, with a format after a colon: `{:.2f}`.",
        'emit tool.str.Format("%d items", 3)',
        'emit tool.str.Format("{} items", 3)',
    ),
    Rule(
        "NS213",
        "milliseconds",
        "A wait of so many seconds that milliseconds seem to be meant.",
        "`tool.time.Sleep` takes seconds, which may have a fraction.",
        "call tool.time.Sleep(500)",
        "call tool.time.Sleep(0.5)",
    ),
    Rule(
        "NS214",
        "foreign-layout",
        "A layout of a time has no `%` in it, so that it is written as it stands.",
        "Layouts are made of `%` sequences, such as `%Y-%m-%d %H:%M:%S`, not of a sample date or of letters.",
        'emit tool.time.Format(tool.time.Now(), "YYYY-MM-DD")',
        'emit tool.time.Format(tool.time.Now(), "%Y-%m-%d")',
    ),
    Rule(
        "NS215",
        "pattern-as-text",
        "A regular expression is given to a tool that takes a text as it stands.",
        "`tool.str` finds and replaces texts; patterns are for `tool.regex`, whose tools take the pattern first.",
        'set s = "a1"\nemit tool.str.Replace(s, "[0-9]+", "")',
        'set s = "a1"\nemit tool.regex.Replace("[0-9]+", s, "")',
    ),
)

_VALUES = (
    Rule(
        "NS301",
        "no-methods",
        "A method is called on a value.",
        "Texts, lists and maps have no methods: a tool takes the value as its first argument. The message names"
        " the tool.",
        'set s = "a"\nemit s.upper()',
        'set s = "a"\nemit tool.str.ToUpper(s)',
        ErrorCode.TYPE,
    ),
    Rule(
        "NS302",
        "no-fields",
        "A field is read of a text, a list or a number.",
        "Only maps, errors and events have fields. The length of a value is `len(value)`.",
        "set xs = [1]\nemit xs.length",
        "set xs = [1]\nemit len(xs)",
        ErrorCode.TYPE,
    ),
    Rule(
        "NS303",
        "nil-operand",
        "An arithmetic operator has nil as an operand.",
        "It fails with error 7; `+` takes nil beside a text alone, as the empty text.",
        "emit nil + 1",
        "emit 0 + 1",
        ErrorCode.TYPE,
    ),
    Rule(
        "NS304",
        "negative-index",
        "A text or a list is indexed from its end.",
        "An index counts from 0, and a negative one fails with error 8. The last item is `x[len(x) - 1]`.",
        "set xs = [1, 2]\nemit xs[-1]",
        "set xs = [1, 2]\nemit xs[len(xs) - 1]",
        ErrorCode.BOUNDS,
    ),
    Rule(
        "NS305",
        "no-collection",
        "A loop goes over a number, or over a text as over a list.",
        "`for each` goes over the items of a list, the values of a map and the characters of a text; over a number it"
        " fails with error 7. `tool.list.Range(0, n)` gives the numbers below n.",
        "for each i in 10\n  emit i\nendfor",
        "for each i in tool.list.Range(0, 10)\n  emit i\nendfor",
        ErrorCode.TYPE,
    ),
    Rule(
        "NS306",
        "dotted-join",
        "Texts are joined with a dot.",
        "After a value a dot reads a field. Texts are joined with `+`.",
        'set s = "b"\nemit "a" . s',
        'set s = "b"\nemit "a" + s',
        ErrorCode.TYPE,
    ),
    Rule(
        "NS307",
        "calculated-placeholder",
        "A placeholder holds a calculation.",
        "`{{name}}` and `{{a.b[0]}}` are replaced; what is neither is left as it is. Calculate first, and name the"
        " result in the placeholder.",
        'set n = 1\nemit eval("{{n + 1}}")',
        'set n = 1\nset more = n + 1\nemit eval("{{more}}")',
    ),
    Rule(
        "NS308",
        "plain-placeholder",
        "A placeholder stands in a plain string, where nothing is replaced.",
        "Placeholders are replaced in raw strings, between ``` and ```, and by `eval(text)`. A text that is to hold"
        " the braces stands between ''' and '''.",
        'set name = "ann"\nemit "Hello {{name}}"',
        'set name = "ann"\nemit ```Hello {{name}}```',
    ),
    Rule(
        "NS309",
        "foreign-placeholder",
        "A placeholder of another language stands in a text, where nothing is replaced.",
        "Write a raw string with `{{name}}` for `${name}` and `#{name}`, or join with `+`.",
        'set name = "ann"\nemit "Hello ${name}"',
        'set name = "ann"\nemit ```Hello {{name}}```',
    ),
    Rule(
        "NS310",
        "must-nil",
        "`must nil` always fails.",
        "`must` fails for nil, false and error values. To expect nil write `must x == nil`.",
        "must nil",
        "set x = nil\nmust x == nil",
        ErrorCode.MUST_FAILED,
    ),
    Rule(
        "NS311",
        "negated-comparison",
        "`not a == b` compares `not a`.",
        "`not` binds closer than `==`: this is `(not a) == b`. Write `a != b`, or `not (a == b)`.",
        "set a = 1\nif not a == 2\n  emit a\nendif",
        "set a = 1\nif a != 2\n  emit a\nendif",
    ),
    Rule(
        "NS312",
        "chained-comparison",
        "Comparisons are chained.",
        "`a < b < c` compares the boolean `a < b` with c, which fails with error 7. Write `a < b and b < c`.",
        "set a = 1\nif 0 < a < 9\n  emit a\nendif",
        "set a = 1\nif 0 < a and a < 9\n  emit a\nendif",
        ErrorCode.TYPE,
    ),
    Rule(
        "NS313",
        "value-of-or",
        "`or` or `and` is used for one of its operands.",
        "Both give true or false. A default is given by `if`, or by `tool.map.Get(map, key, default)`; each side of a"
        ' condition is a condition of its own: `s == "a" or s == "b"`.',
        'set m = {}\nset name = m.name or "nobody"\nemit name',
        'set m = {}\nset name = tool.map.Get(m, "name", "nobody")\nemit name',
    ),
    Rule(
        "NS314",
        "remainder-of-text",
        "`%` is used to format a text.",
        "`%` is the remainder of whole numbers, and fails with error 7 for a text. `tool.str.Format(template, value)`"
        " formats.",
        'set n = 1\nemit "%d items" % n',
        'set n = 1\nemit tool.str.Format("{} items", n)',
        ErrorCode.TYPE,
    ),
    Rule(
        "NS315",
        "bits-of-text",
        "`&` is used on a text.",
        "`&` works on the bits of whole numbers. Texts are joined with `+`, conditions with `and`.",
        'set s = "b"\nemit "a" & s',
        'set s = "b"\nemit "a" + s',
        ErrorCode.TYPE,
    ),
    Rule(
        "NS316",
        "comment-for-quotient",
        "`//` begins a comment where a whole quotient seems to be meant.",
        "What stands after it is not read. A whole quotient is `tool.math.Floor(a / b)`.",
        "set n = 7 // 2\nemit n",
        "set n = tool.math.Floor(7 / 2)\nemit n",
    ),
    Rule(
        "NS317",
        "subtracted-moments",
        "A moment is subtracted from a moment.",
        "`-` takes numbers. `tool.time.Diff(start, end)` gives the seconds between two moments.",
        "set start = tool.time.Now()\nemit tool.time.Now() - start",
        "set start = tool.time.Now()\nemit tool.time.Diff(start, tool.time.Now())",
        ErrorCode.TYPE,
    ),
    Rule(
        "NS318",
        "constant-condition",
        "A condition is always true or always false.",
        "A list with items, a map with entries and a text that is not empty are true. Of `x != 1 or x != 2` one side"
        " is always true; of `x == 1 and x == 2` never both are.",
        "set x = 1\nif x != 1 or x != 2\n  emit x\nendif",
        "set x = 1\nif x != 1 and x != 2\n  emit x\nendif",
    ),
    Rule(
        "NS319",
        "position-as-condition",
        "A position is used as a condition.",
        "A position is 0 for the first place, which is false, and -1 for none, which is true. Compare it with 0, or ask"
        " `tool.str.Contains` or `tool.list.Contains`.",
        'if tool.str.IndexOf("abc", "a")\n  emit 1\nendif',
        'if tool.str.Contains("abc", "a")\n  emit 1\nendif',
    ),
    Rule(
        "NS320",
        "wrong-type-name",
        "`typeof` is compared with a text that names no type.",
        "The comparison never holds. The types are `nil boolean number string bytes list map function tool error event"
        " timedate fuzzy handle`, and the constants `TYPE_STRING` and so on equal their names.",
        'set x = 1\nif typeof x == "int"\n  emit x\nendif',
        'set x = 1\nif typeof x == "number"\n  emit x\nendif',
    ),
    Rule(
        "NS321",
        "power-sign",
        "`^` is used for a power.",
        "`^` works on the bits of whole numbers. A power is written `a ** b`.",
        "set x = 3\nemit x ^ 2",
        "set x = 3\nemit x ** 2",
    ),
    Rule(
        "NS322",
        "joined-numbers",
        "Numbers are joined as texts where a sum seems to be meant.",
        '`+` joins from the first text on, from left to right. Add in parentheses: `"sum " + (a + b)`. What a person'
        " or a model answers is a text: `tool.str.ToNumber(answer)` makes it a number.",
        'set i = 1\nemit "line " + i + 1',
        'set i = 1\nemit "line " + (i + 1)',
    ),
    Rule(
        "NS323",
        "duplicate-key",
        "A key stands twice in a map.",
        "The last value counts.",
        'emit {"a": 1, "a": 2}',
        'emit {"a": 1, "b": 2}',
    ),
    Rule(
        "NS324",
        "not-callable",
        "A value is called that is no function.",
        "The call fails with error 7. Items and entries are read with brackets: `list[0]`, `map[key]`.",
        "set xs = [1]\nemit xs(0)",
        "set xs = [1]\nemit xs[0]",
        ErrorCode.TYPE,
    ),
    Rule(
        "NS325",
        "wrong-operand",
        "An operator has an operand of a type that it does not take.",
        "It fails with error 7. `+` adds two numbers or two lists, or joins with a text; the other operators calculate"
        " with numbers. Moments and maps have tools of their own.",
        "set xs = [1]\nemit xs + 2",
        "set xs = [1]\nemit xs + [2]",
        ErrorCode.TYPE,
    ),
    Rule(
        "NS326",
        "comment-for-minus",
        "`--` begins a comment where a minus seems to be meant.",
        "What stands after it is not read. Write `a - -b`, or `set n = n - 1`.",
        "set n = 5--3\nemit n",
        "set n = 5 - -3\nemit n",
    ),
    Rule(
        "NS328",
        "redirection",
        "`>` stands between a text and the name of a file.",
        "`>` compares, and nothing is written. `tool.fs.Write(path, text)` writes a file.",
        'set report = "all well"\nemit report > "report.txt"',
        'set report = "all well"\ncall tool.fs.Write("report.txt", report)',
    ),
    Rule(
        "NS327",
        "unknown-key",
        "A map is given, or asked for, a key that it does not have.",
        "Tools declare the keys of the maps that they take and give. A key that is not there reads as nil, and one that"
        " is given is refused (error 4) or goes nowhere.",
        "emit tool.time.Parts(tool.time.Now()).yaer",
        "emit tool.time.Parts(tool.time.Now()).year",
        ErrorCode.KEY_NOT_FOUND,
    ),
)

_COMMENTS = (
    Rule(
        "NS401",
        "unknown-rule",
        "A comment silences a rule that there is not.",
        "`# ns: ignore` takes codes or names of rules, with commas between them; without any it silences all."
        " `neuroscript explain` lists the rules.",
        "emit 1 # ns: ignore NS999",
        "emit 1",
    ),
    Rule(
        "NS402",
        "unused-ignore",
        "A comment silences findings, and there are none.",
        "What it was written for has been mended. Remove it, so that it cannot silence a later mistake.",
        "emit 1 # ns: ignore NS105",
        "emit totl # ns: ignore NS105",
    ),
)

RULES: dict[str, Rule] = {rule.name: rule for rule in (*_FLOW, *_CALLS, *_VALUES, *_COMMENTS)}
"""Every rule by its name."""

_BY_CODE = {rule.code: rule for rule in RULES.values()}


def rule_of(word: str) -> Rule | None:
    """The rule of a code, whatever its case, or a name."""
    return _BY_CODE.get(word.upper()) or RULES.get(word.lower())
