"""Realistic programs that are right, in the manner of people who are used to other languages: none gets a finding."""

from __future__ import annotations

import pytest

from tests.lint.test_foreign_habits import findings

PROGRAMS = r"""set best = nil
for each x in xs
if best == nil or x > best
set best = x
endif
endfor
return best

set counts = {}
for each w in xs
set counts[w] = tool.map.Get(counts, w, 0) + 1
endfor
return counts

set counts = {}
for each w in xs
if not tool.map.Has(counts, w)
set counts[w] = 0
endif
set counts[w] = counts[w] + 1
endfor
return counts

set groups = {}
for each row in xs
set key = row.team
if groups[key] == nil
set groups[key] = []
endif
set groups[key] = groups[key] + [row]
endfor
return groups

set i = 0
while i < len(xs) - 1
if xs[i] > xs[i + 1]
return false
endif
set i = i + 1
endwhile
return true

for each i in tool.list.Range(1, len(xs))
emit xs[i] - xs[i - 1]
endfor

set i = 0
while i < len(xs)
if i + 1 < len(xs) and xs[i + 1] == xs[i]
set i = i + 1
endif
set i = i + 1
endwhile

set i = len(xs) - 1
while i >= 0
emit xs[i]
set i = i - 1
endwhile

set r = tool.error.Try(tool.json.Parse, s)
if is_error(r)
emit "bad: " + r.message
return nil
endif
return r.name

set r = tool.error.Try(helper, s)
if typeof r == TYPE_ERROR
return 0
endif
return r + 1

set out = []
for each x in xs
set r = tool.error.Try(tool.str.ToNumber, x)
if is_error(r)
continue
endif
set out = out + [r * 2]
endfor
return out

on error do
set failed = failed + 1
clear_error
continue
endon
set failed = 0
set sum = 0
for each x in xs
set k = tool.str.ToNumber(x)
set sum = sum + k
endfor
return [sum, failed]

on error do
clear_error
return nil
endon
return tool.json.Parse(s)

set lo = 0
set hi = len(xs) - 1
while lo <= hi
set mid = tool.math.Floor((lo + hi) / 2)
if xs[mid] == n
return mid
endif
if xs[mid] < n
set lo = mid + 1
else
set hi = mid - 1
endif
endwhile
return -1

set a = 0
set b = 1
while a < n
set a, b = [b, a + b]
endwhile
return a

set parts = tool.str.Split(s, ",")
set head = parts[0]
set rest = tool.list.Slice(parts, 1, len(parts))
return [head, rest]

set text = ""
for each x in xs
set text = text + x + ","
endfor
return text

set matrix = [[1, 2], [3, 4]]
for each row in matrix
for each cell in row
emit cell
endfor
endfor

set year = tool.time.Format(tool.time.Now(), "%Y")
return year - 1

set stack = [n]
while len(stack) > 0
set stack, top = tool.list.Pop(stack)
emit top
endwhile

set attempt = 0
set reply = nil
while attempt < 3 and reply == nil
set attempt = attempt + 1
set reply = tool.error.Try(helper, s)
if is_error(reply)
set reply = nil
endif
endwhile
return reply

for each key, value in m
if typeof value == TYPE_MAP
for each inner, item in value
emit key + "." + inner + "=" + item
endfor
else
emit key + "=" + value
endif
endfor

set pos = tool.str.IndexOf(s, ":")
if pos < 0
return nil
endif
return tool.str.Substring(s, 0, pos)

set valid = m.name and m.age
if not valid
fail "incomplete"
endif
return m

set ready = m.a or m.b
emit "ready: " + ready

set price = "12.50"
set total = price * 1.0
return total

set result = {}
for each x in xs
set result[x.id] = x
endfor
return result

set row = {"n": 0}
for each x in xs
set row.n = row.n + x
endfor
return row.n

set seen = {}
set out = []
for each x in xs
if not tool.map.Has(seen, x)
set seen[x] = true
set out = out + [x]
endif
endfor
return out

set width = 0
for each x in xs
if len(x) > width
set width = len(x)
endif
endfor
for each x in xs
emit tool.str.PadRight(x, width) + "|"
endfor

if v == nil
set v = 10
endif
return v * 2

set done = false
while not done
set n = n - 1
if n <= 0
set done = true
endif
endwhile
return n

for each ch in s
if ch == " "
continue
endif
emit ch
endfor

for each ch in "aeiou, "
emit ch
endfor

set lines = tool.str.Lines(tool.fs.Read("a.txt"))
for each line in lines
emit line
endfor

set first, second = tool.str.Split("a=b", "=")
return first + second

set d = tool.map.Get(m, "d", {})
set d.x = 1
set m.d = d
return m

set prev = nil
for each x in xs
if prev != nil
emit x - prev
endif
set prev = x
endfor

set first = true
set out = ""
for each x in xs
if not first
set out = out + ", "
endif
set out = out + x
set first = false
endfor
return out

must is_list(xs)
must len(xs) > 0
return tool.list.Sum(xs) / len(xs)

set x = tool.regex.Match("^\\d+$", s)
return x

set t = tool.str.Replace("Dear {name},", "{name}", s)
return t

set n2 = n * 2
set label = "item " + n2 + " of " + len(xs)
return label

ask "rate" with {"schema": {"type": "object", "properties": {"score": {"type": "number"}, "why": {}}}} into j
return j.score + j.why

ask "list" with {"schema": {"type": "array", "items": {"type": "object", "properties": {"t": {}}}}} into js
for each j in js
emit j.t
endfor

set s2 = ```Hello {{s}}```
return s2

set parent = {"b": "a", "c": "b"}
set at = "c"
while parent[at] != nil
set at = parent[at]
endwhile
return at

set i = 0
while i <= len(s)
if i == len(s) or s[i] == ","
emit i
endif
set i = i + 1
endwhile

set nums = tool.list.Map(xs, tool.str.ToNumber)
return tool.list.Max(nums)

set total = 0
for each i, x in xs
set total = total + i * x
endfor
return total

if n > 1
set how = "many"
else if n == 1
set how = "one"
else
set how = "none"
endif
return how

for each i in tool.list.Range(0, len(xs) - 1)
for each j in tool.list.Range(0, len(xs) - 1 - i)
if xs[j] > xs[j + 1]
set tmp = xs[j]
set xs[j] = xs[j + 1]
set xs[j + 1] = tmp
endif
endfor
endfor
return xs

set config = {"retries": 3}
if m.config
set config = tool.map.Merge(config, m.config)
endif
return config.retries

set csv = tool.csv.Parse(s)
set sum = 0
for each row in csv
set sum = sum + tool.str.ToNumber(row.amount)
endfor
return sum

on error do
emit "failed: " + system_error_message
clear_error
return false
endon
call tool.fs.Write("out.txt", s)
return true

set now = tool.time.Now()
set later = tool.time.AddDays(now, 7)
if later > now
emit tool.time.Format(later, "%d.%m.%Y")
endif

promptuser "age?" into age
if age < 18
emit "minor"
endif
return age * 2

set queue = [[0, 0]]
set i = 0
while i < len(queue)
set x, y = queue[i]
set i = i + 1
if x < 3
set queue = queue + [[x + 1, y]]
endif
endwhile
return len(queue)

set acc = 1
for each k in tool.list.Range(1, n + 1)
set acc = acc * k
endfor
return acc

set sum = 0
for each row in tool.csv.Parse(s)
set sum = sum + row.count * row.price
endfor
return tool.math.Round(sum, 2)"""


@pytest.mark.parametrize("lines", PROGRAMS.split("\n\n"))
def test_a_realistic_program_gets_no_finding(lines: str) -> None:
    assert findings(lines) == {}
