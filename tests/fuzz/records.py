"""Bodies made at random over records in maps and lists: read out, changed, put back, passed on and counted by key.

Places let go of what is changed and put back, keys are evaluated once, and nobody may see it.
"""

from __future__ import annotations

from random import Random

LIBRARY = """
func bump(needs record optional by) means
  if by == nil
    set by = 1
  endif
  set record.n = record.n + by
  set record.list = tool.list.Append(record.list, by)
  return record
endfunc

func through(needs by, record) means
  return bump(record, by)
endfunc

func both(needs one, other returns first, second) means
  set one.inner.x = other.n
  set other = through(len(one.list), other)
  return one, other
endfunc

func inside(needs all, key) means
  set record = all[key]
  if record == nil
    return all
  endif
  set record.n = record.n + 1
  if record.n % 7 == 3
    fail "seven"
  endif
  set record.inner.x = record.n
  set all[key] = record
  return all
endfunc

func deep(needs record, n) means
  if n > 0
    if typeof record.child != TYPE_MAP
      set record.child = {"n": 0, "list": [], "inner": {"x": n}, "key": "a", "child": nil}
    endif
    set record.child = deep(record.child, n - 1)
    set record.n = record.n + record.child.n
  endif
  return record
endfunc
"""

_RECORD = '{{"n": {}, "list": [{}], "inner": {{"x": 1}}, "key": "{}", "child": nil}}'
_RECORDS = ("t", "u", "v")
_ALL = ("table", "rows", "box", *_RECORDS)


class RecordsMaker:
    """Writes one program."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.loops = 0
        self.handled = False

    def source(self) -> str:
        """A program whose procedure ``main`` takes nothing and emits what its variables hold."""
        one, two, three = (_RECORD.format(n, n, key) for n, key in ((0, "a"), (1, "b"), (2, "a")))
        lines = [f'set table = {{"a": {one}, "b": {two}}}', f"set rows = [{three}, {one}]", 'set k = "a"', "set i = 0"]
        lines += ["set box = {}", "set t = rows[1]", "set u = table.b", "set v = t"]
        kind = self.random.random()
        if kind < 0.2:
            lines[:0] = ["on error do", "  emit system_error_code", "  clear_error", "endon"]
            self.handled = True
        elif kind < 0.4:
            lines[:0] = ["on error do", f"  emit {self.random.choice(['system_error_code', *_ALL])}", "endon"]
        lines += self.block(3, 7)
        lines.append(f"emit [{', '.join(self.random.sample(_ALL, 5))}]")
        body = "\n".join(f"  {line}" for line in lines)
        return f"{LIBRARY}\nfunc main() means\n{body}\nendfunc\n"

    def block(self, depth: int, most: int) -> list[str]:
        """Some statements."""
        return [line for _ in range(self.random.randint(1, most)) for line in self.statement(depth)]

    def place(self) -> str:
        """Where a record is."""
        one = self.random.choice(_RECORDS)
        places = ["table[k]", "table[k]", "rows[i]", "rows[i]", "table.a", "table.b", "rows[0]", f"table[{one}.key]"]
        return self.random.choice([*places, "rows[i - i]", 'table["" + k]'])

    def change(self, where: str) -> str:
        """A statement that changes a record."""
        one = self.random.choice(_RECORDS)
        return self.random.choice(
            [
                f"set {where}.n = {where}.n + 1",
                f"set {where}.list = {where}.list + [{where}.n]",
                f"set {where}.list = tool.list.Append({where}.list, {one}.n)",
                f"set {where}.list = tool.list.Slice({where}.list, 0, len({where}.list) / 2 * 0 + 1)",
                f"set {where}.list[len({where}.list)] = {one}.key",
                f"set {where}.list[0] = {where}.list[0] + {where}.n",
                f"set {where}.inner.x = {where}.inner.x + {one}.n",
                f"set {where}.child = {one}",
                f"set {where} = bump({where})",
                f"set {where} = bump({where}, {where}.n)",
                f"set {where} = through({one}.n, {where})",
                f"set {where} = deep({where}, {self.random.randint(0, 3)})",
                f"set {where} = {one}",
            ]
        )

    def statement(self, depth: int) -> list[str]:
        """One statement, or a few that belong together, or a block."""
        one, other = self.random.choice(_RECORDS), self.random.choice(_RECORDS)
        where, what = self.place(), self.random.random()
        if depth and what < 0.25:
            return self._inner(depth - 1)
        if what < 0.5:  # the idiom
            found = [f"set {one} = {where}", *(self.change(one) for _ in range(self.random.randint(1, 3)))]
            if self.random.random() < 0.4:
                found.insert(self.random.randint(1, len(found)), self.random.choice(self._simple(one, other)))
            if self.random.random() < 0.2:
                leaving = ["return", "return table", f"return {one}"] + (["continue", "break"] if self.loops else [])
                line = [f"if {one}.n > 5", f"  {self.random.choice(leaving)}", "endif"]
                found[self.random.randint(1, len(found)) : 1] = line
            return [*found, f"set {where if self.random.random() < 0.8 else self.place()} = {one}"]
        if what < 0.75:
            return [self.change(self.random.choice([one, where]))]
        return [self.random.choice(self._simple(one, other))]

    def _simple(self, one: str, other: str) -> list[str]:
        return [
            f"set {one} = {self.place()}",
            f"set {one} = {other}",
            f"set {self.place()} = {one}",
            f"set {one}, {other} = both({other}, {one})" if one != other else f"set {one} = bump({one})",
            f"set {one} = {other}.child",
            'set k = "b"',
            f"set k = {one}.key",
            "set i = 1 - i",
            "set table = inside(table, k)",
            "set rows = inside(rows, i)",
            "set box.table = table",
            "set box[k] = rows",
            "set table = box.table",
            "set rows = rows + [t]",
            f"emit {self.place()}",
            f"emit {one}.n",
            "emit len(rows)",
            f"emit {one}.key == k",
            'emit k == "a"',
            f'emit {one} == "a"',
            f"set x = {one}.list",
            "emit x",
            f"set {one} = nil",
        ][: -1 if self.random.random() < 0.9 else None]

    def _inner(self, depth: int) -> list[str]:
        kind = self.random.randrange(4)
        if kind == 0:
            one, other = self.random.choice(_RECORDS), self.random.choice(_RECORDS)
            lines = [f"if {one}.n {self.random.choice(('<', '>', '=='))} {other}.n"]
            lines += [f"  {line}" for line in self.block(depth, 3)]
            if self.random.random() < 0.5:
                lines += ["else", *(f"  {line}" for line in self.block(depth, 3))]
            return [*lines, "endif"]
        self.loops += 1
        body = [f"  {line}" for line in self.block(depth, 4)]
        self.loops -= 1
        one = self.random.choice(_RECORDS)
        if kind == 1:
            return [f"for each {one} in {self.random.choice(('rows', 'table'))}", *body, "endfor"]
        if kind == 2:
            return [f"for each key, {one} in {self.random.choice(('rows', 'table'))}", *body, "endfor"]
        counter = f"c{self.random.randrange(1000)}"
        return [f"set {counter} = 0", f"while {counter} < 3", f"  set {counter} = {counter} + 1", *body, "endwhile"]
