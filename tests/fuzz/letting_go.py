"""Bodies made at random that pass lists and maps on: through variables, items of literal keys, procedures and results.

Whatever is read for the last time may be let go of and changed in place, and nobody may see it.
"""

from __future__ import annotations

from random import Random

LIBRARY = """
func put(needs state, key optional more) means
  set state[key] = more
  return {"state": state, "key": key}
endfunc

func grow(needs xs optional x) means
  if typeof xs != TYPE_LIST
    return [xs, x]
  endif
  set xs = tool.list.Append(xs, x)
  set i = len(xs) - 1
  while i > 0
    if i > 3
      set xs[i] = xs[i - 1]
    endif
    set i = i - 1
  endwhile
  return xs
endfunc

func deeper(needs state, n) means
  if n <= 0
    return {"state": state, "key": "k"}
  endif
  set a = deeper(state, n - 1)
  set b = deeper(a.state, n - 2)
  set state = b.state
  set state["n" + n] = [a.key, b.key]
  return {"state": state, "key": "n" + n}
endfunc
"""

_MAPS = ("m", "d", "state")
_RESULTS = ("r", "q")
_LISTS = ("xs", "ys")
_ALL = (*_MAPS, *_RESULTS, *_LISTS)


class LettingGoMaker:
    """Writes one program."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.loops = 0

    def pick(self, *options: str) -> str:
        """One of some texts."""
        return self.random.choice(options)

    def source(self) -> str:
        """A program whose procedure ``main`` takes nothing and emits what its variables hold."""
        start = ['set m = {"a": [1], "b": {"c": 2}}', 'set d = {"a": m}', 'set r = {"state": {}, "key": "a"}']
        start += ["set state = {}", 'set q = {"state": m, "key": "b"}', "set xs = [1, [2], 3]", "set ys = [xs]"]
        self.random.shuffle(start[1:4])
        if self.random.random() < 0.4:
            start += self.handler()
        lines = [*start, *self.block(3, 6), f"emit [{', '.join(self.random.sample(_ALL, 4))}]"]
        body = "\n".join(f"  {line}" for line in lines)
        return f"{LIBRARY}\nfunc main() means\n{body}\nendfunc\n"

    def handler(self) -> list[str]:
        """An error handler that ends the body, and looks at what some variables hold then."""
        end = self.pick("return 1", "fail 2", f"return {self.random.choice(_ALL)}")
        names = ", ".join(self.random.sample(_ALL, 3))
        return ["on error do", f"  emit [system_error_code, {names}]", "  clear_error", f"  {end}", "endon"]

    def block(self, depth: int, most: int) -> list[str]:
        """Some statements."""
        return [line for _ in range(self.random.randint(1, most)) for line in self.statement(depth)]

    def value(self) -> str:
        """What is stored."""
        one = self.random.choice(_ALL)
        return self.pick(
            "1", '"text"', "[]", "{}", one, f"[{one}]", f'{{"in": {one}}}', f"{self.random.choice(_RESULTS)}.state"
        )

    def statement(self, depth: int) -> list[str]:
        """One statement, or a block."""
        m, r, xs = self.random.choice(_MAPS), self.random.choice(_RESULTS), self.random.choice(_LISTS)
        other, key = self.random.choice(_MAPS), self.pick('"a"', '"b"', '"k"')
        simple = [
            f"set {m} = {r}.state",
            f"set {r} = put({m}, {key}, {self.value()})",
            f"set {r} = put({r}.state, {key})",
            f"set {r} = put({self.random.choice(_RESULTS)}.state, {key}, {m})",
            f"set {r} = deeper({m}, {self.random.randint(0, 3)})",
            f"set {m} = {other}",
            f"set {m}[{key}] = {self.value()}",
            f"set {m}.a = put({m}.a, {key})",
            f"set {r}.state = {m}",
            f'set {r} = {{"state": {m}, "key": {self.value()}}}',
            f"set {xs} = grow({xs}, {self.value()})",
            f"set {xs} = grow({self.random.choice(_LISTS)}, {r}.key)",
            f"set {xs} = grow({m}.a, {self.value()})",
            f"set {xs}[0] = {self.value()}",
            f"set {xs} = [{self.value()}, {self.value()}]",
            f"call put({m}, {key}, 1)",
            f"emit {self.random.choice(_ALL)}",
            f"emit {r}.key",
            f"emit typeof {m}",
            f'emit "" + len({xs})',
        ]
        if depth and self.random.random() < 0.3:
            return self._inner(depth - 1)
        if self.loops and self.random.random() < 0.1:
            return [f"if typeof {m}.a == TYPE_LIST", f"  {self.pick('break', 'continue')}", "endif"]
        return [self.random.choice(simple)]

    def _inner(self, depth: int) -> list[str]:
        kind = self.random.randrange(4)
        if kind == 0:
            lines = [f"if typeof {self.random.choice(_MAPS)}.a == TYPE_{self.pick('LIST', 'MAP', 'NIL')}"]
            lines += [f"  {line}" for line in self.block(depth, 3)]
            if self.random.random() < 0.6:
                lines += ["else", *(f"  {line}" for line in self.block(depth, 3))]
            return [*lines, "endif"]
        self.loops += 1
        body = [f"  {line}" for line in self.block(depth, 4)]
        self.loops -= 1
        if kind == 1:
            return [f"for each one in {self.random.choice(_LISTS)}", *body, "  set xs = grow(xs, one)", "endfor"]
        if kind == 2:
            return [f"for each k, one in {self.random.choice(_MAPS)}", *body, "endfor"]
        counter = f"i{self.random.randrange(1000)}"
        return [f"set {counter} = 0", f"while {counter} < 3", f"  set {counter} = {counter} + 1", *body, "endwhile"]
