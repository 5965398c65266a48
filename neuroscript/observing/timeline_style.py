"""The style sheet and the script of a timeline's page."""

from __future__ import annotations

_LIGHT = (
    "--ground: #f5f6f8; --card: #fff; --ink: #1b1f26; --soft: #59616e; --line: #e1e4ea; --bad: #b3261e; "
    "--tool: #8a93a1; --k0: #2563c9; --k1: #0f7f6a; --k2: #a8327e; --k3: #7a6a00; --k4: #6b4fc4; --k5: #7d4e24; "
    "--k6: #0b7285; --k7: #4f6b1f; --on: #fff;"
)
_DARK = (
    "--ground: #101318; --card: #181c23; --ink: #e8eaee; --soft: #a2aab6; --line: #2b313b; --bad: #ff8a80; "
    "--tool: #7f8896; --k0: #6ea8fe; --k1: #4cc9ae; --k2: #f07fc5; --k3: #d6c24a; --k4: #b39bff; --k5: #d0a07a; "
    "--k6: #5ccfe6; --k7: #a5c86a; --on: #101318;"
)
_KINDS = "\n".join(
    f".{name} {{ fill: var(--{name}); background: var(--{name}); }}"
    for name in (*(f"k{number}" for number in range(8)), "tool", "bad")
)

STYLE = f"""
:root {{ color-scheme: light dark; {_LIGHT} }}
@media (prefers-color-scheme: dark) {{ :root {{ {_DARK} }} }}
* {{ box-sizing: border-box; }}
body {{ margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }}
header, main {{ max-width: 1280px; margin: 0 auto; padding: 0 20px; }}
header {{ padding-top: 28px; }}
h1 {{ margin: 0; font-size: 26px; letter-spacing: -.01em; overflow-wrap: anywhere; }}
h2 {{ margin: 0 0 8px; font-size: 15px; font-weight: 600; }}
h3 {{ margin: 8px 0 2px; font-size: 13px; font-weight: 600; color: var(--soft); }}
.about {{ margin: 4px 0 20px; color: var(--soft); display: flex; flex-wrap: wrap; gap: 0 20px; }}
.tiles {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(170px, 1fr)); gap: 12px; margin: 0 0 20px; }}
.tiles div, .card {{ background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 14px 16px; }}
.card {{ margin-bottom: 20px; }}
dt, dd {{ color: var(--soft); font-size: 13px; margin: 0; }}
dd b {{ display: block; color: var(--ink); font-size: 24px; font-weight: 600; line-height: 1.3;
  font-variant-numeric: tabular-nums; }}
dd b.bad {{ color: var(--bad); background: none; }}
.tools {{ display: flex; justify-content: space-between; align-items: start; }}
.buttons {{ display: flex; gap: 6px; }}
button {{ font: inherit; color: inherit; background: none; border: 1px solid var(--line); border-radius: 6px;
  padding: 1px 11px; cursor: pointer; }}
button:hover {{ border-color: var(--soft); }}
#picture {{ overflow: hidden; touch-action: pan-y; cursor: grab; user-select: none; }}
#picture:focus-visible, button:focus-visible {{ outline: 2px solid var(--k0); outline-offset: 2px; }}
#picture svg {{ display: block; width: 100%; }}
#picture text {{ font: 12px system-ui, sans-serif; fill: var(--soft); }}
#picture .name {{ fill: var(--ink); font-weight: 600; }}
#picture .inside {{ fill: var(--on); pointer-events: none; }}
#picture .grid {{ stroke: var(--line); }}
#picture .bar {{ cursor: pointer; }}
#picture .bar:hover {{ opacity: .8; }}
#picture .failed {{ stroke: var(--bad); stroke-width: 2.5; }}
#picture .mark {{ stroke: var(--ink); stroke-width: 2; }}
{_KINDS}
.ask {{ fill: var(--tool); opacity: .75; }}
.wait {{ fill: url(#hatch); background: repeating-linear-gradient(45deg, var(--tool) 0 2px, transparent 2px 5px); }}
.legend {{ display: flex; flex-wrap: wrap; gap: 2px 18px; margin: 8px 0 0; font-size: 13px; }}
.legend i {{ display: inline-block; width: 11px; height: 11px; border-radius: 3px; margin-right: 6px; }}
.legend span {{ overflow-wrap: anywhere; }}
.soft {{ color: var(--soft); font-size: 13px; }} p.soft {{ margin: 2px 0 0; }}
.wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }}
th {{ text-align: left; font-weight: 500; color: var(--soft); font-size: 13px; white-space: nowrap; }}
th, td {{ padding: 5px 14px 5px 0; border-bottom: 1px solid var(--line); vertical-align: top; }}
td {{ white-space: nowrap; }}
td:last-child {{ white-space: normal; width: 45%; min-width: 260px; overflow-wrap: anywhere; }}
td b, td .soft {{ display: inline-block; max-width: 16em; white-space: normal; overflow-wrap: anywhere; }}
tr.failed td:first-child {{ box-shadow: -4px 0 var(--bad); }}
tr.found {{ outline: 2px solid var(--k0); }}
details summary {{ cursor: pointer; }}
.said {{ margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; font: 13px/1.5 ui-monospace, monospace;
  max-height: 24em; overflow-y: auto; background: var(--ground); border-radius: 6px; padding: 8px 10px; }}
ul.said {{ padding-left: 28px; }}
.error {{ color: var(--bad); margin: 2px 0 0; font-size: 13px; }}
.note {{ color: var(--soft); }}
@media print {{ .buttons, p.soft {{ display: none; }} }}
"""

SCRIPT = """
"use strict";
(() => {
  const box = document.getElementById("picture");
  if (!box) return;
  const data = JSON.parse(document.getElementById("data").textContent);
  const names = data.lanes.some((lane) => lane.name) ? 130 : 0;
  const row = 24, top = 24, gap = 8, space = "http://www.w3.org/2000/svg";
  let from = 0, to = data.seconds, moved = false;

  const make = (kind, attributes, text) => {
    const made = document.createElementNS(space, kind);
    for (const name in attributes) made.setAttribute(name, attributes[name]);
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const cut = (text, room) => {
    const most = Math.floor(room / 6.6);
    return text.length <= most ? text : most > 2 ? text.slice(0, most - 1) + "…" : "";
  };
  const told = (s, step) => {
    if (step >= 60) return `${Math.round(s / 60)} min`;
    if (step >= 0.1) return `${s.toFixed(step >= 1 ? 0 : 1)} s`;
    return step >= 0.001 ? `${Math.round(s * 1000)} ms` : `${(s * 1e6).toFixed(0)} µs`;
  };
  const stepFor = (least) => {
    for (let power = 1e-6; ; power *= 10) for (const n of [1, 2, 5]) if (n * power >= least) return n * power;
  };

  function draw() {
    const width = box.clientWidth, plot = Math.max(width - names - 8, 50);
    let height = top;
    for (const lane of data.lanes) height += row + (lane.name ? gap : 0);
    height += 6;
    const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, height });
    const x = (s) => names + ((s - from) / (to - from)) * plot;
    const defs = make("defs", {});
    const hatch = make("pattern", { id: "hatch", width: 6, height: 6, patternUnits: "userSpaceOnUse",
      patternTransform: "rotate(45)" });
    hatch.append(make("rect", { width: 2.5, height: 6, class: "tool" }));
    const clip = make("clipPath", { id: "plot" });
    clip.append(make("rect", { x: names, y: 0, width: plot + 8, height }));
    defs.append(hatch, clip);
    svg.append(defs);
    const step = stepFor((to - from) / Math.max(plot / 90, 1));
    for (let n = Math.ceil(from / step); n * step <= to; n++) {
      const at = x(n * step);
      svg.append(make("line", { x1: at, x2: at, y1: top - 6, y2: height, class: "grid" }));
      if (at < width - 40) svg.append(make("text", { x: at + 3, y: 13 }, told(n * step, step)));
    }
    const bars = make("g", { "clip-path": "url(#plot)" });
    let y = top;
    for (const lane of data.lanes) {
      if (lane.name) {
        y += gap;
        const name = make("text", { x: 0, y: y + 15, class: "name" }, cut(lane.name, names - 10));
        name.append(make("title", {}, lane.name));
        svg.append(name);
      }
      for (const bar of lane.bars) {
        const left = x(bar.b), right = Math.max(x(bar.e), left + 2);
        if (right < names || left > width) continue;
        const begin = Math.max(left, names - 10), end = Math.min(right, width + 10);
        const waits = bar.w ? Math.min(Math.max(x(bar.b + bar.w), begin), end) : begin;
        const group = make("g", { class: "bar" });
        group.append(make("title", {}, bar.tip));
        const shape = { y: y + 1, height: row - 5, rx: 3 };
        if (waits > begin) group.append(make("rect", { ...shape, x: begin, width: waits - begin, class: "wait" }));
        group.append(make("rect", { ...shape, x: waits, width: Math.max(end - waits, 1),
          class: bar.k + (bar.f ? " failed" : "") }));
        for (const mark of bar.m || [])
          group.append(make("line", { x1: x(mark), x2: x(mark), y1: y, y2: y + row - 3, class: "mark" }));
        const at = Math.max(waits, names) + 5;
        const label = cut(bar.t, Math.min(end, width) - at - 5);
        if (label) group.append(make("text", { x: at, y: y + 14, class: "inside" }, label));
        group.addEventListener("click", () => moved || show(bar.r));
        bars.append(group);
      }
      y += row;
    }
    svg.append(bars);
    box.replaceChildren(svg);
  }

  function show(id) {
    const found = document.getElementById(id);
    if (!found) return;
    for (const other of document.querySelectorAll(".found")) other.classList.remove("found");
    found.classList.add("found");
    const details = found.querySelector("details");
    if (details) details.open = true;
    found.scrollIntoView({ block: "center", behavior: "smooth" });
  }

  function look(begin, end) {
    const length = Math.min(Math.max(end - begin, data.seconds / 1e5, 1e-6), data.seconds);
    from = Math.min(Math.max(begin, 0), data.seconds - length);
    to = from + length;
    draw();
  }
  const zoom = (factor, share) => {
    const at = from + (to - from) * share;
    look(at - (at - from) * factor, at + (to - at) * factor);
  };
  const move = (share) => look(from + (to - from) * share, to + (to - from) * share);
  const shareOf = (event) => {
    const place = box.getBoundingClientRect();
    return Math.min(Math.max((event.clientX - place.left - names) / (place.width - names - 8), 0), 1);
  };

  box.addEventListener("wheel", (event) => {
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      move((event.deltaX || event.deltaY) / 1000);
    } else {
      zoom(Math.exp(Math.min(Math.max(event.deltaY, -200), 200) / 400), shareOf(event));
    }
    event.preventDefault();
  }, { passive: false });
  let dragged = null;
  box.addEventListener("pointerdown", (event) => { dragged = { x: event.clientX, from, to }; moved = false; });
  addEventListener("pointermove", (event) => {
    if (!dragged) return;
    const pixels = event.clientX - dragged.x;
    if (Math.abs(pixels) > 3) moved = true;
    const seconds = (pixels / Math.max(box.clientWidth - names - 8, 50)) * (dragged.to - dragged.from);
    if (moved) look(dragged.from - seconds, dragged.to - seconds);
  });
  addEventListener("pointerup", () => { dragged = null; });
  box.addEventListener("keydown", (event) => {
    const does = { "+": () => zoom(0.6, 0.5), "=": () => zoom(0.6, 0.5), "-": () => zoom(1.6, 0.5),
      0: () => look(0, data.seconds), ArrowLeft: () => move(-0.2), ArrowRight: () => move(0.2) }[event.key];
    if (does) { does(); event.preventDefault(); }
  });
  document.getElementById("in").addEventListener("click", () => zoom(0.6, 0.5));
  document.getElementById("out").addEventListener("click", () => zoom(1.6, 0.5));
  document.getElementById("all").addEventListener("click", () => look(0, data.seconds));
  new ResizeObserver(draw).observe(box);
  draw();
})();
"""
