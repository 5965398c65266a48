"""The style sheet of the report, for light and dark."""

from __future__ import annotations

from typing import Final

LIGHT: Final = ("#2563c9", "#c2570c", "#0f7f6a", "#a8327e", "#7a6a00", "#6b4fc4", "#7d4e24", "#667080")
DARK: Final = ("#6ea8fe", "#ff9f5a", "#4cc9ae", "#f07fc5", "#d6c24a", "#b39bff", "#d0a07a", "#9aa3af")
"""The colours of the series; all have a contrast of at least 3 to 1 with the ground."""


GROUNDS: Final = {
    "light": {
        "ground": "#f5f6f8",
        "card": "#ffffff",
        "ink": "#1b1f26",
        "soft": "#59616e",
        "line": "#e1e4ea",
        "base": "#9aa2ae",
        "bad": "#b3261e",
    },
    "dark": {
        "ground": "#101318",
        "card": "#181c23",
        "ink": "#e8eaee",
        "soft": "#a2aab6",
        "line": "#2b313b",
        "base": "#616a78",
        "bad": "#ff8a80",
    },
}
"""The other colours."""


def _colours(theme: str, series: tuple[str, ...]) -> str:
    named = {**GROUNDS[theme], **{f"s{number}": colour for number, colour in enumerate(series)}}
    return " ".join(f"--{name}: {colour};" for name, colour in named.items())


_SERIES: Final = "\n".join(
    f".s{number} {{ fill: var(--s{number}); }} .c{number} {{ stroke: var(--s{number}); }}"
    for number in range(len(LIGHT))
)

STYLE: Final = f"""\
:root {{ color-scheme: light dark; {_colours("light", LIGHT)} }}
@media (prefers-color-scheme: dark) {{ :root {{ {_colours("dark", DARK)} }} }}
* {{ box-sizing: border-box; }}
body {{ margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }}
header, main {{ max-width: 1180px; margin: 0 auto; padding: 0 20px; }}
header {{ padding-top: 28px; }}
h1 {{ margin: 0; font-size: 26px; letter-spacing: -.01em; }}
h2 {{ margin: 0 0 8px; font-size: 15px; font-weight: 600; }}
.about {{ margin: 4px 0 20px; color: var(--soft); display: flex; flex-wrap: wrap; gap: 0 20px;
  overflow-wrap: anywhere; }}
.tiles {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(160px, 1fr)); gap: 12px; margin: 0 0 20px; }}
.tiles div, .card {{ background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 14px 16px; }}
dt {{ color: var(--soft); font-size: 13px; }}
dd {{ margin: 0; }}
dd b {{ display: block; font-size: 24px; font-weight: 600; font-variant-numeric: tabular-nums; line-height: 1.3; }}
small {{ color: var(--soft); font-size: 13px; }}
.legend {{ display: flex; flex-wrap: wrap; gap: 4px 18px; list-style: none; margin: 0 0 12px; padding: 0; }}
.legend li {{ display: flex; align-items: center; gap: 6px; overflow-wrap: anywhere; }}
.mark {{ width: 14px; height: 14px; flex: none; }}
.charts {{ display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 12px; }}
.wide {{ margin-top: 12px; }}
.card {{ min-width: 0; }}
.scroll {{ overflow-x: auto; }}
.scroll:focus-visible, summary:focus-visible {{ outline: 2px solid var(--s0); outline-offset: 2px; }}
.chart {{ display: block; width: 100%; min-width: 460px; height: auto; }}
.chart text {{ fill: var(--soft); font: 12px system-ui, sans-serif; font-variant-numeric: tabular-nums; }}
.grid {{ stroke: var(--line); fill: none; }}
.base {{ stroke: var(--base); fill: none; }}
.line {{ fill: none; stroke-width: 2; stroke-linejoin: round; }}
.bar {{ stroke: var(--card); stroke-width: .6; }}
.dot {{ stroke: var(--card); stroke-width: 1; }}
.bar:hover, .dot:hover {{ stroke: var(--ink); stroke-width: 1.4; }}
{_SERIES}
details {{ margin-top: 8px; }}
summary {{ color: var(--soft); cursor: pointer; font-size: 13px; width: max-content; }}
details .scroll {{ max-height: 320px; overflow-y: auto; }}
table {{ border-collapse: collapse; width: 100%; font-size: 14px; font-variant-numeric: tabular-nums; }}
th, td {{ padding: 6px 14px 6px 0; text-align: right; white-space: nowrap; border-top: 1px solid var(--line); }}
thead th {{ border-top: 0; color: var(--soft); font-weight: 500; font-size: 13px; }}
th:first-child {{ text-align: left; }}
th:last-child, td:last-child {{ padding-right: 0; }}
tbody th {{ font-weight: 600; }}
.workers th:first-child {{ white-space: normal; overflow-wrap: anywhere; min-width: 120px; }}
.cost {{ position: relative; min-width: 90px; }}
.cost i {{ position: absolute; right: 14px; bottom: 2px; height: 3px; border-radius: 2px; max-width: 84%;
  background: var(--s0); }}
.bad {{ color: var(--bad); }}
.failures {{ list-style: none; margin: 0; padding: 0; font-size: 14px; }}
.failures li {{ display: grid; grid-template-columns: 150px 220px minmax(0, 1fr); gap: 0 16px; padding: 6px 0;
  border-top: 1px solid var(--line); overflow-wrap: anywhere; }}
.failures li:first-child {{ border-top: 0; }}
.failures time {{ color: var(--soft); font-variant-numeric: tabular-nums; }}
.tag {{ border: 1px solid var(--line); border-radius: 99px; color: var(--soft); font-size: 12px; font-weight: 400;
  padding: 0 8px; white-space: nowrap; }}
.none {{ color: var(--soft); }}
.unseen {{ position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }}
main {{ padding-bottom: 40px; }}
@media (max-width: 860px) {{
  .charts {{ grid-template-columns: minmax(0, 1fr); }}
  .failures li {{ grid-template-columns: auto minmax(0, 1fr); }}
  .failures span {{ grid-column: 1 / -1; }}
}}
@media print {{ .card, .tiles div {{ break-inside: avoid; }} details {{ display: none; }} }}
"""
