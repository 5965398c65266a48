"""Names that other languages give to functions, modules and constants, and what takes their place here.

Each cure is code that can be written as it stands, but for the names of its values; the tests check every one.  Where
it depends on a value's type, all that may be meant are given, the commonest first.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection


def _table(text: str) -> dict[str, tuple[str, ...]]:
    """A table of lines ``name name: code | code``."""
    table: dict[str, tuple[str, ...]] = {}
    for line in text.strip().splitlines():
        names, _, cures = line.partition(": ")
        table.update(dict.fromkeys(names.split(), tuple(cures.split(" | "))))
    return table


# By the name in lower case, without underscores.
_FUNCTIONS = _table("""
int integer parseint toint toi atoi: tool.str.ToNumber(text) | tool.math.Truncate(number)
float parsefloat tofloat tof double number tonumber atof parsenumber: tool.str.ToNumber(text)
str string tostring tos itoa: tool.str.ToString(value)
bool boolean: some value
type typeof gettype classof: typeof value
isinstance isa instanceof kindof: typeof value == TYPE_STRING
isnull isnone isundefined: value == nil
isset defined: value != nil
len length size strlen: len(value)
count: len(value) | tool.str.Count(text, part)
range xrange: tool.list.Range(start, end)
enumerate: tool.list.Enumerate(list) | for each index, item in list
zip: tool.list.Zip(list1, list2)
reversed: tool.list.Reverse(list)
reverse: tool.list.Reverse(list) | tool.str.Reverse(text)
sorted sort: tool.list.Sort(list)
sortby orderby: tool.list.SortBy(list, function)
sum: tool.list.Sum(list)
average avg mean: tool.list.Sum(list) / len(list)
min: tool.math.Min(number1, number2) | tool.list.Min(list)
max: tool.math.Max(number1, number2) | tool.list.Max(list)
round tofixed: tool.math.Round(number, digits)
floor: tool.math.Floor(number)
ceil ceiling: tool.math.Ceil(number)
trunc truncate: tool.math.Truncate(number)
abs fabs: tool.math.Abs(number)
sqrt: tool.math.Sqrt(number)
pow: number1 ** number2
exp: tool.math.Exp(number)
mod fmod modulo: number1 % number2
divmod floordiv: tool.math.Floor(number1 / number2)
log10: log(number)
clamp: tool.math.Clamp(number, low, high)
random rand: tool.math.Random() | tool.math.RandomInt(low, high)
randint randrange randominteger randomint: tool.math.RandomInt(low, high)
upper toupper uppercase touppercase upcase strtoupper: tool.str.ToUpper(text)
lower tolower lowercase tolowercase downcase strtolower: tool.str.ToLower(text)
strip trim trimspace chomp trimspaces: tool.str.TrimSpace(text)
removeprefix trimprefix: tool.str.TrimPrefix(text, prefix)
removesuffix trimsuffix: tool.str.TrimSuffix(text, suffix)
split explode: tool.str.Split(text, separator)
join implode: tool.str.Join(list, separator)
splitlines lines: tool.str.Lines(text)
words: tool.str.SplitWords(text)
replace replaceall strreplace: tool.str.Replace(text, old, new)
gsub sub resub: tool.regex.Replace(pattern, text, new) | tool.str.Replace(text, old, new)
findall scan matchall: tool.regex.FindAll(pattern, text)
match search regexmatch: tool.regex.Find(pattern, text)
startswith hasprefix beginswith: tool.str.HasPrefix(text, prefix)
endswith hassuffix: tool.str.HasSuffix(text, suffix)
substring substr mid: tool.str.Substring(text, start, length)
charat: text[index]
ljust padend padright: tool.str.PadRight(text, width)
rjust padstart padleft: tool.str.PadLeft(text, width)
zfill: tool.str.PadLeft(text, width, "0")
repeat rep: tool.str.Repeat(text, number) | tool.list.Repeat(value, number)
format sprintf: tool.str.Format(template, value)
contains includes include: tool.list.Contains(list, value) | tool.str.Contains(text, part) | tool.map.Has(map, key)
indexof index strpos: tool.str.IndexOf(text, part) | tool.list.IndexOf(list, value)
lastindexof rindex rfind: tool.str.LastIndexOf(text, part)
find: tool.list.Find(list, function) | tool.str.IndexOf(text, part)
findindex: tool.list.FindIndex(list, function)
append push pushback: tool.list.Append(list, value)
unshift prepend: tool.list.Prepend(list, value)
pop: tool.list.Pop(list)
shift popleft: tool.list.Rest(list)
insert: tool.list.Insert(list, index, value)
extend: tool.list.Concat(list1, list2)
concat: tool.list.Concat(list1, list2) | text1 + text2
strcat: text1 + text2
slice sublist: tool.list.Slice(list, start, end) | tool.str.Substring(text, start, length)
flatten flat: tool.list.Flatten(list)
unique uniq distinct: tool.list.Unique(list)
map collect: tool.list.Map(list, function)
filter select where: tool.list.Filter(list, function)
reduce fold foldl inject: tool.list.Reduce(list, function, initial)
foreach each: for each item in list
any some: tool.list.Any(list, function)
all every: tool.list.All(list, function)
groupby: tool.list.GroupBy(list, function)
chunk chunked batched: tool.list.Chunk(list, size)
first head car: tool.list.Head(list)
rest cdr: tool.list.Rest(list)
keys objectkeys getkeys: tool.map.Keys(map)
values objectvalues getvalues: tool.map.Values(map)
items entries pairs: tool.map.Entries(map) | for each key, value in map
ipairs: for each item in list
haskey containskey hasownproperty haskeys has: tool.map.Has(map, key)
setdefault: tool.map.Get(map, key, default)
merge update: tool.map.Merge(map1, map2)
copy deepcopy clone structuredclone dup: set copy = value
print println printf puts echo display printline: emit value
input readline gets prompt rawinput: promptuser question into answer
error raise throw panic die abort: fail message
pcall xpcall: tool.error.Try(function, value)
exception valueerror typeerror runtimeerror keyerror indexerror: tool.error.New(code, message)
assert: must condition
sleep usleep delay: tool.time.Sleep(seconds)
now gettime time: tool.time.Now()
strftime: tool.time.Format(time, layout)
strptime: tool.time.Parse(text, layout)
open: tool.fs.Read(path) | tool.fs.Write(path, text)
read readfile filegetcontents readfilesync readtext readalltext loadfile slurp: tool.fs.Read(path)
write writefile fileputcontents writefilesync writetext savefile: tool.fs.Write(path, text)
appendfile appendfilesync: tool.fs.Append(path, text)
exists fileexists isfile pathexists existssync: tool.fs.Exists(path)
listdir readdir listdirectory listfiles readdirsync ls glob dir: tool.fs.List(path)
mkdir makedirs mkdirall createdirectory: tool.fs.Mkdir(path)
unlink rmtree deletefile removefile rm: tool.fs.Delete(path)
rename movefile mv: tool.fs.Move(path, newpath)
getenv environ env: tool.os.Getenv(name)
loads jsondecode jsonparse parsejson fromjson unmarshal: tool.json.Parse(text)
dumps stringify jsonencode tojson jsonstringify marshal: tool.json.Stringify(value)
b64encode btoa base64encode tobase64: tool.str.ToBase64(text)
b64decode atob base64decode frombase64: tool.str.FromBase64(text)
emitevent dispatchevent fireevent triggerevent sendevent: tool.event.Emit(name, payload)
llm askllm callllm askai: ask prompt into reply
""")

# Functions of a module that mean something else by themselves, or nothing: by the whole name in lower case.
_QUALIFIED = _table("""
json.parse json.decode json.load: tool.json.Parse(text)
json.encode json.dump json.stringify: tool.json.Stringify(value)
console.log console.error console.warn console.info sys.stdout fmt.print io.print system.out: emit value
fmt.errorf errors.new: fail message
fmt.sprint: tool.str.ToString(value)
math.pi: tool.math.Pi()
math.log: ln(number)
math.sin: sin(number)
math.cos: cos(number)
math.tan: tan(number)
math.asin: asin(number)
math.acos: acos(number)
math.atan: atan(number)
os.environ process.env os.env: tool.os.Getenv(name)
os.remove os.removeall fs.unlink fs.rm: tool.fs.Delete(path)
os.path path.exists: tool.fs.Exists(path)
time.parse date.parse datetime.parse: tool.time.Parse(text)
datetime.datetime datetime.today date.today datetime.utcnow: tool.time.Now()
time.format: tool.time.Format(time, layout)
table.insert: tool.list.Append(list, value)
table.remove: tool.list.Pop(list)
table.concat: tool.str.Join(list, separator)
table.getn: len(value)
table.unpack: set a, b = list
string.len utf8.len: len(value)
string.find: tool.str.IndexOf(text, part)
string.rep strings.repeat: tool.str.Repeat(text, number)
string.gmatch: tool.regex.FindAll(pattern, text)
strings.fields: tool.str.SplitWords(text)
strings.index: tool.str.IndexOf(text, part)
re.sub: tool.regex.Replace(pattern, text, new)
re.split: tool.regex.Split(pattern, text)
re.escape: tool.regex.Escape(text)
re.compile: tool.regex.Find(pattern, text)
array.isarray: is_list(value)
number.isinteger: is_int(value)
object.assign: tool.map.Merge(map1, map2)
""")

# By the name in lower case, without underscores, where no code takes its place.
_NOTES: dict[str, str] = {
    **dict.fromkeys(
        ["fetch", "curl", "wget", "urlopen", "httpget", "httppost", "axios", "requests", "http", "urllib"],
        "no standard tool reaches the network: the host has to provide one",
    ),
    **dict.fromkeys(
        ["require", "import", "importlib", "include", "dofile", "loadmodule"],
        "there are no imports: the host provides the tools",
    ),
    **dict.fromkeys(
        ["exit", "quit", "sysexit"], "a procedure ends with `return`, and `fail message` stops with an error"
    ),
    **dict.fromkeys(
        ["settimeout", "setinterval", "promise", "async", "await"],
        "statements run one after the other: `tool.time.Sleep(seconds)` waits",
    ),
    **dict.fromkeys(
        ["system", "popen", "shellexec", "spawn", "subprocess", "execfile", "executecommand"],
        "no standard tool runs other programs",
    ),
    **dict.fromkeys(
        ["nan", "infinity", "inf", "isnan"],
        "there is no such number: what is none, or is too large, fails with error 41",
    ),
    **dict.fromkeys(["args", "argv", "arguments"], "what a program is given are the parameters of `main`"),
    "env": "write `tool.os.Getenv(name)`",
    **dict.fromkeys(["uuid", "uuid4", "guid"], "no standard tool makes identifiers: the host has to provide one"),
    **dict.fromkeys(
        ["this", "self", "super", "cls"],
        "there are no objects with methods: a procedure gets what it works on as an argument",
    ),
}

# Functions that make what is written out here; as names they are too common.
_CONSTRUCTORS: dict[str, str] = {
    **dict.fromkeys(["list", "array", "tuple", "vec", "vector"], "a list is written `[a, b]`"),
    **dict.fromkeys(["dict", "object", "hash", "hashmap"], 'a map is written `{"key": value}`'),
}

# The constants of other languages, and the words that they are here.
CONSTANTS: dict[str, str] = {
    "None": "nil",
    "null": "nil",
    "NULL": "nil",
    "Null": "nil",
    "undefined": "nil",
    "Nil": "nil",
    "NIL": "nil",
    "nullptr": "nil",
    "True": "true",
    "TRUE": "true",
    "False": "false",
    "FALSE": "false",
    "LAST": "last",
    "Last": "last",
}

# What other languages, and this one without `tool.`, call modules: the group of tools that takes their place, if any.
_MODULES: dict[str, str] = {
    "array": "list",
    "base64": "str",
    "console": "",
    "collections": "list",
    "copy": "",
    "csv": "csv",
    "date": "time",
    "datetime": "time",
    "dict": "map",
    "errors": "error",
    "file": "fs",
    "filepath": "fs",
    "fmt": "",
    "fs": "fs",
    "functools": "list",
    "io": "fs",
    "ioutil": "fs",
    "itertools": "list",
    "json": "json",
    "list": "list",
    "lists": "list",
    "maps": "map",
    "math": "math",
    "number": "math",
    "object": "map",
    "os": "os",
    "path": "fs",
    "pathlib": "fs",
    "process": "",
    "random": "math",
    "rand": "math",
    "re": "regex",
    "regexp": "regex",
    "shutil": "fs",
    "slices": "list",
    "sort": "list",
    "str": "str",
    "strconv": "str",
    "string": "str",
    "strings": "str",
    "sys": "",
    "system": "",
    "table": "list",
    "time": "time",
    "utf8": "str",
    "util": "",
}

# Those that hardly name anything else, so that they are known without what follows.
_MODULES_ALONE = frozenset(["JSON", "Math", "fmt", "json", "math", "os", "strconv", "strings", "sys"])

# Methods that are too common as names of other things to be known without their object.
_METHODS = _table("""
add: tool.list.Append(list, value)
get fetch: tool.map.Get(map, key, default)
delete: tool.map.Delete(map, key)
tostr: tool.str.ToString(value)
isempty empty: no value
""")


def function_cure(name: str, module: str = "") -> str:
    """What to write in place of a function of another language; empty if that is not known.

    Args:
        name: the function's name, in any case.
        module: what stands before it and a point, as in ``json.loads``.
    """
    plain = _plain(name)
    note = _NOTES.get(plain) or _NOTES.get(_plain(module), "")
    return _told(_codes(name, module)) or note or ("" if module else _CONSTRUCTORS.get(plain, ""))


def method_cure(name: str) -> str:
    """What to write in place of the method of a value, as in ``text.upper()``; empty if that is not known."""
    plain = _plain(name)
    return _told(_METHODS.get(plain) or _FUNCTIONS.get(plain, ()))


def _no_tool(name: str) -> str:
    return ""


def name_cure(name: str, member: str = "", *, called: bool = False, tool: Callable[[str], str] = _no_tool) -> str:
    """What to write in place of a name that is set nowhere and may be a module, constant or function; or nothing.

    Args:
        name: the name that is not set.
        member: what stands behind it and a point, if anything does.
        called: whether that is called.
        tool: gives the name of the tool that is found under a name without ``tool.``; empty if there is none.
    """
    if name in CONSTANTS:
        return f"did you mean '{CONSTANTS[name]}'?"
    module = name.lower()
    if not member:
        known = name in _MODULES_ALONE
        return (
            f"for a tool write `tool.{_MODULES[module] or 'group'}.Name(…)`" if known else _NOTES.get(_plain(name), "")
        )
    found = tool(f"{name}.{member}") if called else ""
    if found or (module in _MODULES and (called or f"{module}.{member.lower()}" in _QUALIFIED)):
        usual = f"write `tool.{found}(…)`" if found else ""
        group = _MODULES.get(module) or "group"
        cure = function_cure(member, name) if module in _MODULES else ""
        return cure or usual or f"there are no modules: a tool is called as `tool.{group}.Name(…)`"
    return _NOTES.get(_plain(name), "")


def tool_cure(group: str, name: str, groups: Collection[str], tool: Callable[[str], str]) -> str:
    """What to write in place of a tool that does not exist; empty if that is not known.

    Args:
        group: the first part of the tool's name; empty in the older style with one part.
        name: the last part.
        groups: the groups of tools that there are, in lower case.
        tool: gives the name of the tool that is found under a name without ``tool.``; empty if there is none.
    """
    if not group and not _codes(name, ""):
        found = _joined_name(_plain(name), groups, tool)
        if found:
            return f"write `tool.{found}(…)`"
    meant = _MODULES.get(group, group)
    codes = [code for code in _codes(name, group) if all(map(tool, _tools_in(code)))]
    same = [code for code in codes if any(each.startswith(f"{meant}.") for each in _tools_in(code))]
    if group not in groups and group in _NOTES:
        return _NOTES[group]
    if same or group not in groups:
        return _told(same or codes) or _NOTES.get(_plain(name), "")
    return _told(codes) if group in _MODULES.values() else ""  # the host's own groups have names of their own


def _joined_name(name: str, groups: Collection[str], tool: Callable[[str], str]) -> str:
    """The tool of a name in the older style, which has the group in it: ``ListAppend``, ``SplitString``."""
    for part in (*groups, *_MODULES):
        group = _MODULES.get(part, part)
        for rest in (name.removeprefix(part), name.removesuffix(part), name.removesuffix(f"{part}s")):
            found = tool(f"{group}.{rest}") if rest and rest != name else ""
            if found:
                return found
    return ""


def _codes(name: str, module: str) -> tuple[str, ...]:
    qualified = _QUALIFIED.get(f"{module}.{name}".lower()) if module else None
    return qualified or _FUNCTIONS.get(_plain(name), ())


def _tools_in(code: str) -> list[str]:
    """The names of the tools in a cure, without ``tool.``."""
    return [part.partition("(")[0] for part in code.split("tool.")[1:]]


def _told(codes: list[str] | tuple[str, ...]) -> str:
    if not codes:
        return ""
    quoted = [f"`{code}`" for code in codes]
    return f"write {', '.join(quoted[:-1])}{' or ' if len(quoted) > 1 else ''}{quoted[-1]}"


def _plain(name: str) -> str:
    return name.lower().replace("_", "")
