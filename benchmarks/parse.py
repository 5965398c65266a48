"""How fast programs are parsed, against Lark's own parser on the same grammar.

    python benchmarks/parse.py [kilobytes] [--markdown]

Both read one generated program, without newlines in brackets, of which Lark's lexer knows nothing.  Lark makes its
generic tree; ours is the typed one with a position in each node.  Processor time, the best of a few runs.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from itertools import count

import tables

from neuroscript import Interpreter
from neuroscript.limits import Limits
from neuroscript.syntax.generate import build_lark
from neuroscript.syntax.parser import parse

PROCEDURE = """\
func price_{n}(needs items, rate optional note returns total, count) means
  :: purpose: sums the prices of some items
  :: param:items: a list of maps
  set total = 0
  set count = 0
  # the sum, item by item
  for each item in items
    if item["price"] > 10.5 and not item.free
      set total = total + item["price"] * (1 + rate / 100) - {n}
    else if item.name == "sample {n}" or len(item.name) > 40
      set total = tool.math.Add(total, 1)
      set count = count + 1
    else
      call log_line("skipped " + item.name, level: 2)
    endif
  endfor
  while count < 10
    set count = count + 1
    set seen[count - 1].at = [count, -total, {{"k": "v\\n", "n": [1, 2, 3]}}]
  endwhile
  on error do
    emit ```failed: {{{{system_error_message}}}}```
    clear_error
  endon
  must total >= 0 | 0
  return total, count
endfunc

"""


def program(size: int) -> str:
    """A program of about ``size`` characters."""
    count = size // len(PROCEDURE.format(n=1000))
    return "".join(PROCEDURE.format(n=number) for number in range(count))


_number = count()


def fresh(source: str) -> str:
    """The program, as it was never compiled before: a process keeps what it has compiled."""
    return f"{source}\n# {next(_number)}\n"


def seconds(run: Callable[[], object], times: int) -> float:
    """The processor time of the fastest of some runs."""
    best = float("inf")
    for _ in range(times):
        start = time.process_time()
        run()
        best = min(best, time.process_time() - start)
    return best


def _loaded(source: str, limits: Limits) -> Interpreter:
    interpreter = Interpreter(plugins=False, limits=limits)
    interpreter.load(fresh(source))
    return interpreter


def main() -> None:
    """Prints both speeds and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kilobytes", type=int, nargs="?", default=500)
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    os.environ["NEUROSCRIPT_NO_CACHE"] = "1"  # compiling is measured, and the user's cache left alone
    source = program(options.kilobytes * 1000)
    lark = build_lark()
    limits = Limits(max_source=None)
    times = {
        "parse": seconds(lambda: parse(source, limits=limits), 5),
        "parse, plain Lark": seconds(lambda: lark.parse(source), 2),
        "load": seconds(lambda: _loaded(source, limits), 2),
        "load, and compile all": seconds(lambda: _loaded(source, limits).loader.compile_all(), 2),
    }
    base = times["parse"]
    rows = [
        [what, tables.seconds(taken), f"{len(source) / taken / 1000:,.0f}", tables.ratio(taken / base)]
        for what, taken in times.items()
    ]
    print(tables.table([f"{len(source) / 1000:.0f} KB", "time", "KB/s", "ratio"], rows, markdown=options.markdown))


if __name__ == "__main__":
    main()
