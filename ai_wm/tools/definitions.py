"""The tools of the group ``AIWorkerDefinition``: adding, finding, changing and removing definitions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ai_wm.tools.access import access_of, calling, charge
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
        "Who serves the model: google, openai, anthropic, ollama, local, custom, a preset of custom such as groq, or a "
        "provider that a package adds.",
    ),
    ArgSpec("model_name", ArgType.STRING, "The model as the provider calls it; local has `echo` and `scripted`."),
    ArgSpec(
        "auth",
        ArgType.MAP,
        'Where the key comes from: `{"method": …, "value": …}` with the method env_var (a variable\'s name), '
        "config_path (path#dotted.key), vault (mount/path#field), keyring (service/user), inline (the key itself, "
        "kept in the file) or none. Left out: the usual source of a provider that has one.",
        required=False,
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
        "What each call gets unless it says otherwise: temperature, top_p, top_k, max_output_tokens, stop, seed, "
        "system_prompt, timeout_seconds, max_retries, base_url, response_format, tool_choice, fallbacks, on_limit, "
        "limit_wait_seconds, max_tool_rounds; other keys go to the provider as they are.",
        required=False,
    ),
    ArgSpec(
        "cost_metrics",
        ArgType.MAP,
        "Prices: input_cost_per_token, output_cost_per_token, cached_input_cost_per_token, "
        "cache_write_cost_per_token, cache_write_1h_cost_per_token, cost_per_call. Left out: the model's published "
        "prices, where known.",
        required=False,
    ),
    ArgSpec(
        "rate_limits",
        ArgType.MAP,
        "max_requests_per_minute, max_requests_per_day, max_tokens_per_minute, max_tokens_per_day, "
        "max_concurrent_active_instances, max_cost_per_day; 0 or left out: no limit.",
        required=False,
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
        "Patterns of the tools that the model may call, like `str.*`. Left out: none.",
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
_ADDED = tuple(arg.name for arg in _ADD_ARGS[2:])

FILTERS = ArgSpec(
    "filters",
    ArgType.MAP,
    "What must hold: definition_id, name and model_name (contain, case aside), provider, status, "
    "interaction_models_contains, capabilities_contains and capabilities_contains_all (case aside).",
    required=False,
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
            error_conditions="4 for a value that does not fit, naming the field, and for an unknown key, naming the "
            "nearest; 42 if the id or the name is taken; "
            f"{STORE_ERRORS}.",
            capabilities=("ask",),
            administers=True,
        ),
        add,
    ),
    (
        ToolSpec(
            name="AIWorkerDefinition.Get",
            description="Gives a worker definition with its summary of all tasks so far.",
            category="AI worker definitions",
            args=(WORKER,),
            return_type=ArgType.MAP,
            return_help="A map with keys like `definition_id`, `name`, `provider`, `model_name`, `base_config`, "
            "`rate_limits`, `aggregate_performance_summary`; an inline key reads `***`.",
            example='set summary = tool.AIWorkerDefinition.Get("helper").aggregate_performance_summary',
            error_conditions=f"{NO_SUCH_WORKER}.",
            capabilities=("ask",),
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
            return_help="Maps as `AIWorkerDefinition.Get` gives, by name, with `can_chat` and `api_key_status` (Found, "
            "Not Found, Not Configured or Error Resolving) besides.",
            example='for each worker in tool.AIWorkerDefinition.List({"status": "active"})\n'
            '  emit worker["name"]\n'
            "endfor",
            error_conditions="4 for an unknown filter.",
            capabilities=("ask",),
        ),
        list_definitions,
    ),
    (
        ToolSpec(
            name="AIWorkerDefinition.Update",
            description="Changes a worker definition, wholly or not at all. A map given replaces the old one.",
            category="AI worker definitions",
            args=(WORKER, ArgSpec("updates", ArgType.MAP, "The fields to change, named as for Add.")),
            return_type=ArgType.NIL,
            return_help="nil",
            example='call tool.AIWorkerDefinition.Update("helper", {"status": "disabled"})',
            error_conditions=f"{NO_SUCH_WORKER}; 4 for a value that does not fit; 11 for the id or the summary; 42 if "
            f"the new name is taken; {STORE_ERRORS}.",
            capabilities=("ask",),
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
            administers=True,
        ),
        save_all,
    ),
]
