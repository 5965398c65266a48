"""The tools of the group ``AIWorkerDefinition``: adding, finding, changing and removing definitions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ai_wm.tools.access import access_of, calling, charge
from ai_wm.tools.recovering import ADDED, REMOVED
from ai_wm.tools.shapes import (
    CONFIGURATION,
    DEFINITION,
    DEFINITION_FILTERS,
    KEY_SOURCE,
    LISTED_DEFINITION,
    PRICES,
    RATE_LIMITS,
    UPDATES,
)
from neuroscript import ArgSpec, ArgType, ToolSpec

if TYPE_CHECKING:
    from neuroscript import ToolContext

WORKER = ArgSpec("definition_id", ArgType.STRING, "The definition's id, or its unique name.")
NO_SUCH_WORKER = "9 if there is no such definition"
STORE_ERRORS = "26 if the file cannot be written"


def add(ctx: ToolContext, definition_id: str | None, name: str | None, *values: Any) -> str:
    """Adds a definition and returns its id."""
    fields = {"definition_id": definition_id, "name": name, **dict(zip(_ADDED, values, strict=True))}
    charge(ctx, fields)
    with calling(ctx):
        return access_of(ctx).definitions.add({key: value for key, value in fields.items() if value is not None})


def ensure(ctx: ToolContext, definition_id: str | None, name: str | None, *values: Any) -> str:
    """Adds a definition, or changes what differs in the one that there is, and returns its id."""
    fields = {"definition_id": definition_id, "name": name, **dict(zip(_ADDED, values, strict=True))}
    given = {key: value for key, value in fields.items() if value is not None}
    with calling(ctx):
        return access_of(ctx).definitions.ensure(given, lambda: charge(ctx, given))


def get(ctx: ToolContext, definition_id: str) -> dict[str, Any]:
    """Returns a definition as a map."""
    with calling(ctx):
        return access_of(ctx).definitions.get(definition_id)


def list_definitions(ctx: ToolContext, filters: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Returns the definitions that pass the filters as maps."""
    with calling(ctx):
        return access_of(ctx).definitions.select(filters)


def update(ctx: ToolContext, definition_id: str, updates: dict[str, Any]) -> None:
    """Changes a definition."""
    charge(ctx, updates)
    with calling(ctx):
        access_of(ctx).definitions.update(definition_id, updates)


def remove(ctx: ToolContext, definition_id: str) -> None:
    """Removes a definition."""
    with calling(ctx):
        access_of(ctx).definitions.remove(definition_id)


def load_all(ctx: ToolContext) -> str:
    """Reads the definitions from the file again."""
    with calling(ctx):
        return f"Reloaded {access_of(ctx).definitions.reload()} worker definitions."


def save_all(ctx: ToolContext) -> str:
    """Writes the definitions to the file."""
    with calling(ctx):
        return f"Saved {access_of(ctx).definitions.save()} worker definitions."


_ADD_ARGS = (
    ArgSpec(
        "definition_id",
        ArgType.STRING,
        "Its id; a UUID if left out. Where another program uses it, a mark is added to it.",
        required=False,
    ),
    ArgSpec("name", ArgType.STRING, "A name that no other definition has; made up if left out.", required=False),
    ArgSpec(
        "provider",
        ArgType.STRING,
        "Who serves the model: google, openai, anthropic, ollama, local, custom, azure, bedrock, vertex, a preset of "
        "custom such as groq, or a provider that a package adds.",
    ),
    ArgSpec("model_name", ArgType.STRING, "The model as the provider calls it; local has `echo` and `scripted`."),
    ArgSpec(
        "auth",
        ArgType.MAP,
        'Where the key comes from: `{"method": …, "value": …}` with the method env_var (a variable\'s name), '
        "config_path (path#dotted.key), vault (mount/path#field), keyring (service/user), entra, aws or google (an "
        "identity at a cloud), inline (the key itself, kept in the file) or none. Left out: the usual source of a "
        "provider that has one.",
        required=False,
        shape=KEY_SOURCE,
    ),
    ArgSpec(
        "interaction_models",
        ArgType.SLICE_STRING,
        "How it may be used: conversational, stateless_task, both. Left out: conversational.",
        required=False,
    ),
    ArgSpec("capabilities", ArgType.SLICE_STRING, "Words for what it can do, to find it by.", required=False),
    ArgSpec(
        "base_config",
        ArgType.MAP,
        "What each call gets unless it says otherwise, and for the model `scripted` its `replies`; other keys go to "
        "the provider as they are.",
        required=False,
        shape=CONFIGURATION,
    ),
    ArgSpec(
        "cost_metrics",
        ArgType.MAP,
        "Prices. Left out: the model's published prices, where known.",
        required=False,
        shape=PRICES,
    ),
    ArgSpec(
        "rate_limits",
        ArgType.MAP,
        "Limits and a budget; 0 or left out: no limit.",
        required=False,
        shape=RATE_LIMITS,
    ),
    ArgSpec("status", ArgType.STRING, "active, disabled or archived. Left out: active.", required=False),
    ArgSpec(
        "default_file_contexts",
        ArgType.SLICE_STRING,
        "Files of the sandbox that a conversation starts with.",
        required=False,
    ),
    ArgSpec("metadata", ArgType.MAP, "Anything to keep with it.", required=False),
    ArgSpec(
        "tool_allowlist",
        ArgType.SLICE_STRING,
        "Patterns of the tools that the model may call, like `str.*`, and procedures of the calling program by their "
        "full names, like `func:lookup`. Left out: none.",
        required=False,
    ),
    ArgSpec(
        "tool_denylist",
        ArgType.SLICE_STRING,
        "Patterns of tools that it may not call, whatever the allow list says.",
        required=False,
    ),
    ArgSpec("data_source_refs", ArgType.SLICE_STRING, "Names of data sources, kept with it.", required=False),
    ArgSpec(
        "default_supervisory_ai_ref",
        ArgType.STRING,
        "The name of the worker that supervises it, kept with it.",
        required=False,
    ),
)
_ENSURE_ARGS = (
    ArgSpec(
        "definition_id",
        ArgType.STRING,
        "Its id, if it is known by that; a UUID for a new one if left out.",
        required=False,
    ),
    ArgSpec("name", ArgType.STRING, "The name that it is known by where no id is given.", required=False),
    *_ADD_ARGS[2:],
)
_ADDED = tuple(arg.name for arg in _ADD_ARGS[2:])

FILTERS = ArgSpec(
    "filters",
    ArgType.MAP,
    "What must hold.",
    required=False,
    shape=DEFINITION_FILTERS,
)

TOOLS: list[tuple[ToolSpec, Callable[..., Any]]] = [
    (
        ToolSpec(
            name="AIWorkerDefinition.Add",
            description="Adds a worker definition: which model, from whom, with which key, settings, prices and "
            "limits. It is saved at once.",
            category="AI worker definitions",
            args=_ADD_ARGS,
            return_type=ArgType.STRING,
            return_help="The definition's id.",
            example='set id = tool.AIWorkerDefinition.Add(name: "helper", provider: "local", model_name: "echo", '
            'auth: {"method": "none"}, interaction_models: ["both"])',
            error_conditions="4 for a value that does not fit, naming the field (of a scripted worker's replies the "
            "reply too), and for an unknown key, naming the nearest; 42 if the id or the name is taken; "
            f"{STORE_ERRORS}.",
            capabilities=("ask",),
            effect="once",
            recovery=ADDED,
            administers=True,
        ),
        add,
    ),
    (
        ToolSpec(
            name="AIWorkerDefinition.Ensure",
            description="Sees to it that there is a worker definition: adds it, or changes what is given and differs "
            "in the one of that id or name, in one step. What is not given stays, as do its status and counters; where "
            "nothing differs nothing is written, so that a program may do it at each run. Of base_config, "
            "cost_metrics, rate_limits and metadata the keys given change, and nil takes a key out; any other value "
            "replaces the old one.",
            category="AI worker definitions",
            args=_ENSURE_ARGS,
            return_type=ArgType.STRING,
            return_help="The definition's id.",
            primer='`set id = tool.AIWorkerDefinition.Ensure(name: "w", provider: "local", model_name: "echo", '
            'auth: {"method": "none"}, interaction_models: ["both"])` adds or changes it; it says "echo: " + prompt. '
            'Providers: google openai anthropic ollama local custom; auth {"method": "env_var", "value": "NAME"}. '
            "interaction_models: stateless_task, conversational (default), both.\n"
            "Also base_config: {temperature,max_output_tokens,system_prompt,…}, rate_limits: "
            "{max_{requests,tokens}_per_{minute,day},max_cost_per_day} (beyond: error 20), cost_metrics: "
            "{{input,output}_cost_per_token,cost_per_call}, "
            'tool_allowlist: ["math.*", "func:my_procedure"].\n'
            'local "scripted" gives base_config.replies in turn, over again: "text", '
            '{"error": {"code": 16, "message": "m"}}, '
            '{"tool_calls": [{"name": "math__Add", "arguments": {…}}]}, or "func__my_procedure".',
            example='set id = tool.AIWorkerDefinition.Ensure(name: "helper", provider: "local", model_name: "echo", '
            'auth: {"method": "none"}, interaction_models: ["both"])',
            error_conditions="4 for a value that does not fit, naming the field, for an unknown key, naming the "
            "nearest, and for neither name nor id; 10, naming what differs, where it is the host's definition and "
            "scripts may not change it; 9 if several archived ones have the name; 11 for the name of one with another "
            f"id; 42 if the id or the name is taken; {STORE_ERRORS}.",
            capabilities=("ask",),
            effect="idempotent",
            administers=True,
        ),
        ensure,
    ),
    (
        ToolSpec(
            name="AIWorkerDefinition.Get",
            description="Gives a worker definition with its summary of all tasks so far.",
            category="AI worker definitions",
            args=(WORKER,),
            return_type=ArgType.MAP,
            return_help="The definition; an inline key reads `***`.",
            result_shape=DEFINITION,
            primer="→{name,status,…,aggregate_performance_summary:{total_tasks_attempted,successful_tasks,failed_tasks,"
            "average_success_rate,total_tokens_processed,total_cost_incurred,…}}",
            example='set summary = tool.AIWorkerDefinition.Get("helper").aggregate_performance_summary',
            error_conditions=f"{NO_SUCH_WORKER}.",
            capabilities=("ask",),
            effect="read",
        ),
        get,
    ),
    (
        ToolSpec(
            name="AIWorkerDefinition.List",
            description="Lists worker definitions.",
            category="AI worker definitions",
            args=(FILTERS,),
            return_type=ArgType.SLICE_MAP,
            return_help="Maps as `AIWorkerDefinition.Get` gives, and two keys more, by name.",
            result_shape=LISTED_DEFINITION,
            example='for each worker in tool.AIWorkerDefinition.List({"status": "active"})\n'
            '  emit worker["name"]\n'
            "endfor",
            error_conditions="4 for an unknown filter.",
            capabilities=("ask",),
            effect="read",
        ),
        list_definitions,
    ),
    (
        ToolSpec(
            name="AIWorkerDefinition.Update",
            description="Changes a worker definition, wholly or not at all. A map given replaces the old one.",
            category="AI worker definitions",
            args=(WORKER, ArgSpec("updates", ArgType.MAP, "The fields to change, named as for Add.", shape=UPDATES)),
            return_type=ArgType.NIL,
            return_help="nil",
            example='call tool.AIWorkerDefinition.Update("helper", {"status": "disabled"})',
            error_conditions=f"{NO_SUCH_WORKER}; 4 for a value that does not fit; 11 for the id or the summary; 42 if "
            f"the new name is taken; {STORE_ERRORS}.",
            capabilities=("ask",),
            effect="idempotent",
            administers=True,
        ),
        update,
    ),
    (
        ToolSpec(
            name="AIWorkerDefinition.Remove",
            description="Removes a worker definition. The records of what it did stay in the file.",
            category="AI worker definitions",
            args=(WORKER,),
            return_type=ArgType.NIL,
            return_help="nil",
            example='call tool.AIWorkerDefinition.Remove("helper")',
            error_conditions=f"{NO_SUCH_WORKER}; 19 while it has active instances; {STORE_ERRORS}.",
            capabilities=("ask",),
            effect="once",
            recovery=REMOVED,
            administers=True,
        ),
        remove,
    ),
    (
        ToolSpec(
            name="AIWorkerDefinition.LoadAll",
            description="Reads the worker definitions from the sandbox again, after another program changed them.",
            category="AI worker definitions",
            return_type=ArgType.STRING,
            return_help="`Reloaded N worker definitions.`",
            example="emit tool.AIWorkerDefinition.LoadAll()",
            error_conditions="18 if the file is not valid; what was loaded before then stays.",
            capabilities=("ask",),
            effect="idempotent",
            administers=True,
        ),
        load_all,
    ),
    (
        ToolSpec(
            name="AIWorkerDefinition.SaveAll",
            description="Writes all worker definitions to the sandbox. Every change is saved anyway.",
            category="AI worker definitions",
            return_type=ArgType.STRING,
            return_help="`Saved N worker definitions.`",
            example="emit tool.AIWorkerDefinition.SaveAll()",
            error_conditions=f"{STORE_ERRORS}.",
            capabilities=("ask",),
            effect="idempotent",
            administers=True,
        ),
        save_all,
    ),
]
