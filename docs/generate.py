"""Writes the pages that are made from the code: ``python docs/generate.py`` (or ``make docs``)."""

from __future__ import annotations

import inspect
import re
import sys
import textwrap
from collections import defaultdict
from pathlib import Path

import ai_wm
import neuroscript
from ai_wm.data.presets import PRESETS
from neuroscript import ErrorCode, Interpreter, NeuroScriptError, Shape, ToolSpec, jobs
from neuroscript.lint.rules import RULES

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from generators import NOTE  # noqa: E402
from generators.commands import commands_page  # noqa: E402
from generators.cookbook import cookbook_page  # noqa: E402
from generators.diagrams import diagram_files  # noqa: E402
from generators.error_table import errors_page  # noqa: E402
from generators.python_api import limits_page, module_page  # noqa: E402
from generators.session_picture import session_picture  # noqa: E402
from generators.syntax import syntax_page  # noqa: E402


def pages() -> dict[str, str]:
    """The text of each generated page by its name."""
    return {
        "tools.md": tools_page(),
        "api.md": api_page(),
        "lint.md": lint_page(),
        **diagram_files(),
        "assets/session.svg": session_picture(),
        "cookbook.md": cookbook_page(),
        "errors.md": errors_page(),
        "llms.txt": primer(),
        "providers/presets.md": presets_page(),
        "reference/commands.md": commands_page(),
        "reference/limits.md": limits_page(),
        "reference/syntax.md": syntax_page(),
        "reference/neuroscript.md": module_page(neuroscript, "neuroscript", _NEUROSCRIPT),
        "reference/jobs.md": module_page(jobs, "neuroscript.jobs", _JOBS),
        "reference/ai_wm.md": module_page(ai_wm, "ai_wm", _AI_WM),
    }


_NEUROSCRIPT = """What `from neuroscript import …` gives, in full. [Embedding](../embedding.md) shows it in use, and
[one table](../api.md) has all names."""
_JOBS = """What `from neuroscript.jobs import …` gives, in full. [Queue work](../howto/queues.md) shows it in use."""
_AI_WM = """What `from ai_wm import …` gives, in full: [`AIWorkerManager`](#aiworkermanager) is where a host begins.
[AI workers](../workers.md#from-python) shows it in use."""


def primer() -> str:
    """The primer of a host that permits all standard tools and workers, and gives a directory."""
    with Interpreter() as interpreter:
        return interpreter.primer(files=True)


def tools_page() -> str:
    """The tool reference: every tool's spec, by group."""
    with Interpreter() as interpreter:
        specs = interpreter.tools.specs()
    groups: dict[str, list[ToolSpec]] = defaultdict(list)
    for spec in specs:
        groups[spec.group].append(spec)
    parts = [NOTE, "# Tools\n"]
    parts.append(
        "Names do not depend on case. Arguments go by position or by name. A wrong type or count is error 4. "
        "`tool.Meta.ToolsHelp` shows the same in a program, `neuroscript tools` at the command line.\n"
    )
    parts.append(" · ".join(f"[{group}](#{group.lower()})" for group in sorted(groups, key=str.lower)) + "\n")
    for group in sorted(groups, key=str.lower):
        parts.append(f"## {group}\n")
        parts += [one_tool(spec) for spec in groups[group]]
    parts.append("## Maps\n")
    parts.append("The keys of the maps that the tools take and give; a map that is *open* may have others as well.\n")
    parts += [one_shape(shape) for shape in shapes_of(specs)]
    return "\n".join(parts)


def shapes_of(specs: list[ToolSpec]) -> list[Shape]:
    """The shapes that the specs declare, and those in them, by name."""
    declared = [arg.shape for spec in specs for arg in spec.args] + [spec.result_shape for spec in specs]
    found: dict[str, Shape] = {}
    for shape in (inner for each in declared if each is not None for inner in each.walk()):
        known = found.setdefault(shape.name, shape)
        assert known.fields.keys() == shape.fields.keys(), f"two shapes are called {shape.name}"
    return [found[name] for name in sorted(found)]


def one_shape(shape: Shape) -> str:
    """One map's section."""
    title = f"### Map: {shape.name}\n"
    rows = [f"| `{one.name}` | {one.type} | {one.description}{keys_of(one.shape)} |" for one in shape.fields.values()]
    more = ["It is open.\n"] if shape.open else []
    return "\n".join([title, *more, "| key | type | what it is |", "| --- | --- | --- |", *rows, ""])


def keys_of(shape: Shape | None) -> str:
    """A link to the keys of a map."""
    if shape is None:
        return ""
    anchor = re.sub(r"[^\w\- ]", "", f"map-{shape.name}".lower()).replace(" ", "-")
    return f" Keys: [{shape.name}](#{anchor})."


def one_tool(spec: ToolSpec) -> str:
    """One tool's section."""
    lines = [f"### `{spec.usage}`\n", spec.description + "\n"]
    for arg in spec.args:
        need = "" if arg.required else f", optional{'' if arg.default is None else f', {arg.default!r} if left out'}"
        more = " (and any number more)" if spec.variadic and arg is spec.args[-1] else ""
        lines.append(f"* `{arg.name}` ({arg.type}{need}): {arg.description}{more}{keys_of(arg.shape)}")
    if spec.args:
        lines.append("")
    result = f"Gives {spec.return_type}" + (f": {spec.return_help}" if spec.return_help else ".")
    result += keys_of(spec.result_shape)
    lines.append(result)
    if spec.error_conditions:
        lines.append(f"Fails: {spec.error_conditions}")
    if spec.capabilities:
        lines.append(f"Needs: {', '.join(f'`{name}`' for name in spec.capabilities)}.")
    if spec.example:
        lines.append("\n" + "\n".join(f"    {line}" for line in spec.example.splitlines()))
    return "\n".join(lines) + "\n"


def api_page() -> str:
    """The Python names of the package and the error codes."""
    rows = []
    for name in neuroscript.__all__:
        doc = inspect.getdoc(getattr(neuroscript, name)) or ""
        rows.append(f"| `{name}` | {' '.join(doc.split(chr(10) * 2)[0].split())} |".replace("``", "`"))
    codes = [f"| {code.value} | {code.name} | `{type(NeuroScriptError(code)).__name__}` |" for code in ErrorCode]
    return "\n".join(
        [
            NOTE,
            "# Python names\n",
            "What `from neuroscript import …` gives, in short; [in full](reference/neuroscript.md) with arguments and",
            "methods.\n",
            "| name | what it is |",
            "| --- | --- |",
            *rows,
            "",
            "## Error codes\n",
            "The numbers are stable. Codes of 1000 and up belong to tools. [Error codes](errors.md) explains each.\n",
            "| code | name | class |",
            "| --- | --- | --- |",
            *codes,
            "",
        ]
    )


_SCHEMAS = {"strict": "with `strict`", "plain": "without `strict`", "none": "in the system prompt"}


def presets_page() -> str:
    """The table of the presets of OpenAI-compatible services."""
    rows = []
    for name, preset in PRESETS.items():
        key = f"`{preset.variable}`" if preset.variable else "none"
        streams = "asked for" if preset.stream_options else "always there"
        back = ", ".join(f"`{field}`" for field in preset.reasoning) or "none"
        limit, schemas = f"`{preset.output_limit}`", _SCHEMAS[preset.schemas]
        cells = (f"`{name}`", f"`{preset.base_url}`", key, limit, f"`{preset.seed}`", schemas, back, streams)
        rows.append(f"| {' | '.join(cells)} | {preset.advice or '–'} |")
    return "\n".join(
        [
            NOTE,
            "# Presets\n",
            "Services and servers that speak OpenAI's chat completions, by name. A preset is [`custom`](custom.md)",
            "with the address, the usual key and the deviations of the service filled in: a definition needs no more",
            'than `{"provider": "groq", "model_name": "…"}`. `auth` and `base_url` come before what the preset says.\n',
            "Without `auth` the key of the usual variable goes to the preset's own address alone. With another",
            "`base_url` a definition says in `auth` which key it means there, if any, as with `custom`; else its calls",
            "are refused (10), before the key is looked up.\n",
            "Presets for this machine need no key and cost nothing there; scripts reach them by a definition of the",
            "host's, or where the host permits the address (`--allow-origin`).\n",
            "| provider | address | key | output limit | seed | schema | reasoning back | usage in streams | more |",
            "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
            *rows,
            "",
        ]
    )


def lint_page() -> str:
    """The rules of ``neuroscript check``, each with its examples."""
    parts = [
        NOTE,
        "# Rules of `neuroscript check`\n",
        (
            "What `check` finds besides what cannot be loaded. An error is certain to fail where it is reached; a "
            "warning is hardly meant. `neuroscript explain NS101` shows the same at the command line; "
            "[comments](cli.md#check) silence a finding.\n"
        ),
        "| code | name | what it finds |",
        "| --- | --- | --- |",
        *(
            f"| [{rule.code}](#{rule.code.lower()}-{rule.name}) | {rule.name} | {rule.summary} |"
            for rule in RULES.values()
        ),
        "",
    ]
    for rule in RULES.values():
        wrong, right = (textwrap.indent(example, "    ") for example in (rule.wrong, rule.right))
        parts.append(f"## {rule.code} {rule.name}\n\n{rule.summary} {rule.explanation}\n")
        parts.append(f"Wrong{' (an error)' if rule.severity == 'error' else ''}:\n\n{wrong}\n\nRight:\n\n{right}\n")
    return "\n".join(parts)


if __name__ == "__main__":
    for page, text in pages().items():
        (HERE / page).write_text(text, encoding="utf-8")
